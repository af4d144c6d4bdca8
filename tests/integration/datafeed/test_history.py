"""History is exact: bars of the reader's zone, countback over gaps, nothing of a stranger's, clear errors."""

import math
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from tests.integration.datafeed.conftest import MINE, THEIRS, World, candle, utc

QUARTER = timedelta(minutes=15)
Row = tuple[datetime, float, float, float, float]


def walk(first: datetime, last: datetime) -> list[Row]:
    """Candles that join; each price is different."""
    rows: list[Row] = []
    price, at = 1000.0, first
    while at < last:
        close = 1000 + 100 * math.sin(at.timestamp() / 7000)
        rows.append((at, price, max(price, close) + 0.125, min(price, close) - 0.25, close))
        price, at = close, at + QUARTER
    return rows


def by_wall_clock(rows: list[Row], zone: ZoneInfo, resolution: str) -> list[list[float]]:
    """Bars by brute force: rows grouped by what the clock on the wall shows."""
    groups: dict[object, list[Row]] = {}
    for row in rows:
        local = row[0].astimezone(zone)
        key: object
        match resolution:
            case "15":
                key = row[0]
            case "60":
                key = (local.date(), local.hour, local.utcoffset() if zone.key != "Australia/Lord_Howe" else None)
            case "240":
                key = (local.date(), local.hour // 4)
            case "1D":
                key = local.date()
            case "1W":
                key = local.date() - timedelta(days=local.weekday())
            case _:
                key = local.date().replace(day=1)
        groups.setdefault(key, []).append(row)
    bars = []
    for key, group in groups.items():
        is_date = resolution in ("1D", "1W", "1M")
        time = datetime.fromisoformat(f"{key}T00:00:00+00:00") if is_date else group[0][0]
        prices = group[0][1], max(r[2] for r in group), min(r[3] for r in group), group[-1][4]
        bars.append([int(time.timestamp()), *prices])
    return bars


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/New_York"])
@pytest.mark.parametrize(
    ("first", "last"),
    [(utc(2026, 2, 27), utc(2026, 4, 8)), (utc(2026, 9, 28), utc(2026, 11, 4))],
    ids=["spring", "autumn"],
)
async def test_bars_are_what_the_wall_clock_says_also_when_it_changes(
    world: World, zone: str, first: datetime, last: datetime
) -> None:
    await world.in_zone(zone)
    rows = walk(first, last)
    await world.store(MINE, rows)
    for resolution in ("15", "60", "240", "1D", "1W", "1M"):
        body = await world.history(resolution, to=int(utc(2027, 1, 1).timestamp()), countback=4500)
        expected = by_wall_clock(rows, ZoneInfo(zone), resolution)
        got = [list(bar) for bar in zip(body["t"], body["o"], body["h"], body["l"], body["c"], strict=True)]
        expected[0][0] = got[0][0]  # candles begin within a bar, which opens at its own time
        assert got == expected, resolution
        middle = expected[len(expected) // 2 :]
        body = await world.history(resolution, **{"from": middle[0][0], "to": middle[-1][0]})
        assert body.get("t", []) == [bar[0] for bar in middle[:-1]], "from inclusive, to exclusive"


async def test_countback_reaches_over_gaps_and_ends_where_history_ends(world: World) -> None:
    rows = walk(utc(2026, 1, 1), utc(2026, 1, 2)) + walk(utc(2026, 1, 20), utc(2026, 1, 20, 1))
    await world.store(MINE, rows)
    to = int(utc(2026, 1, 21).timestamp())
    body = await world.history("15", **{"from": to - 3600, "to": to, "countback": 10})
    assert body["t"] == [int(row[0].timestamp()) for row in rows[-10:]]
    body = await world.history("60", **{"from": to - 3600, "to": to, "countback": 3})
    assert body["t"] == [int(t.timestamp()) for t in (utc(2026, 1, 1, 22), utc(2026, 1, 1, 23), utc(2026, 1, 20))]
    assert body["o"][0] == rows[88][1]
    body = await world.history("1D", **{"from": to, "to": to, "countback": 300})
    assert body["t"] == [int(utc(2026, 1, 1).timestamp()), int(utc(2026, 1, 20).timestamp())]
    body = await world.history("15", to=int(utc(2026, 1, 1).timestamp()), countback=2)
    assert body == {"s": "no_data"}


@pytest.mark.parametrize(
    ("zone", "first"), [("America/New_York", utc(2026, 10, 20)), ("Australia/Lord_Howe", utc(2026, 3, 25))]
)
@pytest.mark.parametrize("size", [1, 37])
async def test_paging_back_gives_every_bar_once(world: World, zone: str, first: datetime, size: int) -> None:
    await world.in_zone(zone)
    rows = walk(first, first + timedelta(days=14 if size > 1 else 12))[-(3 * 96 if size == 1 else 5000) :]
    await world.store(MINE, rows)
    whole = by_wall_clock(rows, ZoneInfo(zone), "60")
    pages: list[int] = []
    to = int((first + timedelta(days=20)).timestamp())
    while True:
        body = await world.history("60", to=to, countback=size)
        if body["s"] == "no_data":
            break
        pages = body["t"] + pages
        if to > body["t"][0] and pages[0] > whole[0][0]:
            assert len(body["t"]) == size
        to = body["t"][0]
    whole[0][0] = pages[0]  # candles begin within a bar, which opens at its own time
    assert pages == [bar[0] for bar in whole]
    assert all(a < b for a, b in pairwise(pages))


async def test_without_countback_an_empty_span_names_the_bar_before_it(world: World) -> None:
    await world.store(MINE, walk(utc(2026, 1, 1), utc(2026, 1, 2)))
    since, to = int(utc(2026, 1, 5).timestamp()), int(utc(2026, 1, 6).timestamp())
    body = await world.history("60", **{"from": since, "to": to})
    assert body == {"s": "no_data", "nextTime": int(utc(2026, 1, 1, 23).timestamp())}
    early = int(utc(2025, 1, 5).timestamp())
    assert await world.history("60", **{"from": early, "to": early + 7200}) == {"s": "no_data"}


async def test_volume_is_of_the_own_trades_by_trade_time(world: World) -> None:
    await world.store(MINE, walk(utc(2026, 1, 1), utc(2026, 1, 2)))
    await world.trade(MINE, "a", utc(2026, 1, 1, 10, 14, 59), 100)
    await world.trade(MINE, "b", utc(2026, 1, 1, 10, 15), 10.5)
    await world.trade(MINE, "c", utc(2026, 1, 1, 10, 20), 1, side=2)
    await world.trade(MINE, "d", utc(2026, 1, 1, 10, 20), 7, quote="BTC")
    await world.trade(THEIRS, "e", utc(2026, 1, 1, 10, 20), 7)
    to = int(utc(2026, 1, 1, 10, 30).timestamp())
    assert (await world.history("15", to=to, countback=3))["v"] == [0, 100, 11.5]
    assert (await world.history("1D", to=to, countback=3))["v"] == [111.5]


async def test_the_bar_in_progress_and_candles_not_yet_written_are_there(world: World) -> None:
    world.clock.set(utc(2026, 3, 3, 10, 20))
    rows = walk(utc(2026, 3, 2), utc(2026, 3, 3, 9, 45))
    await world.store(MINE, rows)
    await world.trade(MINE, "a", utc(2026, 3, 3, 9, 50), 40)
    await world.trade(MINE, "b", utc(2026, 3, 3, 10, 16), 5)
    await world.say_closed(candle(MINE, utc(2026, 3, 3, 9, 45), 10, 20, 5, 15))
    await world.say_closed(candle(MINE, utc(2026, 3, 3, 10), 15, 16, 14, 15.5))
    await world.say_live(
        candle(MINE, utc(2026, 3, 3, 10, 15), 15.5, 17, 15, 16), utc(2026, 3, 3, 10, 19, 59), volume=5.25
    )
    to = int(utc(2026, 3, 3, 10, 20).timestamp())
    body = await world.history("15", to=to, countback=3)
    assert body["t"] == [int(utc(2026, 3, 3, *hm).timestamp()) for hm in ((9, 45), (10,), (10, 15))]
    assert body["c"] == [15, 15.5, 16]
    assert body["v"] == [40, 0, 5.25]
    hours = await world.history("60", to=to, countback=2)
    assert (hours["o"][1], hours["h"][1], hours["l"][1], hours["c"][1]) == (15, 17, 14, 16)
    world.clock.set(utc(2026, 3, 3, 10, 21))
    body = await world.history("15", to=to, countback=1)
    assert body["c"] == [15.5], "a live state of a minute ago is not live"


async def test_a_day_east_of_greenwich_is_shown_before_its_stamp(world: World) -> None:
    await world.in_zone("Asia/Kolkata")
    now = utc(2026, 3, 3, 20)  # 01:30 on the fourth
    world.clock.set(now)
    await world.store(MINE, walk(utc(2026, 3, 1), utc(2026, 3, 3, 19, 45)))
    to = int(now.timestamp())
    body = await world.history("1D", to=to, countback=2)
    assert body["t"] == [int(utc(2026, 3, 3).timestamp()), int(utc(2026, 3, 4).timestamp())]
    earlier = await world.history("1D", to=body["t"][-1], countback=1)
    assert earlier["t"] == body["t"][:1]


async def test_a_strangers_hopper_is_not_there(world: World) -> None:
    await world.store(THEIRS, walk(utc(2026, 1, 1), utc(2026, 1, 2)))
    to = int(utc(2026, 1, 2).timestamp())
    asked = {"resolution": "15", "from": to - 900, "to": to, "countback": 2}
    answers = [
        await world.get(f"/udf/{path}", symbol=symbol, **asked)
        for symbol in (f"HOPPER:{THEIRS}", "HOPPER:999", "BINANCE:BTCUSDT", "HOPPER:", "'")
        for path in ("symbols", "history", "marks")
    ]
    assert all(answer == (404, {"s": "error", "errmsg": "unknown_symbol"}) for answer in answers)
    _, found = await world.get("/udf/search", query="bot")
    assert [hit["ticker"] for hit in found] == [f"HOPPER:{MINE}"]


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"from": 10, "to": 5}, "after"),
        ({"resolution": "7"}, "resolution"),
        ({"resolution": ""}, "resolution"),
        ({"to": "soon"}, "not a number"),
        ({"to": "nan"}, "not a number"),
        ({"to": "inf"}, "not a number"),
        ({"to": "-5"}, "must be"),
        ({"from": "-5"}, "must be"),
        ({"to": "99999999999"}, "must be"),
        ({"to": "1" * 40}, "not a number"),
        ({"countback": 0}, "countback"),
        ({"countback": 5001}, "countback"),
        ({"countback": "x"}, "countback"),
        ({"symbol": ""}, "symbol"),
    ],
)
async def test_what_is_asked_wrongly_is_told(world: World, parameters: dict[str, str], word: str) -> None:
    asked = {"symbol": f"HOPPER:{MINE}", "resolution": "15", "from": 100, "to": 200} | parameters
    status, body = await world.get("/udf/history", **asked)
    assert status == 400
    assert body["s"] == "error"
    assert word in body["errmsg"]


async def test_more_than_five_thousand_bars_are_refused(world: World) -> None:
    await world.store(MINE, walk(utc(2026, 1, 1), utc(2026, 3, 1)))
    asked = {
        "symbol": f"HOPPER:{MINE}",
        "from": int(utc(2026, 1, 1).timestamp()),
        "to": int(utc(2027, 1, 1).timestamp()),
    }
    status, body = await world.get("/udf/history", resolution="15", **asked)
    assert (status, "5,000" in body["errmsg"]) == (400, True)
    status, body = await world.get("/udf/history", resolution="60", **asked)
    assert (status, len(body["t"])) == (200, 59 * 24)


async def test_without_a_session_nothing_is_answered(world: World) -> None:
    for token in ("", "wrong", "x" * 5000, "cwp_wrong", "cwp_" + "x" * 5000):
        for path in ("config", "time", "symbols", "search", "history", "marks"):
            async with world.http.get(
                f"{world.base}/udf/{path}", headers={"authorization": f"Bearer {token}"}
            ) as response:
                assert response.status == 401
                assert await response.json() == {"s": "error", "errmsg": "sign in first"}


async def test_a_session_that_expired_or_ended_is_none(world: World) -> None:
    assert (await world.get("/udf/config"))[0] == 200
    world.clock.ahead = timedelta(days=2)
    assert (await world.get("/udf/config"))[0] == 401
    world.clock.ahead = timedelta(seconds=0)
    await world.end()
    world.clock.ahead = timedelta(seconds=6)
    assert (await world.get("/udf/config"))[0] == 401


async def test_a_browser_shows_an_access_token_in_a_cookie_until_its_session_ends(world: World) -> None:
    cookie = {"cookie": f"cw_access={await world.keys.signed_in(world.owner, world.user)}", "authorization": ""}
    other = await world.keys.signed_in(world.owner, world.stranger)
    async with world.http.get(f"{world.base}/udf/search", headers=cookie) as response:
        assert [one["symbol"] for one in await response.json()] == ["HOPPER:ALL", f"HOPPER:{MINE}"]
    await world.owner.execute("UPDATE sessions SET ended_at = now() WHERE user_id = $1::text::uuid", world.user)
    world.clock.ahead = timedelta(seconds=6)
    async with world.http.get(f"{world.base}/udf/search", headers=cookie) as response:
        assert response.status == 401
    async with world.http.get(f"{world.base}/udf/search", headers={"authorization": f"Bearer {other}"}) as response:
        assert [one["symbol"] for one in await response.json()] == ["HOPPER:ALL", f"HOPPER:{THEIRS}"]
    world.clock.ahead = timedelta(minutes=11)
    async with world.http.get(f"{world.base}/udf/search", headers={"authorization": f"Bearer {other}"}) as response:
        assert response.status == 401, "an access token lives for ten minutes"


async def test_the_symbol_is_described_in_the_users_zone(world: World) -> None:
    await world.in_zone("Asia/Kolkata")
    _, symbol = await world.get("/udf/symbols", symbol=f"HOPPER:{MINE}")
    assert "s" not in symbol
    expected = {"ticker": "HOPPER:1", "timezone": "Asia/Kolkata", "session": "24x7", "pricescale": 100}
    assert expected.items() <= symbol.items()
    assert {"has_intraday": True, "currency_code": "USDT", "volume_precision": 2}.items() <= symbol.items()
    async with world.http.get(f"{world.base}/udf/time") as response:
        assert response.content_type == "text/plain"
        assert abs(int(await response.text()) - world.clock.now().timestamp()) < 5


async def test_trades_are_marks_within_the_span(world: World) -> None:
    await world.in_zone("Asia/Kolkata")
    await world.trade(MINE, "a", utc(2026, 1, 1, 10), 100)
    await world.trade(MINE, "b", utc(2026, 1, 1, 20), 100, side=2)
    for number in range(12):
        await world.trade(MINE, f"n{number}", utc(2026, 1, 3, 10, 0, number), 1)
    span = {"from": int(utc(2026, 1, 1).timestamp()), "to": int(utc(2026, 1, 3).timestamp())}
    _, marks = await world.get("/udf/marks", symbol="HOPPER:1", resolution="15", **span)
    assert [(m["id"], m["time"], m["label"]) for m in marks] == [
        ("a", int(utc(2026, 1, 1, 10).timestamp()), "B"),
        ("b", int(utc(2026, 1, 1, 20).timestamp()), "S"),
    ]
    _, marks = await world.get("/udf/marks", symbol="HOPPER:1", resolution="1D", **span)
    assert [m["time"] for m in marks] == [span["from"], int(utc(2026, 1, 2).timestamp())]
    span["to"] = int(utc(2026, 1, 4).timestamp())
    _, marks = await world.get("/udf/marks", symbol="HOPPER:1", resolution="1D", **span)
    assert len(marks) == 12, "ten of a bar's twelve, and two more"


async def test_a_big_request_is_refused(world: World) -> None:
    async with world.http.get(f"{world.base}/udf/config", data=b"x" * 100_001) as response:
        assert response.status == 413
