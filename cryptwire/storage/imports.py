"""Tables ``imports`` and ``import_hoppers``: which imports there are, and how far. The only module that knows them.

They are the truth of what is still to be done; the queue in Redis only says where to look.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

import asyncpg

from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.imports import (
    Claimed,
    ImportProblem,
    ImportProgress,
    ImportsStanding,
    ImportStage,
    ImportState,
    Lost,
    Steps,
)
from cryptwire.domain.notice import Notice
from cryptwire.domain.trade import Trade
from cryptwire.storage import notices, trades
from cryptwire.storage.database import Connection, Database

# An import is somebody's while he was heard of within `patience`; all by the database's clock.
_ASK = """
    INSERT INTO imports AS i (user_id, only_hoppers) SELECT user_id, $2 FROM users WHERE user_id = $1::text::uuid
    ON CONFLICT (user_id) DO UPDATE
       SET number = i.number + 1, state = 'waiting', stage = 'hoppers', hopper_id = NULL, done = 0, total = NULL,
           only_hoppers = excluded.only_hoppers, asked_at = now(), began_at = NULL, estimated_end_at = NULL,
           finished_at = NULL, error = NULL, worker = NULL,
           alive_at = '-infinity', tries = 0, faults = 0, not_before = '-infinity', moved_at = NULL
     WHERE i.finished_at IS NOT NULL
"""
_ASK_ONCE = "INSERT INTO imports (user_id) VALUES ($1::text::uuid) ON CONFLICT DO NOTHING"
_FREE = """
    SELECT user_id::text FROM imports
     WHERE finished_at IS NULL AND alive_at < now() - $1::interval AND not_before <= now()
     ORDER BY asked_at, user_id LIMIT $2
"""
_CLAIM = """
    UPDATE imports SET worker = $2, alive_at = now(), tries = tries + 1, state = 'running',
                       began_at = coalesce(began_at, now()), moved_at = now()
     WHERE user_id = $1::text::uuid AND finished_at IS NULL AND alive_at < now() - $3::interval
       AND not_before <= now()
    RETURNING number, began_at, tries, only_hoppers, faults
"""
_FREE_LOST = """
    UPDATE imports SET worker = NULL, alive_at = '-infinity'
     WHERE finished_at IS NULL AND worker IS NOT NULL AND alive_at < now() - $1::interval
    RETURNING user_id::text
"""
_FAULT = """
    UPDATE imports SET alive_at = '-infinity', worker = NULL, faults = faults + 1, not_before = now() + $3::interval
     WHERE user_id = $1::text::uuid AND worker = $2 AND finished_at IS NULL
"""
_STANDING = """
    SELECT now() - min(greatest(asked_at, not_before)) FILTER (WHERE alive_at < now() - $1::interval
                                                                 AND not_before <= now()) AS waits_for,
           now() - min(moved_at) FILTER (WHERE alive_at >= now() - $1::interval) AS stuck_for,
           (SELECT max(greatest(moved_at, finished_at)) FROM imports) AS moved_at,
           (SELECT now() - max(greatest(moved_at, finished_at)) FROM imports) AS moved_for
      FROM imports WHERE finished_at IS NULL
"""
_ALIVE = "UPDATE imports SET alive_at = now() WHERE user_id = $1::text::uuid AND worker = $2 AND finished_at IS NULL"
_LET_GO = """
    UPDATE imports SET alive_at = '-infinity', worker = NULL
     WHERE user_id = $1::text::uuid AND worker = $2 AND finished_at IS NULL
"""
_STOP = """
    UPDATE imports SET state = 'stopped', finished_at = now(), error = $2, worker = NULL, alive_at = '-infinity'
     WHERE user_id = $1::text::uuid AND finished_at IS NULL
"""
_OURS = "SELECT 1 FROM imports WHERE user_id = $1::text::uuid AND worker = $2 AND finished_at IS NULL FOR SHARE"
_NOTE = """
    UPDATE imports SET stage = $3, hopper_id = $4, done = $5, total = $6, estimated_end_at = $7, alive_at = now(),
                       moved_at = now()
     WHERE user_id = $1::text::uuid AND worker = $2 AND finished_at IS NULL
"""
_FINISH = """
    UPDATE imports SET state = $3, error = $4, finished_at = now(), estimated_end_at = NULL, hopper_id = NULL,
                       worker = NULL, alive_at = '-infinity'
     WHERE user_id = $1::text::uuid AND worker = $2 AND finished_at IS NULL
"""
_PROGRESS = """
    SELECT number, state, stage, hopper_id, done, total, began_at, estimated_end_at, finished_at, error
      FROM imports WHERE user_id = $1::text::uuid
"""
_PROBLEMS = """
    SELECT p.hopper_id, p.problem FROM import_hoppers p JOIN imports i USING (user_id, number)
     WHERE p.user_id = $1::text::uuid AND p.problem IS NOT NULL ORDER BY p.hopper_id
"""
_LIST = """
    INSERT INTO import_hoppers AS p (hopper_id, user_id, number)
    SELECT h.hopper_id, $1::text::uuid, $2 FROM hoppers h WHERE h.hopper_id = ANY($3::text[]) AND h.user_id = $1::text::uuid
    ON CONFLICT (hopper_id) DO UPDATE
       SET number = excluded.number, configured_at = NULL, positioned_at = NULL, traded_at = NULL, filled_at = NULL,
           trades_began_at = NULL, problem = NULL
     WHERE p.number <> excluded.number
"""  # noqa: E501
_STEPS = """
    SELECT hopper_id, configured_at, positioned_at, traded_at, filled_at, trades_began_at, cursor_at, cursor_id, trades,
           candles, problem
      FROM import_hoppers WHERE user_id = $1::text::uuid AND number = $2 ORDER BY hopper_id
"""
_BEGIN_TRADES = """
    UPDATE import_hoppers SET trades_began_at = coalesce(trades_began_at, $2) WHERE hopper_id = $1
"""
_MOVE = "UPDATE import_hoppers SET cursor_at = $2, cursor_id = $3, trades = trades + $4 WHERE hopper_id = $1"
_TRADED = """
    UPDATE import_hoppers
       SET traded_at = now(), trades = (SELECT count(*) FROM trades t WHERE t.hopper_id = $1)
     WHERE hopper_id = $1 RETURNING trades, trades_began_at
"""
_COMPLETE = """
    INSERT INTO trade_comparisons AS c (hopper_id, complete_until) VALUES ($1, $2)
    ON CONFLICT (hopper_id) DO UPDATE SET complete_until = greatest(c.complete_until, excluded.complete_until)
"""
_STEP_DONE = {
    ImportStage.CONFIGURATION: "UPDATE import_hoppers SET configured_at = now() WHERE hopper_id = $1",
    ImportStage.POSITIONS: "UPDATE import_hoppers SET positioned_at = now() WHERE hopper_id = $1",
}
_FILLED = "UPDATE import_hoppers SET filled_at = now(), candles = $2 WHERE hopper_id = $1"
_PROBLEM = "UPDATE import_hoppers SET problem = $2 WHERE hopper_id = $1"


class Imports:
    """Imports of every user, one at a time each. Raises Unavailable while the database is away.

    Who writes with a claim that is no longer his gets Lost, and nothing is written.
    """

    def __init__(self, database: Database, patience: timedelta = timedelta(seconds=60)) -> None:
        self._database = database
        self._patience = patience

    # ---- who wants one ----

    async def ask(self, user: UserId, only: Collection[HopperId] | None = None) -> bool:
        """Begin a new import, of all hoppers or ``only`` of some; False when one is under way, which goes on."""
        wanted = None if only is None else list(only)
        return await self._database.execute(_ASK, user, wanted) == "INSERT 0 1"

    async def ask_once(self, user: UserId) -> bool:
        """Begin an import unless there ever was one."""
        return await self._database.execute(_ASK_ONCE, user) == "INSERT 0 1"

    async def stop(self, user: UserId, reason: str) -> bool:
        """End what is under way; its worker notices with his next write. False: nothing was."""
        return await self._database.execute(_STOP, user, reason) == "UPDATE 1"

    async def progress(self, user: UserId) -> ImportProgress | None:
        """How the newest import comes along; None when there never was one."""
        row = await self._database.row(_PROGRESS, user)
        if row is None:
            return None
        problems = [
            ImportProblem(HopperId(one["hopper_id"]), one["problem"])
            for one in await self._database.fetch(_PROBLEMS, user)
        ]
        if row["error"] is not None:
            problems.insert(0, ImportProblem(None, row["error"]))
        return ImportProgress(
            user,
            row["number"],
            ImportState(row["state"]),
            ImportStage(row["stage"]),
            row["hopper_id"],
            row["done"],
            row["total"],
            row["began_at"],
            row["estimated_end_at"],
            row["finished_at"],
            tuple(problems),
        )

    # ---- whose it is ----

    async def free(self, most: int = 1_000) -> list[UserId]:
        """Users whose import waits, or whose worker has fallen silent; who asked first comes first."""
        return [UserId(row["user_id"]) for row in await self._database.fetch(_FREE, self._patience, most)]

    async def free_lost(self) -> list[UserId]:
        """Take from workers who have fallen silent what they had in hand; each import is given to one who asks."""
        return [UserId(row["user_id"]) for row in await self._database.fetch(_FREE_LOST, self._patience)]

    async def standing(self) -> ImportsStanding:
        """Whether hands work at what waits."""
        row = await self._database.row(_STANDING, self._patience)
        assert row is not None
        return ImportsStanding(**dict(row))

    async def claim(self, user: UserId, worker: str) -> Claimed | None:
        """Take a user's import up; None when there is nothing to do or somebody does it. ``worker``: nobody else's."""
        row = await self._database.row(_CLAIM, user, worker, self._patience)
        if row is None:
            return None
        only = None if row["only_hoppers"] is None else frozenset(map(HopperId, row["only_hoppers"]))
        return Claimed(user, worker, row["number"], row["began_at"], row["tries"], only, row["faults"])

    async def alive(self, claim: Claimed) -> bool:
        """Tell that its worker lives; False when it is not his any more."""
        return await self._database.execute(_ALIVE, claim.user, claim.worker) == "UPDATE 1"

    async def let_go(self, claim: Claimed) -> None:
        """Leave it to whoever comes."""
        await self._database.execute(_LET_GO, claim.user, claim.worker)

    async def fault(self, claim: Claimed, pause: timedelta) -> None:
        """Our own code has failed at it; it is left alone for ``pause``."""
        await self._database.execute(_FAULT, claim.user, claim.worker, pause)

    async def note(
        self,
        claim: Claimed,
        stage: ImportStage,
        hopper: HopperId | None,
        done: int,
        total: int | None,
        estimated_end_at: datetime | None,
    ) -> None:
        """Write down how it comes along."""
        status = await self._database.execute(
            _NOTE, claim.user, claim.worker, stage.value, hopper, done, total, estimated_end_at
        )
        _must_be_ours(status == "UPDATE 1")

    async def finish(self, claim: Claimed, state: ImportState, error: str | None, *told: Notice) -> None:
        """It is over, and whom that concerns is told: both or neither."""
        async with self._database.transaction() as connection:
            status = await connection.execute(_FINISH, claim.user, claim.worker, state.value, error)
            _must_be_ours(status == "UPDATE 1")
            for notice in told:
                await notices.add_within(connection, notice)

    # ---- how far it is ----

    async def enlist(self, claim: Claimed, hoppers: Iterable[HopperId]) -> None:
        """These are read in this import; what was done of them in it already stays done."""
        async with self._database.transaction() as connection:
            await _must_hold(connection, claim)
            await connection.execute(_LIST, claim.user, claim.number, list(hoppers))

    async def steps(self, claim: Claimed) -> list[Steps]:
        """How far each hopper is, by id."""
        return [_steps(row) for row in await self._database.fetch(_STEPS, claim.user, claim.number)]

    async def step_done(self, claim: Claimed, hopper: HopperId, stage: ImportStage) -> None:
        """Configuration or positions of a hopper are stored."""
        await self._write(claim, _STEP_DONE[stage], hopper)

    async def begin_trades(self, claim: Claimed, hopper: HopperId, at: datetime) -> None:
        """Its trades are read from ``at`` on; what was said first stays."""
        await self._write(claim, _BEGIN_TRADES, hopper, at)

    async def store(
        self, claim: Claimed, hopper: HopperId, page: Sequence[Trade], fresh: int, cursor: tuple[datetime, str]
    ) -> list[Trade]:
        """Keep a page of trades and move the cursor behind it, both or neither; gives the trades that were new.

        ``fresh``: how many of the page lay beyond the cursor before.
        """
        async with self._database.transaction() as connection:
            await _must_hold(connection, claim)
            added = await trades.add_within(connection, page)
            await connection.execute(_MOVE, hopper, *cursor, fresh)
        return added

    async def traded(self, claim: Claimed, hopper: HopperId) -> int:
        """Every trade is stored: the comparison goes on from when reading began. Gives how many there are."""
        async with self._database.transaction() as connection:
            await _must_hold(connection, claim)
            row = await connection.fetchrow(_TRADED, hopper)
            _must_be_ours(row is not None)
            assert row is not None
            if row["trades_began_at"] is not None:
                await connection.execute(_COMPLETE, hopper, row["trades_began_at"])
        count: int = row["trades"]
        return count

    async def filled(self, claim: Claimed, hopper: HopperId, candles: int) -> None:
        """Its past is reconstructed, as ``candles`` candles."""
        await self._write(claim, _FILLED, hopper, candles)

    async def trouble(self, claim: Claimed, hopper: HopperId, problem: str) -> None:
        """This hopper is given up in this import; the others go on."""
        await self._write(claim, _PROBLEM, hopper, problem)

    async def _write(self, claim: Claimed, query: str, *values: object) -> None:
        async with self._database.transaction() as connection:
            await _must_hold(connection, claim)
            await connection.execute(query, *values)


async def _must_hold(connection: Connection, claim: Claimed) -> None:
    _must_be_ours(await connection.fetchval(_OURS, claim.user, claim.worker) is not None)


def _must_be_ours(is_ours: bool) -> None:
    if not is_ours:
        raise Lost("the import is not this worker's any more")


def _steps(row: asyncpg.Record) -> Steps:
    at = {
        ImportStage.CONFIGURATION: row["configured_at"],
        ImportStage.POSITIONS: row["positioned_at"],
        ImportStage.TRADES: row["traded_at"],
        ImportStage.BACK_FILL: row["filled_at"],
    }
    return Steps(
        HopperId(row["hopper_id"]),
        frozenset(stage for stage, moment in at.items() if moment is not None),
        row["trades_began_at"],
        None if row["cursor_at"] is None else (row["cursor_at"], row["cursor_id"]),
        row["trades"],
        row["candles"],
        row["problem"],
    )
