"""What aerich reads: the tables, at the database that the settings name."""

import os

from database.connection import tortoise_config

TORTOISE = tortoise_config(os.environ.get("DATABASE_URL", "postgresql://postgres@localhost/paygraph"))
