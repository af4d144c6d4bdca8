"""Pages of what rule sets did, for whoever the hopper belongs to."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from api.handlers.rule_sets import rule_set_id, up_to
from api.ports import Hoppers
from cryptwire.clock import from_us, to_us
from cryptwire.domain.action import IntentId, RuleSetId
from cryptwire.domain.audit import Sealed
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import Invalid
from cryptwire.storage.rule_history import KeptIntent

_MOST_NUMBER = 2**63 - 1
Row = TypeVar("Row")


class Rows(Protocol):
    """See cryptwire/storage/rule_history.py; raises Unavailable."""

    async def intents(
        self,
        user: UserId,
        hopper: HopperId,
        rule_set: RuleSetId | None,
        after: tuple[datetime, IntentId] | None,
        most: int,
    ) -> list[KeptIntent]: ...

    async def audit(self, hopper: HopperId, before: int, most: int) -> list[Sealed]: ...


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """The newest first."""

    found: Sequence[Row]
    has_more: bool


class RuleHistory:
    """Every method raises NotFound for a hopper that is not the user's, Invalid for a page that cannot be."""

    def __init__(self, rows: Rows, hoppers: Hoppers) -> None:
        self._rows = rows
        self._hoppers = hoppers

    async def intents(
        self, user: UserId, hopper: HopperId, rule_set: str | None, first: int, after: str | None
    ) -> Page[KeptIntent]:
        """What was wanted done, of one rule set alone or of all."""
        one = await self._hoppers.of(user, hopper)
        wanted = None if rule_set is None else rule_set_id(rule_set)
        place = None if after is None else place_of(after)
        found = await self._rows.intents(user, one.id, wanted, place, up_to(first) + 1)
        return Page(found[:first], len(found) > first)

    async def audit(self, user: UserId, hopper: HopperId, first: int, after: str | None) -> Page[Sealed]:
        """What was written down; ``after`` is a number."""
        one = await self._hoppers.of(user, hopper)
        if after is not None and not (after.isascii() and after.isdigit() and len(after) <= 18):
            raise Invalid("after is not an endCursor of auditLog; leave it out to begin")
        before = _MOST_NUMBER if after is None else int(after)
        found = await self._rows.audit(one.id, before, up_to(first) + 1)
        return Page(found[:first], len(found) > first)


def cursor_of(intent: KeptIntent) -> str:
    """Where a page ends."""
    return f"{to_us(intent.decided_at)}.{intent.id}"


def place_of(cursor: str) -> tuple[datetime, IntentId]:
    """What ``cursor_of`` said; raises Invalid."""
    at, _, id_ = cursor.partition(".")
    try:
        if not (at.isascii() and at.isdigit() and len(at) <= 18):
            raise ValueError
        return from_us(int(at)), IntentId(str(uuid.UUID(id_)))
    except (ValueError, OverflowError):
        raise Invalid("after is not an endCursor of intents; leave it out to begin") from None
