"""A subscriber in this process: what a transport does with the schema, without the wire."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import asyncio
from dataclasses import dataclass
from graphql import ExecutionResult, GraphQLError, parse, subscribe
