"""Rates are read once and kept, what is being told is read again, and memory has a bound."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from cryptwire.domain.conversion import NOTHING, Seconds, Tellings, Told
from cryptwire.domain.hopper import Asset
from cryptwire.errors import Invalid
from cryptwire.memory.clock import HandClock
from cryptwire.storage.conversions import Conversions

NOW = datetime(2026, 3, 5, 14, 20, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
EUR, BTC, USD = map(Asset, ("EUR", "BTC", "USD"))


@dataclass
class PlayedSeries:
    """Words of one source by currency and second."""

    words: dict[Asset, dict[int, str]] = field(default_factory=dict)
    asked: list[tuple[Asset, int, int]] = field(default_factory=list)
    near_asked: list[tuple[list[Asset], list[int]]] = field(default_factory=list)

    def tell(self, currency: Asset, at: datetime, number: str) -> None:
        self.words.setdefault(currency, {})[int(at.timestamp())] = number

    async def told(self, currency: Asset, since: int, until: int) -> Tellings:
        self.asked.append((currency, since, until))
        await asyncio.sleep(0)
        found = sorted((at, number) for at, number in self.words.get(currency, {}).items() if since <= at < until)
        if not found:
            return NOTHING
        return Tellings(
            np.array([at for at, _ in found]),
            np.full(len(found), Told.PUBLISHED, np.int8),
            np.array([float(number) for _, number in found]),
            np.array([number.encode() for _, number in found]),
        )

    async def near(self, currencies: Sequence[Asset], seconds: Seconds) -> dict[Asset, Tellings]:
        self.near_asked.append((list(currencies), seconds.tolist()))
        await asyncio.sleep(0)
        told = {currency: await self._all(currency) for currency in currencies}
        return {currency: words for currency, words in told.items() if len(words)}

    async def _all(self, currency: Asset) -> Tellings:
        told = await self.told(currency, 0, 2**40)
        del self.asked[-1]
        return told


def hourly(series: PlayedSeries, currency: Asset, days: int) -> None:
    for hours in range(days * 24):
        series.tell(currency, NOW.replace(minute=0) - hours * HOUR, f"{1000 + hours}e-3")


async def test_two_years_are_read_in_one_question_and_then_known() -> None:
    series, clock = PlayedSeries(), HandClock(NOW)
    hourly(series, EUR, 800)
    conversions = Conversions(series, clock)
    first = await conversions.between(USD, EUR, NOW - 730 * DAY, NOW)
    assert len(series.asked) == 1
    assert first.exactly(NOW - HOUR) == Decimal("1.001")
    assert first.exactly(NOW - 730 * DAY) == Decimal(1000 + 730 * 24) / 1000
    within = await conversions.between(EUR, USD, NOW - 100 * DAY, NOW - 3 * DAY)
    assert within.exactly(NOW - 3 * DAY) == Decimal("0.93283582089552238806")
    assert len(series.asked) == 1, "dollars need nobody, and the euro is known"


async def test_what_is_being_told_is_read_again_and_the_past_a_while_later() -> None:
    series, clock = PlayedSeries(), HandClock(NOW)
    hourly(series, EUR, 100)
    conversions = Conversions(series, clock)
    since = NOW - 90 * DAY
    before = await conversions.between(USD, EUR, since, NOW)
    clock.set(NOW + timedelta(seconds=31))
    series.tell(EUR, NOW + timedelta(seconds=10), "2")
    series.tell(EUR, since - HOUR / 6, "3")  # filled in late
    after = await conversions.between(USD, EUR, since, clock.now())
    assert after.exactly(clock.now()) == 2
    assert after.exactly(since) == before.exactly(since), "of the past nothing is asked again yet"
    assert series.asked[1][2] - series.asked[1][1] == 30 * 86_400
    clock.set(NOW + timedelta(minutes=11))
    assert (await conversions.between(USD, EUR, since, NOW)).exactly(since) == 3


async def test_a_version_stays_while_nothing_new_is_told_and_is_another_one_when_a_rate_is() -> None:
    series, clock = PlayedSeries(), HandClock(NOW)
    hourly(series, EUR, 100)
    hourly(series, BTC, 100)
    conversions = Conversions(series, clock)
    since = NOW - 90 * DAY

    async def version(until: datetime | None = None) -> object:
        return (await conversions.between(BTC, EUR, since, until or clock.now())).version

    first, past = await version(), await version(NOW - DAY)
    clock.set(NOW + timedelta(minutes=11))
    assert [await version(), await version(NOW - DAY)] == [first, past], "all was read again, and is the same"
    assert len(series.asked) == 4
    series.tell(EUR, clock.now() + HOUR / 4, "2")
    clock.set(NOW + timedelta(minutes=40))
    second = await version()
    assert second != first
    assert await version(clock.now() - HOUR) != second, "less was told then"
    series.tell(BTC, since + 3 * HOUR, "3")  # filled in late
    clock.set(NOW + timedelta(minutes=60))
    assert await version() != second
    assert await version(NOW - DAY) != past
    assert (await conversions.between(EUR, EUR, since, NOW)).version is None


async def test_days_of_coins_are_read_at_once_and_those_gone_by_are_known_for_a_while() -> None:
    series, clock = PlayedSeries(), HandClock(NOW)
    for asset in (EUR, BTC):
        hourly(series, asset, 100)
    conversions = Conversions(series, clock)
    past = [int((NOW - days * DAY).timestamp()) for days in (40, 30, 20, 10)]
    for minutes in (0, 3, 6):
        clock.set(NOW + timedelta(minutes=minutes))
        now = int(clock.now().timestamp())
        told = await conversions.at([EUR, BTC], USD, np.array([now, *past, past[1]]))
        whole = await conversions.between(EUR, USD, NOW - 50 * DAY, clock.now())
        assert told[EUR].tolist() == whole.at(np.array([now, *past, past[1]])).tolist()
    assert [seconds for _, seconds in series.near_asked] == [past, *([int(NOW.timestamp()) + n] for n in (0, 180, 360))]
    assert series.near_asked[0][0] == [BTC, EUR]
    clock.set(NOW + timedelta(minutes=11))
    series.tell(EUR, NOW - 30 * DAY, "4")
    assert (await conversions.at([EUR], USD, np.array(past)))[EUR][1] == 1 / 4
    small = Conversions(series, clock, most=3_000)
    for _ in range(3):
        assert not np.isnan((await small.at([EUR, BTC], USD, np.array(past)))[BTC]).any()
        assert small.size <= 3_000


async def test_many_at_once_wait_for_one_question() -> None:
    series = PlayedSeries()
    hourly(series, EUR, 10)
    conversions = Conversions(series, HandClock(NOW))
    found = await asyncio.gather(*(conversions.between(USD, EUR, NOW - n * DAY, NOW) for n in range(20)))
    assert {one.exactly(NOW) for one in found} == {Decimal(1)}
    assert len(series.asked) == 1


async def test_memory_has_a_bound_and_answers_are_whole_beyond_it() -> None:
    series = PlayedSeries()
    for name in ("EUR", "BTC", "ETH", "GBP"):
        hourly(series, Asset(name), 300)
    conversions = Conversions(series, HandClock(NOW), most=100_000)
    quarters = np.arange(int((NOW - 290 * DAY).timestamp()), int(NOW.timestamp()), 900)
    for _ in range(2):
        for name in ("EUR", "BTC", "ETH", "GBP"):
            told = await conversions.between(USD, Asset(name), NOW - 290 * DAY, NOW)
            assert not np.isnan(told.at(quarters)).any()
            assert conversions.size <= 100_000
    assert len(series.asked) == 8


async def test_who_nobody_tells_of_is_not_known_and_an_absurd_time_is_refused() -> None:
    conversions = Conversions(PlayedSeries(), HandClock(NOW))
    told = await conversions.between(Asset("NONE"), EUR, NOW - DAY, NOW)
    assert told.exactly(NOW) is None
    assert not told.is_known
    assert (await conversions.between(EUR, EUR, NOW, NOW)).exactly(NOW) == 1
    for since, until in ((NOW, NOW - HOUR), (NOW - 3801 * DAY, NOW)):
        with pytest.raises(Invalid, match="3,800 days"):
            await conversions.between(USD, EUR, since, until)
