"""Tables ``assignments`` and ``pods``: which pod tracks which hopper. The only module that knows their columns."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

from cryptwire.domain.hopper import Assignment, HopperId, UserId
from cryptwire.storage.database import Connection, Database
from cryptwire.storage.hoppers import hopper_of

# Read each 3 s, so what ten thousand hoppers hold is fetched anew only when something changed, or once a minute.
_STATE = """
    SELECT confirmed_at > now() - interval '10 seconds' AS is_confirmed, date_trunc('minute', now()) AS minute,
           (SELECT row(count(*), sum(fence), max(granted_at))::text FROM assignments WHERE pod = $1) AS held
      FROM pods WHERE pod = $1
"""
_OF_POD = """
    SELECT h.hopper_id, h.user_id::text, h.name, h.exchange, h.base_currency, h.is_paper, h.refresh_seconds, a.fence
      FROM assignments a JOIN hoppers h USING (hopper_id)
     WHERE a.pod = $1
"""
_STANDING = """
    SELECT a.fence, p.confirmed_at > now() - interval '20 seconds' AS is_confirmed
      FROM assignments a JOIN pods p USING (pod)
     WHERE a.hopper_id = $1
"""
_CONFIRM = "INSERT INTO pods VALUES ($1, now()) ON CONFLICT (pod) DO UPDATE SET confirmed_at = now()"
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('assignments'))"
# The fence is drawn under the row's lock: were it drawn before, who waited longest would bring the oldest.
_ASSIGN = """
    INSERT INTO assignments (hopper_id, pod)
    SELECT name, $2 FROM unnest($1::text[]) AS name
     WHERE NOT EXISTS (SELECT FROM assignments a WHERE a.hopper_id = name AND a.pod = $2)
    ON CONFLICT (hopper_id) DO UPDATE SET pod = excluded.pod, fence = nextval('fences'), granted_at = now()
     WHERE assignments.pod <> excluded.pod
"""
_TRACKED = """
    SELECT h.hopper_id FROM hoppers h JOIN users u USING (user_id)
     WHERE plan_now(u.plan, u.plan_until) = ANY($1::text[]) AND u.deletion_asked_at IS NULL
       AND h.deleted_at IS NULL AND h.unlinked_at IS NULL
"""
_GIVE_UP_OTHERS = "DELETE FROM assignments WHERE pod = $1 AND NOT hopper_id = ANY($2::text[])"
_EVERYWHERE = """
    SELECT h.hopper_id, h.user_id::text, h.name, a.pod, now() - a.granted_at AS held_for
      FROM assignments a JOIN hoppers h USING (hopper_id)
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A hopper that ``pod`` holds for ``held_for``."""

    hopper: HopperId
    user: UserId
    name: str
    pod: str
    held_for: timedelta


class Assignments:
    """Who tracks what, judged by the database's clock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[tuple[object, ...], list[Assignment]]] = {}

    async def of_pod(self, pod: str) -> list[Assignment] | None:
        """What ``pod`` holds; None when it was not confirmed within 10 s.

        The same list as before while no assignment changed; what else is known of the hoppers may be a minute old.
        """
        state = await self._database.row(_STATE, pod)
        if state is None or not state["is_confirmed"]:
            return None
        known = self._known.get(pod)
        mark = (state["minute"], state["held"])
        if known is None or known[0] != mark:
            rows = await self._database.fetch(_OF_POD, pod)
            known = self._known[pod] = (mark, [Assignment(hopper_of(row), row["fence"]) for row in rows])
        return known[1]

    async def everywhere(self) -> list[Held]:
        """What all pods hold."""
        return [
            Held(HopperId(row["hopper_id"]), UserId(row["user_id"]), row["name"], row["pod"], row["held_for"])
            for row in await self._database.fetch(_EVERYWHERE)
        ]

    async def is_held(self, hopper: HopperId) -> bool:
        """Whether a pod holds it that was confirmed within 20 s."""
        row = await self._database.row(_STANDING, hopper)
        return row is not None and bool(row["is_confirmed"])

    async def confirm(self, pod: str) -> None:
        """``pod`` lives; written by whoever manages pods, each 3 s."""
        await self._database.execute(_CONFIRM, pod)

    async def assign(self, hoppers: Iterable[HopperId], pod: str) -> None:
        """Give hoppers to ``pod``; where the pod changes the fence is one that no hopper ever had."""
        async with self._database.transaction() as connection:
            await connection.execute(_ONE_AT_A_TIME)
            await connection.execute(_ASSIGN, list(hoppers), pod)

    async def follow(self, pod: str, plans: Collection[str]) -> int:
        """Give ``pod`` the hoppers of everybody who has one of ``plans`` now, and none else; how many it holds."""
        async with self._database.transaction() as connection:
            await connection.execute(_ONE_AT_A_TIME)
            tracked = [row["hopper_id"] for row in await connection.fetch(_TRACKED, list(plans))]
            await connection.execute(_GIVE_UP_OTHERS, pod, tracked)
            await connection.execute(_ASSIGN, tracked, pod)
        return len(tracked)


async def standing(connection: Connection, hopper: HopperId) -> tuple[int, bool] | None:
    """A hopper's fence now, and whether its pod was confirmed within 20 s: after that it may be another's any moment.

    None when no pod holds it. Read in the transaction of ``connection``.
    """
    row = await connection.fetchrow(_STANDING, hopper)
    return None if row is None else (row["fence"], row["is_confirmed"])
