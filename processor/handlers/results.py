"""Results: what each trade cost and closed is kept for whoever shows, sums and exports it.

A hopper's rows change all at once, so nobody reads half of them: trades that are new are worked into what is there, in
one transaction; when one is older than what is there, or the base currency or a price became known later, rows are
made anew in one transaction, page by page, and those that are as before are not touched. Who writes is alone: another
replica leaves the hopper to him and looks again. What is due is never remembered: it is what rows and trades say.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import Enum

from cryptwire.clock import Clock
from cryptwire.codec.trade import trade_from_wire
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.trade_result import KnownTrade, Place, TradeResult
from cryptwire.errors import Corrupt, CryptwireError, Invalid, Unavailable
from cryptwire.log import Log
from cryptwire.messaging.bus import Message
from cryptwire.metrics import Meters
from cryptwire.tasks import end
from processor.logic import results as logic
from processor.logic.results import Work
from processor.ports.results import Past, Store

_log = Log(__name__)
_PAGE = 1_000
_DUE = 200
_PAUSE = timedelta(milliseconds=500)
"""After it a hopper is looked at again at which somebody else was, or which could not be read."""


class Outcome(Enum):
    """What became of looking at a hopper."""

    NOTHING = "as it was"
    ADDED = "gone on with"
    ANEW = "made anew"
    BUSY = "left to another"
    GONE = "gone"


class Results:
    """Keeps the results of all hoppers, ``at_once`` of them together."""

    def __init__(self, store: Store, past: Past, clock: Clock, meters: Meters, *, at_once: int = 4) -> None:
        self._store = store
        self._past = past
        self._clock = clock
        self._meters = meters
        self._at_once = at_once
        self._told: asyncio.Queue[HopperId] = asyncio.Queue()
        self._waiting: set[HopperId] = set()

    async def on_trade(self, message: Message) -> None:
        """A trade was stored: its hopper is looked at."""
        try:
            self._tell(trade_from_wire(message.payload).hopper)
        except Invalid as error:
            _log.warning("a trade cannot be read; it is looked for within a minute", reason=error)

    def _tell(self, hopper: HopperId) -> None:
        if hopper not in self._waiting:
            self._waiting.add(hopper)
            self._told.put_nowait(hopper)

    async def serve(self) -> None:
        """Look at hoppers of which trades are told, forever."""
        await asyncio.gather(*(self._serve() for _ in range(self._at_once)))

    async def _serve(self) -> None:
        while True:
            hopper = await self._told.get()
            self._waiting.discard(hopper)
            try:
                if await self.bring(hopper) is Outcome.BUSY:
                    await self._clock.sleep(_PAUSE)
                    self._tell(hopper)
            except Unavailable as error:
                _log.warning("results wait", hopper=hopper, reason=error)
                await self._clock.sleep(_PAUSE)
                self._tell(hopper)
            except CryptwireError as error:
                _log.error("results cannot be written; it is tried again within a minute", hopper=hopper, reason=error)

    async def mend(self) -> str:
        """Look at every hopper whose results are not as they should be. Raises Unavailable.

        Begun again after it was cut off anywhere, it goes on.
        """
        outcomes: Counter[str] = Counter()
        after = ""
        while hoppers := await self._store.due(self._clock.now(), after, _DUE):
            after = hoppers[-1]
            todo = iter(hoppers)
            working = [asyncio.create_task(self._mend(todo, outcomes)) for _ in range(self._at_once)]
            try:
                await asyncio.gather(*working)
            finally:
                await end(working)
        outcomes["packed"] += await self._pack()
        outcomes += Counter()  # without those of which there is none
        return ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items())) or "all are there"

    async def _pack(self) -> int:
        """Pack the months of hoppers of which nothing is packed; of how many."""
        number, after = 0, ""
        while hoppers := await self._store.unpacked(after, _DUE):
            after = hoppers[-1]
            for hopper in hoppers:
                try:
                    number += await self._store.pack(hopper) > 0
                except Unavailable:
                    raise
                except CryptwireError as error:  # one that cannot be packed holds up no other
                    _log.error("results cannot be packed", hopper=hopper, reason=error)
        return number

    async def _mend(self, hoppers: Iterator[HopperId], outcomes: Counter[str]) -> None:
        for hopper in hoppers:
            try:
                outcomes[(await self.bring(hopper)).value] += 1
            except Unavailable:
                raise
            except CryptwireError as error:  # one that cannot be written holds up no other
                outcomes["failed"] += 1
                _log.error("results cannot be written", hopper=hopper, reason=error)

    async def bring(self, hopper: HopperId) -> Outcome:
        """Bring the results of one hopper up to its trades."""
        standing = await self._store.standing(hopper, self._clock.now())
        if standing is None:
            return Outcome.GONE
        missing = logic.missing_of(standing.ledger).kept
        known = await self._past.then(missing) if standing.is_again else {}
        work = Work(standing, logic.changed_at(standing, known))
        outcome = Outcome.ANEW if work.is_anew else Outcome.ADDED
        page = await self._store.page(hopper, work.place, _PAGE)
        if not page and outcome is Outcome.ADDED and not standing.is_again:
            return Outcome.NOTHING
        if len(page) < _PAGE and outcome is Outcome.ADDED:
            rows = await self._worked(work, page)
            written = await self._write(work, rows)
        else:
            written = await self._write_all(work)
        if not written:
            return Outcome.BUSY
        self._meters.count("processor_results", "Hoppers whose results were written", outcome=outcome.value)
        return outcome

    async def _write(self, work: Work, rows: Sequence[TradeResult]) -> bool:
        async with self._store.writing(work.standing) as writing:
            if writing is None:
                return False
            await writing.add(rows)
            await writing.move(work.progress(self._clock.now()))
        return True

    async def _write_all(self, work: Work) -> bool:
        """All trades that are to come, in one transaction; the exchanges are asked before it begins."""
        if await self._store.asks_prices(work.standing):
            await self._ask_ahead(work)
        async with self._store.writing(work.standing) as writing:
            if writing is None:
                return False
            while page := await writing.page(work.hopper.id, work.place, _PAGE):
                await writing.add(await self._worked(work, page))
                await asyncio.sleep(0)  # others are waited for, too
            await writing.move(work.progress(self._clock.now()))
        return True

    async def _ask_ahead(self, work: Work) -> None:
        """Ask for the prices that trades to come need, so that they are there when these are worked in."""
        place = work.place
        while page := await self._store.page(work.hopper.id, place, _PAGE):
            await self._past.then(work.needs(page))
            place = Place(page[-1].trade.at, page[-1].trade.id)

    async def _worked(self, work: Work, page: Sequence[KnownTrade]) -> list[TradeResult]:
        """The rows of the next trades."""
        wanted = work.needs(page)
        found = await self._past.then(wanted) if wanted else {}
        try:
            return work.go_on(page, found)
        except ArithmeticError as error:
            raise Corrupt(f"amounts or prices that nobody can reckon with ({type(error).__name__})") from error
