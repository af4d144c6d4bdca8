"""Tables ``assignments`` and ``pods``: which pod tracks which hopper. The only module that knows their columns."""

from collections.abc import Iterable

from cryptwire.domain.hopper import Assignment, HopperId
from cryptwire.storage.database import Database
from cryptwire.storage.hoppers import hopper_of

_IS_CONFIRMED = "SELECT confirmed_at > now() - interval '10 seconds' FROM pods WHERE pod = $1"
_OF_POD = """
    SELECT h.hopper_id, h.user_id::text, h.name, h.exchange, h.base_currency, h.is_paper, h.refresh_seconds, a.fence
      FROM assignments a JOIN hoppers h USING (hopper_id)
     WHERE a.pod = $1
"""
_CONFIRM = "INSERT INTO pods VALUES ($1, now()) ON CONFLICT (pod) DO UPDATE SET confirmed_at = now()"
_ASSIGN = """
    INSERT INTO assignments (hopper_id, pod, fence) SELECT unnest($1::text[]), $2, 1
    ON CONFLICT (hopper_id) DO UPDATE
       SET pod = excluded.pod, fence = assignments.fence + 1, granted_at = now()
     WHERE assignments.pod <> excluded.pod
"""
_FENCES = "SELECT hopper_id, fence FROM assignments WHERE hopper_id = ANY($1::text[])"


class Assignments:
    """Who tracks what, judged by the database's clock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_pod(self, pod: str) -> list[Assignment] | None:
        """What ``pod`` holds; None when it was not confirmed within 10 s."""
        if not await self._database.value(_IS_CONFIRMED, pod):
            return None
        return [Assignment(hopper_of(row), row["fence"]) for row in await self._database.fetch(_OF_POD, pod)]

    async def confirm(self, pod: str) -> None:
        """``pod`` lives; written by whoever manages pods, each 3 s."""
        await self._database.execute(_CONFIRM, pod)

    async def assign(self, hoppers: Iterable[HopperId], pod: str) -> None:
        """Give hoppers to ``pod``; the fence grows where the pod changes."""
        await self._database.execute(_ASSIGN, list(hoppers), pod)

    async def fences(self, hoppers: Iterable[HopperId]) -> dict[HopperId, int]:
        """The current fence of each of ``hoppers`` that is assigned."""
        return {HopperId(row["hopper_id"]): row["fence"] for row in await self._database.fetch(_FENCES, list(hoppers))}
