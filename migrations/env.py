"""The configuration that aerich reads: the tables, in the database that the settings name."""

import os

from database.connection import tortoise_config

TORTOISE = tortoise_config(os.environ.get("DATABASE_URL", "postgresql://postgres@localhost/paygraph"))
