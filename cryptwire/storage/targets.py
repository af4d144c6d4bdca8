"""Table ``targets``: the only module that knows its columns."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from cryptwire.domain.hopper import Asset, HopperId, UserId
from cryptwire.domain.rebalancing import TargetSet
from cryptwire.storage.database import Database

_OF = """
    SELECT hopper_id, asset, weight, set_at FROM targets
     WHERE user_id = $1::text::uuid AND hopper_id = ANY($2::text[]) ORDER BY hopper_id, weight DESC, asset
"""
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('targets'), hashtext($1))"
_CLEAR = "DELETE FROM targets WHERE user_id = $1::text::uuid AND hopper_id = $2"
_SET = """
    INSERT INTO targets (user_id, hopper_id, asset, weight)
    SELECT $1::text::uuid, $2, n.* FROM unnest($3::text[], $4::numeric[]) AS n(asset, weight)
"""


class Targets:
    """What users want their hoppers to hold. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, user: UserId, hoppers: Sequence[HopperId]) -> dict[HopperId, TargetSet]:
        """Of those that have targets, of this user's."""
        found: dict[HopperId, tuple[dict[Asset, Decimal], datetime]] = {}
        for row in await self._database.fetch(_OF, user, list(hoppers)):
            weights, _ = found.setdefault(HopperId(row["hopper_id"]), ({}, row["set_at"]))
            weights[Asset(row["asset"])] = row["weight"]
        return {hopper: TargetSet(hopper, *kept) for hopper, kept in found.items()}

    async def set(self, user: UserId, hopper: HopperId, weights: Mapping[Asset, Decimal]) -> None:
        """These instead of all that were there."""
        async with self._database.transaction() as connection:
            await connection.execute(_ONE_AT_A_TIME, hopper)
            await connection.execute(_CLEAR, user, hopper)
            await connection.execute(_SET, user, hopper, list(weights), list(weights.values()))

    async def clear(self, user: UserId, hopper: HopperId) -> bool:
        """None any more; whether there were any."""
        return await self._database.execute(_CLEAR, user, hopper) != "DELETE 0"
