"""Connections to Redis. Everything lies under ``cw:``; a replay under ``cw:replay:<run>:``."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import redis.asyncio as aioredis
import redis.exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cryptwire.errors import Corrupt, Unavailable

LIVE_KEYS = "cw:"

Redis = aioredis.Redis


def replay_keys(run: str) -> str:
    """The key prefix of one replay."""
    return f"cw:replay:{run}:"


@contextmanager
def our_errors() -> Iterator[None]:
    """Turn redis-py's errors into ours: Unavailable (again later) or Corrupt."""
    try:
        yield
    except (
        OSError,
        TimeoutError,
        redis.exceptions.ConnectionError,
        redis.exceptions.TimeoutError,
        redis.exceptions.OutOfMemoryError,
    ) as error:
        raise Unavailable(f"Redis is away ({type(error).__name__})") from error
    except redis.exceptions.RedisError as error:
        raise Corrupt(f"Redis answers: {error}") from error


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Redis]:
    """A client that connects when needed.

    It repeats nothing by itself: a call whose answer was lost may have been done, and only the caller knows whether
    doing it twice does harm.
    """
    client: Redis = aioredis.Redis.from_url(
        url, retry=Retry(NoBackoff(), 0), socket_timeout=10, socket_connect_timeout=2, health_check_interval=10
    )
    try:
        yield client
    finally:
        await client.aclose()
