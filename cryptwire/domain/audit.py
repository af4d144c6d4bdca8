"""The audit: what was decided and done for one hopper, entry after entry, each sealed by a hash over all before it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cryptwire.domain.action import IntentId, RuleSetId
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import Corrupt

FIRST = bytes(32)
"""What stands for the hash before the first entry's."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to be written down of ``hopper``; ``body`` is JSON, holds no secret and nothing personal.

    ``by``: which user did it, None for what did itself; kept apart from what is hashed, to be erased with him.
    """

    hopper: HopperId
    at: datetime
    kind: str
    body: Mapping[str, Any]
    rule_set: RuleSetId | None = None
    version: int | None = None
    intent: IntentId | None = None
    by: UserId | None = None


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry as it stands in its chain. ``body`` is the very text that was hashed."""

    chain: str
    number: int
    at: datetime
    kind: str
    rule_set: str | None
    version: int | None
    intent: str | None
    body: str
    previous: bytes
    hash: bytes


def body_text(body: Mapping[str, Any]) -> str:
    """A body as it is hashed and kept: JSON, keys in order, no spaces, ASCII; raises ValueError for NaN."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def sealed(chain: str, number: int, entry: Entry, previous: bytes) -> Sealed:
    """``entry`` as number ``number`` of ``chain``, behind the one whose hash is ``previous``."""
    rule_set = None if entry.rule_set is None else str(UUID(entry.rule_set))
    intent = None if entry.intent is None else str(UUID(entry.intent))
    at, body = entry.at.astimezone(UTC), body_text(entry.body)
    hash_ = _hash(chain, number, at, entry.kind, rule_set, entry.version, intent, body, previous)
    return Sealed(chain, number, at, entry.kind, rule_set, entry.version, intent, body, previous, hash_)


def verify(entries: Iterable[Sealed]) -> int:
    """How many entries one chain has; raises Corrupt that names the first number at which it does not hold.

    Entries are in order, from the first on. What was cut off at the end cannot be seen from the chain alone: compare
    its length and last hash with those that were exported before.
    """
    previous, count = FIRST, 0
    for entry in entries:
        count += 1
        if entry.number != count:
            raise Corrupt(f"number {count} is missing: number {entry.number} comes in its place")
        if entry.previous != previous:
            raise Corrupt(f"number {count} does not follow the one before it")
        wanted = _hash(
            entry.chain,
            entry.number,
            entry.at,
            entry.kind,
            entry.rule_set,
            entry.version,
            entry.intent,
            entry.body,
            entry.previous,
        )
        if wanted != entry.hash:
            raise Corrupt(f"number {count} is not what was written")
        previous = entry.hash
    return count


def _hash(
    chain: str,
    number: int,
    at: datetime,
    kind: str,
    rule_set: str | None,
    version: int | None,
    intent: str | None,
    body: str,
    previous: bytes,
) -> bytes:
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    text = json.dumps([chain, number, moment, kind, rule_set, version, intent, body], separators=(",", ":"))
    return hashlib.sha256(previous + text.encode()).digest()
