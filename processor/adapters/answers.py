"""Answers of the services that tell of the world: asked politely, bounded, parsed with exact numbers."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import aiohttp

from cryptwire.errors import Corrupt, Unavailable

_MOST_BYTES = 8_000_000
_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)


async def ask(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], query: Mapping[str, str]
) -> tuple[int, Mapping[str, str], Any]:
    """Status, headers and parsed body (numbers as Decimal; None for an empty one). No redirect is followed.

    Raises Unavailable when no whole answer comes, Corrupt when it is too long or no JSON.
    """
    try:
        async with session.get(
            url, headers=headers, params=query, timeout=_TIMEOUT, allow_redirects=False
        ) as answer:  # keys are in headers, never in the address
            body = await answer.content.read(_MOST_BYTES + 1)
            while len(body) <= _MOST_BYTES and (more := await answer.content.read(_MOST_BYTES + 1 - len(body))):
                body += more
            status, said = answer.status, dict(answer.headers)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unavailable(f"no answer ({type(error).__name__})") from None
    if len(body) > _MOST_BYTES:
        raise Corrupt("the answer is far too long")
    if not body:
        return status, said, None
    try:
        return status, said, json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        if status >= 500:
            raise Unavailable(f"status {status}") from None
        raise Corrupt(f"status {status}, and the body is no JSON") from None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def number(value: Any) -> Decimal | None:
    """A finite number above 0, however it was written; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        parsed = Decimal(value)
    except InvalidOperation:
        return None
    return parsed if parsed.is_finite() and parsed > 0 and abs(parsed.adjusted()) <= 40 else None


def whole(value: Any) -> int | None:
    """A whole number from 0; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62 else None


def text(value: Any, longest: int) -> str | None:
    """Printable text, not empty and not too long; None for anything else."""
    return value if isinstance(value, str) and 0 < len(value) <= longest and value.isprintable() else None


def moment(value: Any) -> datetime | None:
    """A moment in ISO 8601 with an offset; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return None if parsed.tzinfo is None else parsed.astimezone(UTC)
