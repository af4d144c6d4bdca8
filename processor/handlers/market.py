"""Exchange rates, market caps and all-time highs, read as far as the allowances go; the last good ones stay."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from cryptwire.clock import Clock
from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.errors import Corrupt, Exhausted, Forbidden, Refused, Unavailable
from cryptwire.log import Log
from cryptwire.metrics import Meters
from cryptwire.storage.sources import Source
from processor.logic.market import is_due, pause_after, rhythm
from processor.ports.market import Caps, CapSource, RateSource, Rows, Sources, Tells

_log = Log(__name__)
COINS = 1000
KEPT = timedelta(days=400)
_A_CALL = 100  # coins whose highs one call tells
_LISTING_COST = COINS // 200
_REFUSED_PAUSE = timedelta(hours=1)
_PLAN_PAUSE = timedelta(days=1)
_LONG = timedelta(hours=1)
"""What is over sooner is waited for without a word; what takes longer is no fault of the run."""


class Asking:
    """Asks a source when it may be asked, and writes down how it went.

    What cannot be mended by asking again soon is told to the operators: a wrong key once a day; what the plan does not
    hold, and an allowance that is used up, once until the source gives something again. Of a limit that is over within
    the hour, as those of a minute are, nobody is told.
    """

    def __init__(self, name: str, sources: Sources, notices: Tells, clock: Clock, meters: Meters) -> None:
        self.name = name
        self._sources = sources
        self._notices = notices
        self._clock = clock
        self._meters = meters

    async def run(self, ask: Callable[[datetime], Awaitable[str]]) -> str:
        """What came of it. Raises Unavailable for what is tried again with the next ring."""
        now = self._clock.now()
        source = await self._sources.of(self.name)
        if source.not_before is not None and now < source.not_before:
            said = f"{self.name} is left alone until {source.not_before:%Y-%m-%d %H:%M:%S} ({source.said})"
            if source.asked_at is not None and source.not_before - source.asked_at > _LONG:
                return said
            raise Unavailable(said)
        try:
            said = await ask(now)
        except Exhausted as error:
            pause = max(timedelta(seconds=error.retry_after), timedelta(seconds=60))
            if pause < _LONG:
                self._count("limited")
                await self._sources.failed(self.name, now, str(error), pause)
                raise Unavailable(f"{self.name}: {error}") from error
            await self._failed(now, str(error), pause, _since(source))
            return f"left alone: {error}"
        except Forbidden as error:
            await self._failed(now, str(error), _PLAN_PAUSE, _since(source))
            return f"left alone: {error}"
        except (Refused, Corrupt) as error:
            await self._failed(now, str(error), _REFUSED_PAUSE, f"{now:%Y-%m-%d}")
            return f"of no use: {error}"
        except Unavailable as error:
            pause = pause_after(source.failures)
            self._count("away")
            await self._sources.failed(self.name, now, str(error), pause)
            raise Unavailable(f"{self.name}: {error}") from error
        self._count("ok")
        return said

    async def _failed(self, now: datetime, said: str, pause: timedelta, once_in: str) -> None:
        _log.error("a source is of no use now", source=self.name, reason=said)
        self._count("refused")
        await self._sources.failed(self.name, now, said, pause)
        facts = {"source": self.name, "reason": said}
        key = f"source-{self.name}-{once_in}"
        await self._notices.add(Notice(None, NoticeClass.DATA_PROBLEM, "source-refused", key, now, facts))

    def _count(self, outcome: str) -> None:
        self._meters.count("processor_source_reads", "Questions to sources", source=self.name, outcome=outcome)


def _since(source: Source) -> str:
    """Names the time since a source gave something: of that its operators are told once."""
    return "never-read" if source.read_at is None else f"since-{source.read_at.isoformat()}"


class RateReader:
    """Exchange rates, hourly or as often as the month's requests allow."""

    def __init__(self, source: RateSource, rows: Rows, sources: Sources, asking: Asking) -> None:
        self._source = source
        self._rows = rows
        self._sources = sources
        self._asking = asking

    async def read(self, _: datetime) -> str:
        """A job's run."""
        return await self._asking.run(self._ask)

    async def _ask(self, now: datetime) -> str:
        known = await self._sources.of(self._asking.name)
        allowance = await self._source.allowance()
        every = rhythm(1, allowance.left, allowance.remaining)
        if every is None:
            raise Exhausted("no request is left this month", 3600.0)
        if not is_due(now, known.read_at, every):
            return f"waits: {allowance.left} requests are left for {allowance.remaining.days} days"
        published = await self._source.latest(known.etag, known.modified)
        if published is None:
            await self._sources.read(self._asking.name, now, known.etag, known.modified)
            return "unchanged"
        await self._rows.add(published.rates)
        await self._sources.read(self._asking.name, now, published.etag, published.modified)
        return f"{len(published.rates.per_usd)} rates of {published.rates.at:%Y-%m-%d %H:%M}"


class CapReader:
    """The first 1000 coins and their all-time highs. The list comes first when credits are scarce.

    Highs that the plan does not hold are the highest prices seen here: a lower bound, marked as such.
    """

    def __init__(
        self, source: CapSource, caps: Caps, sources: Sources, listing: Asking, highs: Asking, clock: Clock
    ) -> None:
        self._source = source
        self._caps = caps
        self._sources = sources
        self._listing = listing
        self._highs = highs
        self._clock = clock

    async def read_list(self, _: datetime) -> str:
        """A job's run: the list."""
        return await self._listing.run(self._ask_list)

    async def read_highs(self, _: datetime) -> str:
        """A job's run: the highs."""
        return await self._highs.run(self._ask_highs)

    async def drop_old(self, _: datetime) -> str:
        """A job's run: market caps of more than 400 days ago go."""
        dropped = 0
        while count := await self._caps.drop_before(self._clock.now() - KEPT):
            dropped += count
        return f"{dropped} rows dropped"

    async def _ask_list(self, now: datetime) -> str:
        known = await self._sources.of(self._listing.name)
        allowance = await self._source.allowance()
        every = rhythm(_LISTING_COST, allowance.left, allowance.remaining)
        if every is None:
            raise Exhausted("the key's credits do not last for a list", 3600.0)
        if not is_due(now, known.read_at, every):
            return f"waits: {allowance.left} credits are left for {allowance.remaining}"
        coins = await self._source.listings(COINS)
        await self._caps.listed(coins)
        await self._sources.read(self._listing.name, now)
        return f"{len(coins)} coins"

    async def _ask_highs(self, now: datetime) -> str:
        known = await self._sources.of(self._highs.name)
        allowance = await self._source.allowance()
        spare = allowance.left
        if spare is not None:  # what the hourly lists do not need
            spare = max(0, spare - _LISTING_COST * max(1, int(allowance.remaining / timedelta(hours=1))))
        every = rhythm(COINS // _A_CALL, spare, allowance.remaining)
        if every is None or not is_due(now, known.read_at, every):
            return f"waits: {allowance.left} credits are left for {allowance.remaining}"
        since = now - max(every, timedelta(hours=1)) + timedelta(minutes=5)
        wanted = await self._caps.without_high_since(since, COINS)
        if not wanted and known.read_at is None:
            raise Unavailable("no coin is listed yet")
        told = 0
        for begin in range(0, len(wanted), _A_CALL):
            highs = await self._source.highs(wanted[begin : begin + _A_CALL])
            await self._caps.highs(highs, self._clock.now())
            told += len(highs)
        await self._sources.read(self._highs.name, now)
        return f"highs of {told} coins"
