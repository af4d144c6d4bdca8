"""The job at midnight, walked through two years in every zone by a clock that goes on as the job waits."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, cast
from zoneinfo import ZoneInfo

from cryptwire.domain.daily import Daily, DayCandles, Midnight, Progress, Standing
from cryptwire.domain.flow import Flow
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.metrics import Meters
from processor.handlers.statistics import Statistics
from tests.unit.cryptwire.domain.test_day import FIRST, IS_FULL, LAST, ZONES, naive_beginning, rules_of

USDT = Asset("USDT")
QUARTER, HOUR, DAY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
HELD = {USDT: Decimal(1000)}


@dataclass
class Hurried:
    """A clock that is turned by whoever waits."""

    moment: datetime = datetime(2025, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, span: timedelta) -> None:
        self.moment += max(timedelta(0), span)


@dataclass
class Played:
    """Hoppers, one in each zone, by its name; tables, upstream and prices at once."""

    zone_of: dict[str, str]
    clock: Hurried = field(default_factory=Hurried)
    taken: dict[tuple[HopperId, datetime], Midnight] = field(default_factory=dict)
    first: dict[str, datetime] = field(default_factory=dict)
    written: list[tuple[datetime, Daily]] = field(default_factory=list)
    stands: dict[tuple[str, str], Progress] = field(default_factory=dict)
    newest: dict[tuple[str, str], Daily] = field(default_factory=dict)

    def statistics(self) -> Statistics:
        here = cast("Any", self)
        return Statistics(here, here, here, here, here, cast("Any", Unheard()), here, self.clock, Meters())

    async def ring(self, statistics: Statistics, due_at: datetime) -> None:
        self.clock.moment = due_at
        await statistics.ring(due_at)

    # ---- days ----

    async def zones(self) -> list[str]:
        return sorted(set(self.zone_of.values()))

    async def untaken(self, zones: Sequence[str], at: datetime, after: str, most: int) -> list[Hopper]:
        found = [name for name, zone in self.zone_of.items() if zone in zones and name > after]
        return [_hopper(name) for name in sorted(found) if (name, at) not in self.taken][:most]

    async def due(self, lasts: Mapping[str, datetime], after: str, most: int) -> list[Standing]:
        found = []
        for name, zone in sorted(self.zone_of.items()):
            stood = self.stands.get((name, zone))
            if name > after and (stood is None or stood.until_at < lasts[zone]):
                first = self.first.get(name)
                began = first and first - timedelta(seconds=1)
                now = self.clock.now()
                was = () if stood is None else (1, stood.begins_at, stood.until_at, stood.ledger)
                found.append(Standing(_hopper(name), zone, lasts[zone], 1, began, now, *was))
        return found[:most]

    async def candles(self, days: Sequence[tuple[HopperId, datetime, datetime]]) -> list[DayCandles | None]:
        return [None] * len(days)

    async def before(self, hopper: HopperId, zone: str, on: date) -> Daily | None:
        return self.newest.get((hopper, zone))

    async def put(self, *what: Any) -> Any:
        """Of days and midnights."""
        if len(what) == 1:
            for midnight in what[0]:
                self.taken[midnight.hopper, midnight.at] = midnight
                self.first.setdefault(midnight.hopper, midnight.at)
            return len(what[0])
        for _, moved in what[1]:
            self.stands[moved.hopper, moved.zone] = moved
        for daily in what[0]:
            self.written.append((self.clock.now(), daily))
            self.newest[daily.hopper, daily.zone] = daily
        return {moved.hopper for _, moved in what[1]}

    # ---- midnights, trades, flows ----

    async def at(self, keys: Iterable[tuple[HopperId, datetime]]) -> dict[tuple[HopperId, datetime], Midnight]:
        return {key: self.taken[key] for key in keys if key in self.taken}

    async def next_taken(self, hopper: HopperId, since: datetime) -> Midnight | None:
        later = [at for name, at in self.taken if name == hopper and at >= since]
        return self.taken[hopper, min(later)] if later else None

    async def of_many(self, spans: object) -> dict[HopperId, list[Any]]:
        return {}

    async def pages(self, *_: object) -> AsyncIterator[list[Any]]:
        for page in list[list[Any]]():
            yield page

    async def within(self, *_: object) -> list[Any]:
        return []

    async def moved(self, *_: object) -> list[Flow]:
        return []

    # ---- upstream, markets ----

    async def assets(self, hopper: Hopper, _: timedelta) -> tuple[dict[Asset, Decimal], datetime]:
        return dict(HELD), self.clock.now()

    async def positions(self, *_: object) -> tuple[()]:
        return ()

    async def reserved(self, *_: object) -> tuple[()]:
        return ()

    async def now(self, *_: object) -> dict[Asset, Decimal]:
        return {USDT: Decimal(1)}

    async def then(self, wanted: Iterable[Any]) -> dict[Any, Decimal]:
        return dict.fromkeys(wanted, Decimal(1))


class Unheard:
    """Nothing is told live."""

    def at(self, *_: object) -> None:
        return None

    def last(self, _: object) -> None:
        return None


def _hopper(name: str) -> Hopper:
    return Hopper(HopperId(name), UserId("u"), name, Exchange("binance"), USDT, False, timedelta(seconds=60))


def spells(zone: ZoneInfo) -> Iterator[list[date]]:
    """Dates in a row: with CRYPTWIRE_FULL all of two years, else those around each change of the clock."""
    dates = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
    if IS_FULL:
        yield dates
        return
    offsets = [datetime(on.year, on.month, on.day, 12, tzinfo=zone).utcoffset() for on in dates]
    changes = [number for number in range(1, len(dates)) if offsets[number] != offsets[number - 1]]
    for number in [60, *changes]:
        yield dates[max(0, number - 2) : number + 2]


async def walk(names: Sequence[str], dates: Sequence[date], played: Played) -> None:
    """Ring at each midnight of each zone, and a quarter of an hour before and after it; look at what came of it."""
    begins = {name: [naive_beginning(ZoneInfo(name), on) for on in dates] for name in names}
    rings = sorted({begin + step * QUARTER for each in begins.values() for begin in each for step in (-1, 0, 1)})
    statistics = played.statistics()
    for ring in rings:
        await played.ring(statistics, ring)
    for name in names:
        ends = begins[name]
        taken = sorted(at for hopper, at in played.taken if hopper == name and ends[0] <= at <= ends[-1])
        assert taken == ends, name
        assert all(played.taken[HopperId(name), at].taken_at is not None for at in ends), name
        days = [(when, daily) for when, daily in played.written if daily.hopper == name and daily.ends_at in ends]
        told = [(daily.date, daily.begins_at, daily.ends_at) for _, daily in days]
        assert told[1:] == list(zip(dates, begins[name], begins[name][1:], strict=False)), name
        assert told[0][2] == ends[0], name
        assert all(daily.ends_at <= when <= daily.ends_at + timedelta(seconds=5) for when, daily in days), name
        assert all(daily.balance == 1000 and not daily.is_made_up for _, daily in days), name


async def test_in_each_zone_each_midnight_is_taken_and_its_day_written_once_and_then() -> None:
    walked: set[tuple[datetime, ...]] = set()
    lengths: Counter[timedelta] = Counter()
    for name in {rules_of(name): name for name in ZONES}.values():
        zone = ZoneInfo(name)
        for dates in spells(zone):
            begins = tuple(naive_beginning(zone, on) for on in dates)
            if begins in walked:
                continue
            walked.add(begins)
            played = Played({name: name})
            await walk([name], dates, played)
            lengths.update(daily.ends_at - daily.begins_at for _, daily in played.written)
    assert {23 * HOUR, DAY, 25 * HOUR, 23.5 * HOUR, 24.5 * HOUR} <= lengths.keys()


async def test_all_zones_together_through_days_on_which_many_turn_their_clocks() -> None:
    names = sorted({rules_of(name): name for name in ZONES}.values())
    await walk(
        names, [date(2025, 11, 1) + timedelta(days=number) for number in range(3)], Played({n: n for n in names})
    )


async def test_who_moves_between_zones_each_day_has_his_midnights_taken_in_the_zone_that_he_is_in() -> None:
    zones = ["Pacific/Kiritimati", "Asia/Kathmandu", "Europe/Berlin", "America/St_Johns", "Pacific/Niue"]
    played = Played({"one": zones[0]})
    statistics = played.statistics()
    moment = datetime(2025, 3, 27, tzinfo=UTC)
    for number in range(10 * 96):  # Berlin turns its clock on the 30th
        if number % 80 == 0:
            played.zone_of["one"] = zones[number // 80 % len(zones)]
        await played.ring(statistics, moment + number * QUARTER)
    for zone in zones:
        days = [daily for _, daily in played.written if daily.zone == zone]
        assert len({daily.date for daily in days}) == len(days) > 0, "none twice"
        for daily in days:
            begins = naive_beginning(ZoneInfo(zone), daily.date), naive_beginning(ZoneInfo(zone), daily.date + DAY)
            assert (daily.begins_at, daily.ends_at) == begins
        assert all(one.ends_at == two.begins_at for one, two in pairwise(days)), "none left out"
