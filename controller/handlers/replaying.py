"""Rule sets over a hopper's own recorded candles."""

import asyncio
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from controller.logic.replay import LONGEST, Recorded, Replayer, must_be_told, rule_set_of
from controller.logic.wants import wanted_of
from controller.ports import History
from cryptwire.codec.recall import Page, PastWanted
from cryptwire.codec.rule_answers import Replay
from cryptwire.domain.figure import figure_key
from cryptwire.domain.hopper import Hopper
from cryptwire.domain.rule_set import RuleSetBody
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid, Unavailable

_AT_ONCE = 2


class PastReplays:
    """Page by page: while one is evaluated the next is computed, and two are in memory at most."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def replay(self, hopper: Hopper, body: RuleSetBody, zone: str, since: datetime, until: datetime) -> Replay:
        """What ``body`` would have done; ``zone``: whose clock its times are of. Raises Invalid, Unavailable.

        Over 366 days at most; evaluated beside what is live.
        """
        if not since < until:
            raise Invalid("since is before until")
        if until - since > LONGEST:
            raise Invalid(f"{LONGEST.days} days are replayed at once at most")
        must_be_told(body)
        if self._places.locked():
            raise Unavailable("other replays run at this moment; try again in a minute")
        async with self._places:
            return await self._replay(hopper, body, ZoneInfo(zone), since.astimezone(UTC), until.astimezone(UTC))

    async def _replay(
        self, hopper: Hopper, body: RuleSetBody, zone: ZoneInfo, since: datetime, until: datetime
    ) -> Replay:
        wanted = {of: tuple(map(figure_key, sorted(keys))) for of, keys in wanted_of(hopper.id, body).items()}
        pairs = {of: keys for of, keys in wanted.items() if isinstance(of, Pair)}
        replayer = Replayer(rule_set_of(hopper, body, since), zone, since)
        recorded = Recorded()
        page: Page | None = await self._history.page(hopper, PastWanted(wanted[hopper.id], pairs, since, until))
        while page is not None:
            following, coming = page.following, None
            if following is not None:
                wish = PastWanted(wanted[hopper.id], pairs, since, until, following)
                coming = asyncio.create_task(self._history.page(hopper, wish))
            try:
                await asyncio.to_thread(_see, replayer, page, recorded)
                began = page.began if page.began is not None and page.began > since else since
                page = None if coming is None else await coming
                if page is not None and page.following is not None and following is not None:
                    _must_go_on(following, page.following)
            finally:
                if coming is not None:
                    coming.cancel()
        return replayer.result(began, until, recorded)


def _see(replayer: Replayer, page: Page, recorded: Recorded) -> None:
    for snapshot, pairs in page.snapshots():
        replayer.see(snapshot, pairs)
    recorded.candles += page.candles
    recorded.partial += page.partial
    recorded.backfilled += page.backfilled
    recorded.missing += page.missing
    recorded.silent = page.silent


def _must_go_on(before: int, after: int) -> None:
    if after <= before:
        raise Unavailable("the analyser tells the same again; try again in a minute")
