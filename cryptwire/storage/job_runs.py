"""Tables ``jobs`` and ``job_runs``: which jobs there are, which run of which was done, and who does one now.

The only module that knows their columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptwire.storage.database import Database

# A run is somebody's while he was heard of within `patience`; all by the database's clock.
_MISSING = """
    SELECT due_at FROM unnest($2::timestamptz[]) AS due_at
     WHERE NOT EXISTS (SELECT FROM job_runs r WHERE r.job = $1 AND r.due_at = due_at.due_at
                          AND (r.finished_at IS NOT NULL OR r.alive_at > now() - $3::interval))
     ORDER BY due_at
"""
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('job_runs'), hashtext($1))"
_CLAIM = """
    INSERT INTO job_runs AS run (job, due_at, worker)
    SELECT $1, $2, $3
     WHERE NOT EXISTS (SELECT FROM job_runs o WHERE o.job = $1 AND o.finished_at IS NULL AND o.alive_at > now() - $4::interval)
    ON CONFLICT (job, due_at) DO UPDATE
       SET worker = excluded.worker, began_at = now(), alive_at = now(), tries = run.tries + 1
     WHERE run.finished_at IS NULL
    RETURNING tries
"""  # noqa: E501
_ALIVE = """
    WITH ours AS (
        UPDATE job_runs SET alive_at = now() WHERE job = $1 AND due_at = $2 AND worker = $3 AND finished_at IS NULL
        RETURNING job
    ), noted AS (UPDATE jobs SET served_at = now() WHERE job IN (SELECT job FROM ours))
    SELECT count(*) FROM ours
"""
_FINISH = """
    WITH ours AS (
        UPDATE job_runs SET alive_at = now(), finished_at = now(), said = $4
         WHERE job = $1 AND due_at = $2 AND worker = $3 AND finished_at IS NULL
        RETURNING job
    ), noted AS (UPDATE jobs SET served_at = now(), finished_at = now() WHERE job IN (SELECT job FROM ours))
    SELECT count(*) FROM ours
"""
_LET_GO = """
    UPDATE job_runs SET alive_at = '-infinity', said = $4
     WHERE job = $1 AND due_at = $2 AND worker = $3 AND finished_at IS NULL
"""
_OVER = """
    DELETE FROM job_runs WHERE (job, due_at) IN (
        SELECT job, due_at FROM job_runs WHERE due_at < now() - $1::interval LIMIT $2)
"""
# After a pause in which nobody served it, its runs are missed from then on.
_SERVED = """
    INSERT INTO jobs AS j (job, every) VALUES ($1, $2)
    ON CONFLICT (job) DO UPDATE
       SET every = excluded.every, served_at = now(),
           since = CASE WHEN j.served_at < now() - $3::interval THEN now() ELSE j.since END
"""
_STANDINGS = """
    SELECT job, every, finished_at, greatest(since, finished_at) AS last_at, now() - greatest(since, finished_at) AS age
      FROM jobs WHERE served_at >= now() - $1::interval
"""
SERVED_WITHIN = timedelta(minutes=5)
"""A job is looked for at least each minute; who does not is not there."""


@dataclass(frozen=True, slots=True)
class JobStanding:
    """How a job stands that somebody serves: since ``last_at``, ``age`` ago, no run of it was finished.

    ``finished_at``: when one last was; None: never yet.
    """

    job: str
    every: timedelta
    last_at: datetime
    age: timedelta
    finished_at: datetime | None


class JobRuns:
    """Runs of the processor's jobs. A run that is due and has no row was missed; one whose worker fell silent is free.

    A worker's name must be nobody else's. Every method raises Unavailable while the database is away.
    """

    def __init__(self, database: Database, patience: timedelta = timedelta(seconds=60)) -> None:
        self._database = database
        self._patience = patience

    async def served(self, job: str, every: timedelta) -> None:
        """Somebody looks now for what is due of ``job``."""
        await self._database.execute(_SERVED, job, every, SERVED_WITHIN)

    async def standings(self) -> dict[str, JobStanding]:
        """Every job that is served, by name."""
        rows = await self._database.fetch(_STANDINGS, SERVED_WITHIN)
        return {row["job"]: JobStanding(**dict(row)) for row in rows}

    async def missing(self, job: str, dues: Sequence[datetime]) -> list[datetime]:
        """Which of ``dues`` were neither done nor are being done, oldest first."""
        rows = await self._database.fetch(_MISSING, job, list(dues), self._patience)
        return [row["due_at"] for row in rows]

    async def claim(self, job: str, due_at: datetime, worker: str) -> int | None:
        """The number of this try, when the run is ``worker``'s now; None when it is done, or a run of ``job`` goes on.

        Of many who claim at once one gets it.
        """
        async with self._database.transaction() as connection:
            await connection.execute(_ONE_AT_A_TIME, job)
            tries: int | None = await connection.fetchval(_CLAIM, job, due_at, worker, self._patience)
            return tries

    async def alive(self, job: str, due_at: datetime, worker: str) -> bool:
        """Say that ``worker`` goes on; False when the run is not his any more."""
        return bool(await self._database.value(_ALIVE, job, due_at, worker))

    async def finish(self, job: str, due_at: datetime, worker: str, said: str) -> bool:
        """It is done, and what became of it; False when the run was not his any more."""
        return bool(await self._database.value(_FINISH, job, due_at, worker, said))

    async def let_go(self, job: str, due_at: datetime, worker: str, said: str) -> None:
        """It is not done, and anybody may take it up at once."""
        await self._database.execute(_LET_GO, job, due_at, worker, said)

    async def forget(self, after: timedelta, most: int) -> int:
        """Delete runs that were due longer than ``after`` ago, far beyond what is made up; how many it were."""
        return int((await self._database.execute(_OVER, after, most)).split()[1])
