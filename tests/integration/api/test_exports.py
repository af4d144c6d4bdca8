"""Files to take along: whose they are, what stands in them, how many are made at once, and who is given up."""

import csv
import io
import json
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from api.handlers.exports import tax
from api.handlers.exports.routes import FILES, TAX
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.storage.api_tokens import ApiTokens
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.trades import Trades
from tests.integration.api.analytics import put_candle, put_days, put_flow, put_rate
from tests.integration.api.conftest import World, until
from tests.integration.api.test_analytics import me_of

D = Decimal
T = datetime(2026, 3, 1, 23, tzinfo=UTC)  # midnight in Berlin
HOUR = timedelta(hours=1)
BUY, SELL = Side.BUY, Side.SELL
SPAN = {"since": "2026-03-01", "until": "2026-03-31"}
_RESULT = """
    INSERT INTO trade_results (hopper_id, trade_id, at, exchange, base, quote, side, quantity, price, total, fee,
        fee_units, fee_currency, currency, rate, trigger, closed, proceeds, cost, fees, net, opened_at, is_short,
        buy_trigger)
    VALUES ($1, $2, $3, 'binance', 'BTC', 'USDT', 2, 1, 110, 110, 0, 0, 'USDT', 'USDT', 1, $4, 1, 110, $5, 0.5, $6,
        $7, false, '=DDE()')
"""
_MANY_TRADES = """
    INSERT INTO trades (hopper_id, trade_id, exchange, base, quote, side, quantity, rate, total, fee, fee_currency, at)
    SELECT '1', n::text, 'binance', 'BTC', 'USDT', 1 + n % 2, 0.5, 100.25, 50.125, 0.05, 'USDT',
           '2026-01-01'::timestamptz + n * interval '1 minute'
      FROM generate_series(1, $1::int) n
"""
_MANY_CANDLES = """
    INSERT INTO candles SELECT '1', '2025-01-01'::timestamptz + n * interval '15 minutes', 1, 3, 0.5, 2, 0, 3, 1
      FROM generate_series(0, $1::int - 1) n
"""


def trade(number: int, side: Side, market: str, quantity: str, rate: str, hour: int, **more: Any) -> Trade:
    base, quote = map(Asset, market.split("/"))
    fields = {"hopper": "1", "fee": "0", "fee_currency": quote, "trigger": None, **more}
    return Trade(
        HopperId(fields["hopper"]),
        TradeId(str(number)),
        Pair(Exchange("binance"), base, quote),
        side,
        D(quantity),
        D(rate),
        D(quantity) * D(rate),
        D(fields["fee"]),
        Asset(fields["fee_currency"]),
        T + hour * HOUR,
        trigger=fields["trigger"],
    )


async def get(world: World, path: str, token: str | None = None, **asked: str) -> tuple[int, Any]:
    """The status, and the rows of a file or the error instead."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with world.http.get(f"{world.base}{path}", params=asked, headers=headers) as answer:
        body = await answer.read()
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        if answer.status != 200:
            return answer.status, json.loads(body)["error"]
        assert answer.headers["content-type"].startswith("text/csv; charset=utf-8")
        assert 'attachment; filename="cryptwire-' in answer.headers["content-disposition"]
        return 200, list(csv.DictReader(io.StringIO(body.decode(), newline="")))


async def rows(world: World, path: str, **asked: str) -> list[dict[str, str]]:
    status, found = await get(world, path, **asked)
    assert status == 200, found
    assert isinstance(found, list)
    return found


async def in_dollars(world: World) -> None:
    await world.owner.execute("UPDATE users SET currency = 'USDT'")
    await world.sign_in()


async def in_euros(world: World) -> None:
    """A dollar is 0.8 of a euro until hour 10, then 0.5."""
    for hour, per_usd in [*((hour, "0.8") for hour in range(-24, 10)), *((hour, "0.5") for hour in range(10, 48))]:
        await put_rate(world.owner, "EUR", T + hour * HOUR, per_usd)
        await put_rate(world.owner, "USDT", T + hour * HOUR, "1")
    await world.sign_in()


async def test_trades_are_told_as_they_are_and_in_the_currency_of_ones_choice(world: World) -> None:
    await Trades(world.owner).add(
        [
            trade(9, BUY, "BTC/USDT", "0.5", "100.10", 1, fee="0.001", fee_currency="BNB", trigger='=HYPERLINK("x")'),
            trade(10, SELL, "BTC/USDT", "0.5", "200", 12),
            trade(1, BUY, "BTC/USDT", "1", "1", 24 * 60),
        ]
    )
    await Trades(world.owner).add([trade(1, BUY, "BTC/USDT", "1", "1", 1, hopper="2")])
    await in_euros(world)
    first, second = await rows(world, "/exports/trades.csv", **SPAN)
    assert {name: first[name] for name in ("at", "at_local", "hopper", "trade_id", "side", "coin", "quote")} == {
        "at": "2026-03-02T00:00:00Z",
        "at_local": "2026-03-02 01:00:00",
        "hopper": "Bot 1",
        "trade_id": "9",
        "side": "buy",
        "coin": "BTC",
        "quote": "USDT",
    }
    numbers = ("quantity", "price", "total", "fee", "fee_currency", "rate", "total_in_currency", "net", "currency")
    assert [first[name] for name in numbers] == ["0.5", "100.1", "50.05", "0.001", "BNB", "0.8", "40.04", "", "EUR"]
    assert first["trigger"] == '\'=HYPERLINK("x")'
    assert (second["trade_id"], second["total_in_currency"]) == ("10", "50")
    masked, _ = await rows(world, "/exports/trades.csv", masked="true", **SPAN)
    amounts = {"quantity", "total", "fee", "net", "total_in_currency", "net_in_currency"}
    assert masked == {**first, **dict.fromkeys(amounts, "")}
    dollars, _ = await rows(world, "/exports/trades.csv", currency="usdt", **SPAN)
    assert (dollars["rate"], dollars["total_in_currency"]) == ("1", "50.05")


async def test_results_tell_what_was_earned(world: World) -> None:
    for number, (cost, net) in enumerate([("100", "10"), (None, None)]):
        known = (None if cost is None else D(cost)), (None if net is None else D(net))
        opened = None if cost is None else T - HOUR
        await world.owner.execute(_RESULT, "1", str(number), T + HOUR * (number + 1), "-Bot", *known, opened)
    await in_euros(world)
    first, second = await rows(world, "/exports/results.csv", **SPAN)
    told = {name: first[name] for name in ("hours_held", "net", "return", "net_in_currency", "cost_in_currency")}
    assert told == {"hours_held": "2", "net": "10", "return": "0.1", "net_in_currency": "8", "cost_in_currency": "80"}
    assert (first["buy_trigger"], first["sell_trigger"]) == ("'=DDE()", "'-Bot")
    assert [second[name] for name in ("net", "return", "opened_at", "net_in_currency")] == [""] * 4
    masked, _ = await rows(world, "/exports/results.csv", masked="true", **SPAN)
    assert (masked["net"], masked["proceeds_in_currency"], masked["return"]) == ("", "", "0.1")


async def test_days_and_candles_are_those_of_the_users_calendar(world: World) -> None:
    await put_days(
        world.owner, "1", date(2026, 3, 3), [1000.0, 1100.0, 990.0], zone="Europe/Berlin", offset=-HOUR, opening=1000.0
    )
    for quarter, (opening, closing) in enumerate([(1000.0, 1010.0), (1010.0, 1005.5)]):
        await put_candle(world.owner, "1", T + quarter * timedelta(minutes=15), opening, closing)
    await Trades(world.owner).add([trade(1, BUY, "BTC/USDT", "1", "7.5", 0)])
    await in_dollars(world)
    days = await rows(world, "/exports/days.csv", since="2026-03-02", until="2026-03-03")
    assert [(day["date"], day["value"], day["base_currency"]) for day in days] == [
        ("2026-03-02", "1100", "USDT"),
        ("2026-03-03", "990", "USDT"),
    ]
    assert [float(day["return"]) for day in days] == pytest.approx([0.1, -0.1])
    assert days[0]["begins_at"] == "2026-03-01T23:00:00Z"
    candles = await rows(world, "/exports/candles.csv", **SPAN)
    assert [[one[name] for name in ("opened_at_local", "open", "close", "volume", "quality")] for one in candles] == [
        ["2026-03-02 00:00:00", "1000", "1010", "7.5", "complete"],
        ["2026-03-02 00:15:00", "1010", "1005.5", "0", "complete"],
    ]
    asked = {"masked": "true", "since": "2026-03-02", "until": "2026-03-03"}
    day, candle = (
        (await rows(world, "/exports/days.csv", **asked))[0],
        (await rows(world, "/exports/candles.csv", **asked))[0],
    )
    assert (day["value"], day["closing"]) == ("", "")
    assert float(day["return"]) == pytest.approx(0.1)
    assert (candle["open"], candle["volume"], candle["quality"]) == ("", "", "complete")


async def test_a_file_of_days_says_what_their_chart_says(world: World) -> None:
    """What was earned and what came are worth what they were then, and not what they would be at midnight."""
    await put_days(world.owner, "1", date(2026, 3, 2), [1000.0, 1600.0], zone="Europe/Berlin", offset=-HOUR)
    await put_flow(world.owner, "1" * 8 + "-1111-1111-1111-111111111111", "1", T + 3 * HOUR, "500", 1000.0)
    await world.owner.execute(_RESULT, "1", "7", T + 5 * HOUR, None, D(90), D(20), T)
    await world.owner.execute("UPDATE trade_results SET fee = 0.5, fee_units = 0.5")
    await in_euros(world)
    asked: dict[str, Any] = {"since": "2026-03-02", "until": "2026-03-02"}
    (told,) = await rows(world, "/exports/days.csv", **asked)
    chart = """query($since: Date, $until: Date) { analytics(hopperIds: ["1"], since: $since, until: $until) {
                 days { return balance flows realised fees } } }"""
    answer = await world.ask(chart, **asked)
    assert "errors" not in answer, answer
    shown = answer["data"]["analytics"]["days"]
    names = {"balance": "value", "flows": "flows", "realised": "realised", "fees": "fees"}
    assert {name: [D(told[column])] for name, column in names.items()} == {
        name: [D(amount) for amount in shown[name]] for name in names
    }
    assert (told["flows"], told["realised"], told["fees"]) == ("400", "16", "0.4")
    assert float(told["return"]) == shown["return"][0]


async def test_a_file_of_candles_says_what_their_chart_says(world: World) -> None:
    """Also of the quarter of an hour at whose end a rate is told, or in which the base currency changed."""
    for hour in (8, 9):
        await put_candle(world.owner, "1", T + hour * HOUR + timedelta(minutes=45), 1000.0, 1000.0)
    changed = """INSERT INTO hopper_events (hopper_id, user_id, kind, was, became, at)
                 SELECT hopper_id, user_id, 'base-changed', 'EUR', 'USDT', $1 FROM hoppers WHERE hopper_id = '1'"""
    await world.owner.execute(changed, T + 8 * HOUR + timedelta(minutes=50))
    await in_euros(world)
    told = await rows(world, "/exports/candles.csv", **SPAN)
    asked: dict[str, Any] = {**SPAN}
    chart = """query($since: Date, $until: Date) { analytics(hopperIds: ["1"], since: $since, until: $until) {
                 candles(resolution: "15") { open high low close } } }"""
    answer = await world.ask(chart, **asked)
    assert "errors" not in answer, answer
    shown = answer["data"]["analytics"]["candles"]
    for name, numbers in shown.items():
        assert [float(one[name]) for one in told] == numbers, name
    assert shown["close"] == [800.0, 500.0]
    assert [one["base_currency"] for one in told] == ["USDT", "USDT"]


async def test_a_year_of_disposals_is_over_all_live_hoppers_and_adds_up(world: World) -> None:
    hopper = Hopper(HopperId("3"), await me_of(world), "Two", Exchange("binance"), Asset("USDT"), False, HOUR)
    await Hoppers(world.owner).put(hopper)
    await Hoppers(world.owner).put(replace(hopper, id=HopperId("4"), is_paper=True))
    new_year = (datetime(2025, 12, 31, 23, tzinfo=UTC) - T) // HOUR
    trades: Sequence[Trade] = [
        trade(1, BUY, "BTC/USDT", "2", "100", new_year - 1),
        trade(2, SELL, "BTC/USDT", "1", "150", new_year, hopper="3", fee="0.1", fee_currency="BNB"),
        trade(3, SELL, "BTC/USDT", "0.5", "200", 1),
        trade(4, SELL, "BTC/USDT", "9", "200", 1, hopper="4"),
    ]
    for one in ("1", "3", "4"):
        await Trades(world.owner).add([each for each in trades if each.hopper == one])
    await put_flow(world.owner, "11111111-1111-1111-1111-111111111111", "1", T - 9000 * HOUR, "500", 1.0)
    await world.owner.execute("UPDATE flows SET price = 0.5")  # of its hopper's own currency
    await in_dollars(world)
    found = await rows(world, TAX, year="2026", currency="EUR")
    assert {row["record"] for row in found} == {"disposal", "total", "balance", "left", "note"}
    assert [row["marks"] for row in found if row["record"] == "note"] == ["nobody tells what EUR is worth"]
    assert {row["proceeds"] for row in found if row["record"] == "disposal"} == {""}
    found = await rows(world, TAX, year="2026")
    told = [
        [row[name] for name in ("coin", "why", "quantity", "proceeds", "cost", "gain", "holding", "marks", "hopper_id")]
        for row in found
        if row["record"] == "disposal"
    ]
    assert told == [
        ["BTC", "sale", "1", "150", "100", "50", "short", "no price", "3"],
        ["BNB", "fee", "0.1", "", "", "", "unknown", "no price; not covered", "3"],
        ["BTC", "sale", "0.5", "100", "50", "50", "short", "", "1"],
    ]
    assert found[0]["disposed_at_local"] == "2026-01-01 00:00:00"
    assert found[0]["acquired_at"] == "2025-12-31T22:00:00Z"
    totals = [row for row in found if row["record"] == "total"]
    assert [(row["coin"], row["holding"], row["rows"], row["gain"]) for row in totals] == [
        ("BNB", "unknown", "1", ""),
        ("BTC", "short", "2", "100"),
    ]
    (balance,) = (row for row in found if row["record"] == "balance" and row["coin"] == "BTC")
    assert [balance[f"{name}_cost"] for name in ("began", "came", "went")] == ["200", "0", "150"]
    left = await rows(world, TAX, year="2026", record="left")
    assert [(row["coin"], row["quantity"], row["cost"]) for row in left] == [("BTC", "0.5", "50")]
    masked = await rows(world, TAX, year="2026", masked="true")
    hidden = ("quantity", "proceeds", "cost", "gain", "began_cost", "uncovered_quantity")
    assert {row[name] for row in masked for name in hidden} == {""}
    assert [row["days_held"] for row in masked] == [row["days_held"] for row in found]
    before = await rows(world, TAX, year="2025")
    assert [row["record"] for row in before] == ["balance", "left"]


async def test_what_is_not_theirs_or_cannot_be_is_refused_as_json(world: World) -> None:
    for path in (*FILES, TAX):
        assert (await get(world, path))[0] == 401
    await world.sign_in()
    for path in FILES:
        refused: list[tuple[dict[str, str], int, str]] = [
            ({"hopper": "2"}, 404, "NOT_FOUND"),
            ({"hopper": "999"}, 404, "NOT_FOUND"),
            ({"hopper": "\0"}, 404, "NOT_FOUND"),
            ({"hoppers": "1"}, 400, "INVALID"),
            ({"since": "2026-03-02", "until": "2026-03-01"}, 400, "INVALID"),
            ({"since": "0001-01-01"}, 400, "INVALID"),
            ({"currency": "€"}, 400, "INVALID"),
            ({"hopper": "1", "kind": "paper"}, 400, "INVALID"),
        ]
        for asked, status, code in refused if path == "/exports/trades.csv" else refused[:1]:
            told, error = await get(world, path, **asked)
            assert (told, error["code"]) == (status, code), (path, asked)
    theirs, nobodys = [(await get(world, "/exports/trades.csv", hopper=one))[1] for one in ("2", "9")]
    assert theirs["message"].replace("2", "9") == nobodys["message"]
    for year in ("1970", "2199", "3000", "9999", "x", ""):
        assert (await get(world, TAX, year=year))[1]["code"] == "INVALID", year
    assert (await get(world, TAX, year="2026", hopper="1"))[1]["code"] == "INVALID", "lots are the user's"
    assert (await get(world, TAX))[1]["code"] == "INVALID"
    async with world.http.post(f"{world.base}{TAX}") as answer:
        assert answer.status == 405


async def test_a_script_may_fetch_files_with_a_token(world: World) -> None:
    _, token = await ApiTokens(world.owner).add(await me_of(world), "script", ["read"], None)
    for path in FILES:
        assert (await get(world, path, token))[0] == 200
    assert (await get(world, TAX, token, year="2026")) == (200, [])


async def test_of_no_hopper_there_is_a_head(world: World) -> None:
    await world.owner.execute("UPDATE hoppers SET is_paper = true")
    await world.sign_in()
    for path in (*FILES, TAX):
        assert await get(world, path, **({"year": "2026"} if path == TAX else {"kind": "live"})) == (200, [])


@pytest.mark.timeout(400)
async def test_long_files_are_made_while_they_are_sent(world: World) -> None:
    """Seven months of candles and 5,000 trades, in little memory; so many at once; and not for who has left."""
    await world.owner.execute(_MANY_CANDLES, 20_000)
    await world.owner.execute(_MANY_TRADES, 5_000)
    await in_dollars(world)
    tracemalloc.start()
    size = lines = 0
    year = {"since": "2025-01-01", "until": "2025-12-31"}
    async with world.http.get(f"{world.base}/exports/candles.csv", params=year) as answer:
        assert answer.status == 200
        async for piece in answer.content.iter_any():
            size, lines = size + len(piece), lines + piece.count(b"\r\n")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert lines > 19_900
    assert peak < size, f"{peak:,} bytes at most for a file of {size:,}"
    asked = {"since": "2025-01-01", "until": "2026-03-31"}
    slow = [await world.http.get(f"{world.base}/exports/candles.csv", params=asked) for _ in range(2)]
    async with world.http.get(f"{world.base}/exports/trades.csv", params=asked) as answer:
        assert (answer.status, answer.headers["retry-after"]) == (429, "10")
        assert (await answer.json())["error"]["code"] == "EXHAUSTED"
    for each in slow:
        each.close()
    meters = world.runtime.meters
    await until(lambda: meters.value("api_long_answers", kind="candles", outcome="left") == 2)
    assert len(await rows(world, "/exports/trades.csv", **asked)) == 5_000


async def test_each_file_is_documented(world: World) -> None:
    await world.sign_in()
    tables = {**{path: table for path, (table, _, _) in FILES.items()}, TAX: tax.TABLE}
    for path, table in tables.items():
        async with world.http.get(f"{world.base}{path}", params={"year": "2026"} if path == TAX else {}) as answer:
            head = (await answer.text()).split("\r\n")[0]
        assert head.split(",") == [column.name for column in table.columns]
