"""Figures of trades over HTTP, of results that the processor itself has worked out, beside a naive count of rows."""

import statistics
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Context, Decimal
from fractions import Fraction
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from api.handlers.reports import words
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.preferences import Preferences
from cryptwire.domain.trade import Side
from cryptwire.memory.clock import HandClock
from cryptwire.metrics import Meters
from cryptwire.storage import database
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.trade_results import TradeResults
from cryptwire.storage.trades import Trades
from processor.handlers.results import Results
from tests.integration.api.analytics import put_days, put_flow
from tests.integration.api.conftest import World, code_of, running
from tests.integration.api.test_statements import Counting
from tests.integration.processor import days
from tests.integration.processor.days import BTC, DAY, HOUR, USDT, at
from tests.integration.processor.resulting import BNB, T, TwinPast, life, trade
from tests.unit.api.reports.test_markup import Seen

D, F = Decimal, Fraction
BERLIN = ZoneInfo("Europe/Berlin")
SIX_DIGITS = Context(prec=6)
SINCE, UNTIL = date(2026, 2, 4), date(2026, 3, 8)
RATIO = "{ value sampleSize definition asOf note }"
MONEY = "{ amount currency sampleSize definition asOf note }"
RANKED = """{ hopperId tradeId at openedAt heldFor coin quote isShort quantity entryPrice exitPrice net share buyTrigger
              sellTrigger buyStrategy }"""
FIGURES = f"""
    query($hoppers: [ID!], $since: Date, $until: Date, $currency: String, $masked: Boolean, $first: Int! = 7,
          $resolution: String! = "1W", $by: RankedBy! = AMOUNT) {{
      analytics(hopperIds: $hoppers, since: $since, until: $until, currency: $currency, masked: $masked) {{
        tradeFigures {{
          results {RATIO} unknown {RATIO} winners {RATIO} losers {RATIO} even {RATIO} winRate {RATIO}
          profitFactor {RATIO} payoff {RATIO} expectancy {MONEY} expectancyRatio {RATIO} meanGain {MONEY}
          meanLoss {MONEY} longestWinningStreak {RATIO} longestLosingStreak {RATIO} currentStreak {RATIO}
          meanHoldingTime {RATIO} medianHoldingTime {RATIO} longHoldingTime {RATIO} net {MONEY} fees {MONEY}
          feeDrag {RATIO} volume {MONEY} trades {RATIO} tradesADay {RATIO}
        }}
        holdingTimes {{ atLeast below winners losers even median {{ value }} notes
                        winnersMedian {RATIO} winnersLong {RATIO} losersMedian {RATIO} losersLong {RATIO} }}
        bestTrades(first: $first, by: $by) {RANKED} worstTrades(first: $first, by: $by) {RANKED}
        coinResults {{ coin net fees results winners losers unknown winRate currency asOf notes }}
        attribution {{ buyTrigger sellTrigger strategy results winners losers unknown net winRate expectancy notes }}
        fees {{ total {MONEY} drag {RATIO}
               days {{ date fees trades unconverted }} coins {{ coin fees trades unconverted }}
               currencies {{ paidIn units unconverted fees trades }} }}
        activity(resolution: $resolution) {{ at buys sells bought sold unvalued results net fees asOf notes }}
      }}
    }}
"""
TOTALS = """
    query($hoppers: [ID!], $since: Date, $until: Date, $currency: String) {
      analytics(hopperIds: $hoppers, since: $since, until: $until, currency: $currency) {
        days { date realised fees } returns { realised { amount note } fees { amount } }
        tradeFigures { net { amount } fees { amount } winRate { value } tradesADay { value } feeDrag { value } }
        comparison { hopperId name timeWeighted { value } value { amount } realised { amount } unrealised { amount }
                     maxDrawdown { value } winRate { value } tradesADay { value } feeDrag { value } }
      } }
"""


async def told(world: World, query: str = FIGURES, **variables: Any) -> dict[str, Any]:
    answer = await world.ask(query, **{"since": str(SINCE), "until": str(UNTIL), **variables})
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]["analytics"]
    return found


async def work_out(rows: Database, hopper: str, past: TwinPast) -> None:
    await Results(TradeResults(rows), past, HandClock(at(2026, 4, 1)), Meters()).bring(HopperId(hopper))


@pytest.fixture
async def processor(world: World, database_url: str) -> AsyncIterator[Database]:
    """Hoppers 1, that counts in USDT, and 3, in BTC, of one user, with results; whose fees in BNB nobody knows."""
    me = UserId(await world.owner.value("SELECT user_id::text FROM hoppers WHERE hopper_id = '1'"))
    await Hoppers(world.owner).put(Hopper(HopperId("3"), me, "Bot 3", Exchange("binance"), BTC, False, HOUR))
    await world.sign_in()
    async with database.connect(url_of("processor", database_url), "test", 2) as rows:
        for hopper, seed, unknown in (("1", 5, set[Asset]()), ("3", 11, {BNB})):
            await Trades(rows).add(life(seed, 150, hopper))
            await work_out(rows, hopper, TwinPast(unknown))
        yield rows


# ---- a naive count ---------------------------------------------------------------------------------------------------


class Rates:
    """Of euros, dollars and bitcoin, told each six hours."""

    def __init__(self) -> None:
        self.moments = [T - DAY + number * 6 * HOUR for number in range(200)]
        self.per_usd = {
            "EUR": [D("0.9") + D(number * 37 % 101) / 10_000 for number in range(200)],
            "USDT": [D("1.0003") - D(number * 11 % 7) / 10_000 for number in range(200)],
            "BTC": [D("0.00002") + D(number * 13 % 89) / 10**9 for number in range(200)],
        }

    async def put(self, owner: Database) -> None:
        for currency, told in self.per_usd.items():
            text = (
                "INSERT INTO rates (currency, at, per_usd) SELECT $1, * FROM unnest($2::timestamptz[], $3::numeric[])"
            )
            await owner.execute(text, currency, self.moments, told)

    def of(self, currency: str, moment: datetime) -> Fraction:
        """Euros for one."""
        number = sum(each <= moment for each in self.moments) - 1
        return F(Context(prec=20).divide(self.per_usd["EUR"][number], self.per_usd[currency][number]))


class Naive:
    """What rows say, counted one by one; ``rate``: of one unit of a hopper's currency at a moment."""

    def __init__(self, rows: Sequence[asyncpg.Record], rate: Callable[[str, datetime], Fraction | None]) -> None:
        self.rows = rows
        self.rate = rate
        self.closed = [row for row in rows if row["closed"] is not None]
        self.nets = {row["trade_id"] + "/" + row["hopper_id"]: self.worth(row, "net") for row in self.closed}

    def worth(self, row: asyncpg.Record, name: str) -> Fraction | None:
        rate = self.rate(row["currency"], row["at"])
        return None if None in (row[name], row["rate"], rate) else F(row[name]) * F(row["rate"]) * F(rate or 0)

    def net(self, row: asyncpg.Record) -> Fraction | None:
        return self.nets[row["trade_id"] + "/" + row["hopper_id"]]

    def known(self, rows: Iterable[asyncpg.Record]) -> list[Fraction]:
        return [net for row in rows if (net := self.net(row)) is not None]

    def paid(self, row: asyncpg.Record) -> Fraction | None:
        return F(0) if not row["fee_units"] else self.worth(row, "fee")

    def fees(self, rows: Iterable[asyncpg.Record]) -> Fraction:
        return sum((paid for row in rows if (paid := self.paid(row)) is not None), F(0))

    def streaks(self) -> tuple[int, int, int]:
        ordered = sorted(
            (row for row in self.closed if row["net"] is not None),
            key=lambda row: (row["at"], len(row["trade_id"]), row["trade_id"], row["hopper_id"]),
        )
        runs = [(sign, len(list(run))) for sign, run in groupby((row["net"] > 0) - (row["net"] < 0) for row in ordered)]
        won, lost = (max((length for each, length in runs if each == sign), default=0) for sign in (1, -1))
        return won, lost, runs[-1][0] * runs[-1][1]

    def held(self, signs: Sequence[int] = (1, 0, -1)) -> list[float]:
        """Of each position, the parts that it was sold in by their quantities; those whose net has one of ``signs``."""
        parts: dict[object, list[tuple[Decimal, float]]] = defaultdict(list)
        for row in self.closed:
            net = row["net"]
            if net is not None and (net > 0) - (net < 0) in signs and row["opened_at"] is not None:
                position = row["hopper_id"], row["base"], row["is_short"], row["opened_at"]
                parts[position].append((row["closed"], (row["at"] - row["opened_at"]).total_seconds()))
        return [
            sum(float(quantity) * seconds for quantity, seconds in each) / sum(float(quantity) for quantity, _ in each)
            for each in parts.values()
        ]


async def rows_of(world: World, hoppers: Sequence[str], zone: ZoneInfo = BERLIN) -> list[asyncpg.Record]:
    rows = await world.owner.fetch("SELECT * FROM trade_results WHERE hopper_id = ANY($1::text[])", list(hoppers))
    return [row for row in rows if SINCE <= row["at"].astimezone(zone).date() <= UNTIL]


def by(rows: Iterable[asyncpg.Record], key: Callable[[asyncpg.Record], Any]) -> dict[Any, list[asyncpg.Record]]:
    found = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found


def columns(table: dict[str, Any], *names: str) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name] for name in names), strict=True))


def is_as_counted(found: dict[str, Any], naive: Naive) -> None:
    """Every number of ``FIGURES``, sums to the last digit."""
    figures = found["tradeFigures"]
    value = {name: one["value"] for name, one in figures.items() if "value" in one}
    amount = {name: one["amount"] for name, one in figures.items() if "amount" in one}
    nets = naive.known(naive.closed)
    gains, losses = [net for net in nets if net > 0], [net for net in nets if net < 0]
    unknown = sum(row["cost"] is None for row in naive.closed)
    assert min(len(gains), len(losses), 4 * unknown) > 3, "there is something to count"
    counts = len(naive.closed), unknown, len(gains), len(losses), sum(not net for net in nets)
    assert tuple(value[name] for name in ("results", "unknown", "winners", "losers", "even")) == counts
    assert F(amount["net"]) == sum(nets)
    assert value["winRate"] == pytest.approx(len(gains) / (len(gains) + len(losses)))
    assert value["profitFactor"] == pytest.approx(float(sum(gains) / -sum(losses)))
    mean_gain, mean_loss = sum(gains) / len(gains), sum(losses) / len(losses)
    assert value["payoff"] == pytest.approx(float(mean_gain / -mean_loss))
    assert float(amount["expectancy"]) == pytest.approx(float(sum(nets) / len(nets)))
    assert value["expectancyRatio"] == pytest.approx(float((1 - mean_gain / mean_loss) * len(gains) / len(nets) - 1))
    assert [float(amount["meanGain"]), float(amount["meanLoss"])] == pytest.approx([float(mean_gain), float(mean_loss)])
    streaks = tuple(value[f"{name}Streak"] for name in ("longestWinning", "longestLosing", "current"))
    assert streaks == naive.streaks()
    held = naive.held()
    assert value["meanHoldingTime"] == pytest.approx(statistics.mean(held))
    assert value["medianHoldingTime"] == pytest.approx(statistics.median(held))
    tenth = statistics.quantiles(held, n=10, method="inclusive")[-1]
    assert value["longHoldingTime"] == pytest.approx(tenth)
    for name, sign in (("winners", 1), ("losers", -1)):
        those = naive.held([sign])
        median, long = (found["holdingTimes"][f"{name}{which}"] for which in ("Median", "Long"))
        assert median["sampleSize"] == long["sampleSize"] == len(those) > 3
        assert median["value"] == pytest.approx(statistics.median(those))
        assert long["value"] == pytest.approx(statistics.quantiles(those, n=10, method="inclusive")[-1])
        assert {"winners": "won", "losers": "lost"}[name] in long["definition"]
    both = [(net, naive.worth(row, "fees") or F(0)) for row in naive.closed if (net := naive.net(row)) is not None]
    drag = sum(fees for _, fees in both) / sum(abs(net + fees) for net, fees in both)
    assert value["feeDrag"] == pytest.approx(float(drag))
    assert F(amount["fees"]) == naive.fees(naive.rows)
    assert F(amount["volume"]) == sum(naive.worth(row, "total") or 0 for row in naive.rows)
    assert value["trades"] == len(naive.rows)
    first = min(row["at"] for row in naive.rows).astimezone(BERLIN).date()
    assert value["tradesADay"] == pytest.approx(len(naive.rows) / ((UNTIL - first).days + 1))
    in_groups(found, naive)
    over_time(found, naive)


def in_groups(found: dict[str, Any], naive: Naive) -> None:
    coins = columns(found["coinResults"], "coin", "net", "results", "winners", "losers")
    expected = {
        coin: (sum(nets), len(rows), sum(net > 0 for net in nets), sum(net < 0 for net in nets))
        for coin, rows in by(naive.closed, lambda row: row["base"]).items()
        for nets in [naive.known(rows)]
    }
    assert {coin: (F(net), *rest) for coin, net, *rest in coins} == expected
    assert [F(net) for _, net, *_ in coins] == sorted((F(net) for _, net, *_ in coins), reverse=True)
    reasons = columns(found["attribution"], "buyTrigger", "sellTrigger", "strategy", "net", "results", "unknown")
    assert {each[:3]: (F(each[3]), *each[4:]) for each in reasons} == {
        reason: (sum(naive.known(rows)), len(rows), sum(naive.net(row) is None for row in rows))
        for reason, rows in by(naive.closed, lambda r: (r["buy_trigger"], r["trigger"], r["buy_strategy"])).items()
    }
    assert any(None in each[:3] for each in reasons), "what is not known is a row of its own"
    paid = columns(found["fees"]["currencies"], "paidIn", "units", "unconverted", "fees", "trades")
    in_units: dict[str, Any] = {coin: tuple(map(F, rest)) for coin, *rest in paid}
    assert in_units == {
        coin: (
            sum(F(row["fee_units"]) for row in rows),
            sum(F(row["fee_units"]) for row in rows if naive.paid(row) is None),
            naive.fees(rows),
            len(rows),
        )
        for coin, rows in by(naive.rows, lambda row: row["fee_currency"]).items()
    }
    coins = columns(found["fees"]["coins"], "coin", "fees", "trades", "unconverted")
    assert {coin: (F(fees), *rest) for coin, fees, *rest in coins} == {
        coin: (naive.fees(rows), len(rows), sum(naive.paid(row) is None for row in rows))
        for coin, rows in by(naive.rows, lambda row: row["base"]).items()
    }
    assert F(found["fees"]["total"]["amount"]) == naive.fees(naive.rows)


def over_time(found: dict[str, Any], naive: Naive) -> None:
    by_date = by(naive.rows, lambda row: str(row["at"].astimezone(BERLIN).date()))
    listed = columns(found["fees"]["days"], "date", "fees", "trades")
    assert [on for on, *_ in listed] == [str(SINCE + number * DAY) for number in range((UNTIL - SINCE).days + 1)]
    assert [(on, F(fees), trades) for on, fees, trades in listed] == [
        (on, naive.fees(by_date[on]), len(by_date[on])) for on, *_ in listed
    ]

    def monday(row: asyncpg.Record) -> str:
        on = row["at"].astimezone(BERLIN).date()
        return f"{on - on.weekday() * DAY}T00:00:00Z"

    weeks = by(naive.rows, monday)
    names = "at", "buys", "sells", "bought", "sold", "results", "net", "fees"
    listed = columns(found["activity"], *names)
    assert [on for on, *_ in listed] == sorted(weeks)
    for on, buys, sells, bought, sold, results, net, fees in listed:
        sides = [[row for row in weeks[on] if row["side"] == side] for side in (1, 2)]
        closed = [row for row in weeks[on] if row["closed"] is not None]
        assert [buys, sells, results] == [len(sides[0]), len(sides[1]), len(closed)]
        worth = [sum(naive.worth(row, "total") or 0 for row in side) for side in sides]
        assert [F(bought), F(sold), F(net), F(fees)] == [*worth, sum(naive.known(closed)), naive.fees(weeks[on])]


# ---- tests -----------------------------------------------------------------------------------------------------------


async def test_of_one_hopper_in_its_own_currency(world: World, processor: Database) -> None:
    found = await told(world, hoppers=["1"], currency="USDT")
    rows = await rows_of(world, ["1"])
    naive = Naive(rows, lambda *_: F(1))
    is_as_counted(found, naive)
    net = found["tradeFigures"]["net"]
    assert net["currency"] == "USDT"
    assert "fees of both sides in" in net["definition"]
    newest = max(row["at"] for row in naive.closed)
    assert datetime.fromisoformat(net["asOf"]) == newest
    assert "of unknown cost not counted" in net["note"]
    assert net["sampleSize"] == len(naive.known(naive.closed))


async def test_of_two_hoppers_in_another_currency(world: World, processor: Database) -> None:
    rates = Rates()
    await rates.put(world.owner)
    found = await told(world)
    rows = await rows_of(world, ["1", "3"])
    naive = Naive(rows, rates.of)
    is_as_counted(found, naive)
    unconverted = dict(columns(found["fees"]["currencies"], "paidIn", "unconverted"))
    assert F(unconverted["BNB"]) > 0, "of hopper 3 nobody knows what its fees in BNB were worth"
    figures = found["tradeFigures"]
    for one in (found["fees"]["total"], found["fees"]["drag"], *(figures[name] for name in ("net", "expectancy"))):
        assert "whose worth nobody knows" in one["note"], "what was earned is too much by these"
    assert "whose worth" not in (figures["volume"]["note"] or "")
    nothing = (await told(world, currency="XYZ"))["tradeFigures"]
    assert nothing["net"]["amount"] == "0"
    assert (
        f"{len(naive.known(naive.closed))} results of unknown worth in this currency not counted"
        in (nothing["net"]["note"])
    )
    assert nothing["currentStreak"]["value"] == naive.streaks()[2], "that needs no rate"


async def test_the_best_and_the_worst(world: World, processor: Database) -> None:
    rates = Rates()
    await rates.put(world.owner)
    await world.owner.execute("UPDATE trade_results SET is_short = true WHERE hopper_id = '3' AND trade_id < '5'")
    naive = Naive(await rows_of(world, ["1", "3"]), rates.of)
    known = [row for row in naive.closed if naive.net(row) is not None]

    def share(row: asyncpg.Record) -> Fraction:
        return F(row["net"]) / F(row["proceeds"] if row["is_short"] else row["cost"])

    def amount(row: asyncpg.Record) -> Fraction:
        return naive.net(row) or F(0)

    for by_what, value in (("AMOUNT", amount), ("PERCENT", share)):
        found = await told(world, by=by_what)
        are_ranked(found, naive, known, value)


def are_ranked(
    found: dict[str, Any],
    naive: Naive,
    known: Sequence[asyncpg.Record],
    value: Callable[[asyncpg.Record], Fraction],
) -> None:
    for name, sign in (("bestTrades", 1), ("worstTrades", -1)):
        those = [(-sign * value(row), row["at"], row) for row in known if sign * row["net"] > 0]
        listed = [row for *_, row in sorted(those, key=lambda one: one[:2])]
        told_of = found[name]
        assert len(told_of) == 7
        for one, row in zip(told_of, listed, strict=False):
            assert (one["hopperId"], one["tradeId"]) == (row["hopper_id"], row["trade_id"])
            assert F(one["net"]) == naive.net(row)
            assert F(one["quantity"]) == F(row["closed"])
        shares = [float(F(row["net"]) / F(row["proceeds"] if row["is_short"] else row["cost"])) for row in listed[:7]]
        assert [one["share"] for one in told_of] == pytest.approx(shares)


async def test_masked_figures_hold_no_amount_and_what_cannot_be_asked_is_refused(
    world: World, processor: Database
) -> None:
    plain, masked = [await told(world, hoppers=["1"], currency="USDT", masked=each) for each in (False, True)]

    def numbers(answer: object) -> set[str]:
        if isinstance(answer, dict):
            return set().union(*map(numbers, answer.values()))
        if isinstance(answer, list):
            return set().union(*map(numbers, answer))
        return {answer} if isinstance(answer, str) and answer.replace(".", "").lstrip("-").isdigit() else set()

    assert len(numbers(plain)) > 100
    shown = {"1"}
    for one in (*plain["bestTrades"], *plain["worstTrades"]):
        shown |= {
            one["tradeId"],
            *(f"{SIX_DIGITS.create_decimal(one[name]):f}" for name in ("entryPrice", "exitPrice")),
        }
    assert numbers(masked) <= shown
    for name in ("coinResults", "attribution", "activity"):
        assert set(masked[name]["net"]) == {None}
        assert masked[name]["results"] == plain[name]["results"]
    rate = plain["tradeFigures"]["winRate"]
    assert masked["tradeFigures"]["winRate"] == {**rate, "value": float(f"{rate['value']:.6g}")}
    shares = [float(f"{one['share']:.6g}") for one in plain["bestTrades"]]
    assert [one["share"] for one in masked["bestTrades"]] == shares
    asked: list[dict[str, Any]] = [{"first": 0}, {"first": 101}, {"resolution": "7"}, {"hoppers": ["2"]}]
    asked.append({"resolution": "15", "since": "2026-01-01"})
    codes = [code_of(await world.ask(FIGURES, **{"until": str(UNTIL), **one})) for one in asked]
    assert codes == ["INVALID", "INVALID", "INVALID", "NOT_FOUND", "INVALID"]


async def test_the_printed_report_tells_the_same(world: World, processor: Database) -> None:
    asked = {"hopper": "1", "since": str(SINCE), "until": str(UNTIL), "currency": "USDT"}
    pages = []
    for masked in ("false", "true"):
        params = {**asked, "masked": masked}
        async with world.http.get(f"{world.base}/reports/performance", params=params) as answer:
            assert answer.status == 200, await answer.text()
            pages.append(Seen(await answer.text()).words)
    found = await told(world, hoppers=["1"], currency="USDT")
    figures, first = found["tradeFigures"], {name: column[0] for name, column in found["attribution"].items() if column}
    amounts = [figures["net"]["amount"], found["bestTrades"][0]["net"], first["net"], found["fees"]["total"]["amount"]]
    amounts += [found["worstTrades"][0]["net"], figures["volume"]["amount"]]
    decimals = Preferences().stablecoin_decimals
    rounded = [f"{abs(round(D(amount), decimals)):,}" for amount in amounts]
    assert [amount for amount in rounded if amount not in pages[0]] == []
    assert [amount for amount in rounded if amount in pages[1] and len(amount) > 5] == []
    for page in pages:
        assert words.percent(figures["winRate"]["value"], is_signed=False) in page
        assert f"Won{figures['winners']['value']:.0f}" in page
        assert all(title in page for title in ("Trades, amounts in USDT", "Attribution, amounts", "Fees, amounts"))
        assert "unknown" in page
        assert "How long it was held" in page
        assert words.span(found["holdingTimes"]["losersLong"]["value"]) in page
        assert found["holdingTimes"]["winnersMedian"]["definition"] in page
        assert figures["profitFactor"]["definition"] in page


async def test_what_is_kept_goes_when_a_result_comes_and_not_before(world: World, processor: Database) -> None:
    before = (await told(world, hoppers=["1"], currency="USDT"))["tradeFigures"]
    await world.owner.execute("UPDATE trade_results SET net = net + 1000 WHERE hopper_id = '1'")
    assert (await told(world, hoppers=["1"], currency="USDT"))["tradeFigures"] == before, "nobody says that it changed"
    late = trade(900, Side.BUY, "1", "100", 20 * DAY)
    await Trades(processor).add([late, trade(901, Side.SELL, "1", "150", 20 * DAY + HOUR, closes="900")])
    await work_out(processor, "1", TwinPast())
    found = await told(world, hoppers=["1"], currency="USDT")
    is_as_counted(found, Naive(await rows_of(world, ["1"]), lambda *_: F(1)))
    assert found["tradeFigures"]["results"]["value"] == before["results"]["value"] + 1
    await world.owner.execute("DELETE FROM result_progress WHERE hopper_id = '1'")
    note = (await told(world, hoppers=["1"], currency="USDT"))["tradeFigures"]["net"]["note"]
    assert "what trades of 1 hopper closed is not computed yet" in note


async def test_days_and_totals_say_what_the_processor_keeps_of_days(world: World, database_url: str) -> None:
    await world.owner.execute("UPDATE users SET zone = 'UTC', currency = 'USDT'")
    me = UserId(await world.owner.value("SELECT user_id::text FROM hoppers WHERE hopper_id = '1'"))
    await Hoppers(world.owner).put(Hopper(HopperId("3"), me, "Bot 3", Exchange("binance"), USDT, False, HOUR))
    first, last = at(2026, 2, 10), at(2026, 2, 14)
    async with database.connect(url_of("processor", database_url), "test", 4) as rows:
        past = days.World(rows, world.owner)
        past.account.held = defaultdict(dict)
        for hopper, quantity in (("1", "0.5"), ("3", "0.013")):
            bought = [days.trade(hopper, number, Side.BUY, quantity, first + number * 9 * HOUR) for number in range(8)]
            sold = [
                days.trade(hopper, 100 + number, Side.SELL, "0.007", first + number * 13 * HOUR, "0.003", "BNB")
                for number in range(1, 7)
            ]
            await past.traded(*bought, *sold)
            await work_out(rows, hopper, past.markets)  # type: ignore[arg-type]  # tells prices of the past, too
        past.clock.set(last)
        for hopper in ("1", "3"):
            await past.candles(hopper, first - DAY, last)
        await past.turning(past.statistics().compute(last))
        kept = {hopper: await past.days.read(HopperId(hopper), "UTC", first.date(), last.date()) for hopper in "13"}
    assert all(len(listed) == 4 for listed in kept.values())
    await world.sign_in()
    span = {"since": str(first.date()), "until": str(last.date() - DAY), "currency": "USDT"}
    for hopper, listed in kept.items():
        found = await told(world, TOTALS, hoppers=[hopper], **span)
        assert found["days"]["date"] == [str(day.date) for day in listed]
        assert [F(each) for each in found["days"]["realised"]] == [F(day.realised) for day in listed]
        assert [F(each) for each in found["days"]["fees"]] == [F(day.fees) for day in listed]
        assert sum(day.realised for day in listed) != 0 != sum(day.fees for day in listed)
        assert found["returns"]["realised"]["amount"] == found["tradeFigures"]["net"]["amount"]
        assert F(found["returns"]["realised"]["amount"]) == sum(F(day.realised) for day in listed)
    await Rates().put(world.owner)
    for currency in ("USDT", "EUR"):
        both = await told(world, TOTALS, **{**span, "currency": currency})
        alone = [await told(world, TOTALS, **{**span, "currency": currency}, hoppers=[each]) for each in kept]
        assert [one["hopperId"] for one in both["comparison"]] == list(kept)
        assert both["comparison"] == [one["comparison"][0] for one in alone], "beside another it is what it is alone"
        for one in alone:
            (row,) = one["comparison"]
            figures = one["tradeFigures"]
            assert row["realised"]["amount"] == figures["net"]["amount"]
            same = [row[name]["value"] for name in ("winRate", "tradesADay", "feeDrag")]
            assert same == [figures[name]["value"] for name in ("winRate", "tradesADay", "feeDrag")]
            assert row["timeWeighted"]["value"] is not None
        amounts = [F(each["realised"]["amount"]) for each in both["comparison"]]
        assert F(both["returns"]["realised"]["amount"]) == sum(amounts) == sum(map(F, both["days"]["realised"]))
        assert F(both["returns"]["fees"]["amount"]) == sum(map(F, both["days"]["fees"]))


async def test_ten_hoppers_beside_each_other_cost_as_many_statements_as_two(world: World) -> None:
    me = UserId(await world.owner.value("SELECT user_id::text FROM hoppers WHERE hopper_id = '1'"))
    last = date(2026, 3, 1)
    ids = ["1", *(f"many-{number}" for number in range(9))]
    for number, id in enumerate(ids):
        await Hoppers(world.owner).put(Hopper(HopperId(id), me, id, Exchange("binance"), USDT, False, HOUR))
        await put_days(world.owner, id, last, [100.0, 110.0, 121.0], zone="Europe/Berlin", offset=-HOUR)
        flow = f"11111111-1111-1111-1111-{number:012}"
        await put_flow(world.owner, flow, id, at(2026, 3, 1), "11", 110.0)
    headers = {"Authorization": f"Bearer {await world.keys.signed_in(world.owner, me)}"}
    text = TOTALS[: TOTALS.index("days {")] + TOTALS[TOTALS.index("comparison") :]
    counting, took, found = Counting(), list[int](), dict[str, Any]()
    async with (
        counting.before(world.settings.database_url) as address,
        running(replace(world.settings, database_url=address)) as (base, _),
    ):
        for chosen in (ids[:2], ids):
            variables = {"hoppers": chosen, "since": "2026-02-28", "until": "2026-03-01", "currency": "USDT"}
            counts = []
            for _ in range(4):  # who asks is remembered after the first, and the service looks around by itself
                before = counting.statements
                body = {"query": text, "variables": variables}
                async with world.http.post(f"{base}/graphql", json=body, headers=headers) as response:
                    found = await response.json()
                assert "errors" not in found, found
                counts.append(counting.statements - before)
            took.append(min(counts))
    rows = found["data"]["analytics"]["comparison"]
    assert [row["timeWeighted"]["value"] for row in rows] == pytest.approx([0.1] * 10), "what came is no gain"
    assert 0 < took[0] == took[1]


async def test_without_a_trade_nothing_is_made_up(world: World) -> None:
    await world.sign_in()
    found = await told(world)
    figures = found["tradeFigures"]
    assert [figures[name]["value"] for name in ("results", "winners", "winRate", "feeDrag", "tradesADay")] == [
        0,
        0,
        None,
        None,
        None,
    ]
    assert (figures["net"]["amount"], figures["net"]["asOf"], figures["expectancy"]["amount"]) == ("0", None, None)
    assert found["coinResults"]["coin"] == found["attribution"]["results"] == found["bestTrades"] == []
    assert set(found["activity"]["buys"]) == {0}
    (row,) = (await told(world, TOTALS))["comparison"]
    assert (row["timeWeighted"]["value"], row["value"]["amount"], row["realised"]["amount"]) == (None, None, "0")
