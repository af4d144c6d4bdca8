"""What users want their hoppers to hold: set, cleared, read."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from api.handlers.changes import Changes
from api.ports import Hoppers
from cryptwire.domain.hopper import Asset, HopperId, UserId
from cryptwire.domain.rebalancing import TargetSet, checked
from cryptwire.errors import Invalid

_LONGEST = 20


class TargetRows(Protocol):
    """See cryptwire/storage/targets.py; raises Unavailable."""

    async def of(self, user: UserId, hoppers: Sequence[HopperId]) -> dict[HopperId, TargetSet]: ...

    async def set(self, user: UserId, hopper: HopperId, weights: Mapping[Asset, Decimal]) -> None: ...

    async def clear(self, user: UserId, hopper: HopperId) -> bool: ...


class Targets:
    """Every method raises NotFound for a hopper that is not the user's, as for one that is not there."""

    def __init__(self, rows: TargetRows, hoppers: Hoppers, changes: Changes) -> None:
        self._rows = rows
        self._hoppers = hoppers
        self._changes = changes

    async def of(self, user: UserId, hopper: HopperId) -> TargetSet | None:
        """None when it has no targets."""
        one = await self._hoppers.of(user, hopper)
        return (await self._rows.of(user, [one.id])).get(one.id)

    async def set(self, user: UserId, hopper: HopperId, targets: Sequence[tuple[str, Decimal]]) -> None:
        """These instead of all that were there; raises Invalid."""
        one = await self._hoppers.of(user, hopper)
        weights = checked([(_asset(asset), weight) for asset, weight in targets])
        await self._rows.set(user, one.id, weights)
        await self._changes.tell("account", user)

    async def clear(self, user: UserId, hopper: HopperId) -> bool:
        """Whether there were any."""
        one = await self._hoppers.of(user, hopper)
        was_there = await self._rows.clear(user, one.id)
        if was_there:
            await self._changes.tell("account", user)
        return was_there


def _asset(text: str) -> Asset:
    asset = text.strip().upper()
    if not 1 <= len(asset) <= _LONGEST or not asset.isprintable() or any(letter.isspace() for letter in asset):
        raise Invalid(f"{text[:_LONGEST]!r} is no coin; use its symbol, such as BTC")
    return Asset(asset)
