"""How well hoppers are seen, over real tables, heartbeats and live states, as a client reads it."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cryptwire.codec.candle import candle_to_message
from cryptwire.domain.candle import Candle, Quality, opening
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, LinkedHopper, UserId
from cryptwire.domain.hopper_change import HopperEvent
from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.messaging.subjects import LIVE
from cryptwire.storage import redis
from cryptwire.storage.candles import Candles
from cryptwire.storage.heartbeats import Heartbeats
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.sources import Sources
from cryptwire.storage.trades import Trades
from cryptwire.storage.webhook_hints import WebhookHints
from generated.wire.v1 import portfolio_pb2 as pb
from tests.integration.api.analytics import put_days, put_rate
from tests.integration.api.conftest import World

D = Decimal
ONE = HopperId("1")
HEALTH = """
    query($currency: String, $masked: Boolean) {
      analytics(currency: $currency, masked: $masked) { dataHealth {
        at verdict definition ratesAt notes link { state scopes missingScopes linkedAt } import { state }
        exchanges { exchange heardAt age } sources { source readAt age failures }
        hoppers {
          hopperId name verdict reason remarks isTracked silentSince liveAt polledAt pricesAt webhookAt tradeAt
          tradeStoredAt tradesCompleteUntil tradesMended candleAt candleQuality gap differencesValue openFlows
          filledSince filledUntil filledAt resultsUntil seenAt isEnabled upstreamTotal ownTotal deviation baseCurrency
          deletedAt unlinkedAt differences { coin quantity value }
        } } } }
"""


async def told(world: World, **variables: Any) -> dict[str, Any]:
    answer = await world.ask(HEALTH, **{"currency": "EUR", **variables})
    assert "errors" not in answer, answer
    found = answer["data"]["analytics"]["dataHealth"]
    assert isinstance(found, dict)
    return found


def moment(text: str | None) -> datetime:
    assert text is not None
    return datetime.fromisoformat(text)


async def test_nothing_is_known_yet(world: World) -> None:
    await world.sign_in()
    found = await told(world)
    (one,) = found["hoppers"]
    assert (found["verdict"], one["verdict"], one["reason"]) == ("BLIND", "BLIND", "its balance was never read")
    assert (one["gap"], one["differences"], one["candleAt"], one["webhookAt"]) == (None, [], None, None)
    assert (found["link"], found["import"]) == (None, None)
    assert "the gateway does not answer" in found["notes"][0]
    assert found["exchanges"] == [{"exchange": "binance", "heardAt": None, "age": None}]


async def put_past(world: World, now: datetime) -> None:
    """What every table has to say of one hopper."""
    owner, me = world.owner, UserId(await world.owner.value("SELECT user_id::text FROM hoppers WHERE hopper_id = '1'"))
    hopper = Hopper(ONE, me, "Bot 1", Exchange("binance"), Asset("USDT"), False, timedelta(seconds=60))
    seen = LinkedHopper(hopper, False, "hero", D("1010.5"), None, error="no balance for BNB")

    def notice(event: HopperEvent, number: int) -> Notice:
        return Notice(me, NoticeClass.INFO, "hopper-renamed", f"{event}-{number}", now)

    at = opening(now)
    await Hoppers(owner).see(me, [seen], now - timedelta(minutes=20), notice)
    await Candles(owner).write(
        [
            Candle(ONE, at - n * timedelta(minutes=15), 1000.0, 1000.0, 1000.0, 1000.0, gap, Quality.COMPLETE)
            for n in range(1, 9)
            for gap in [timedelta(seconds=30 * (n == 2))]
            if n != 5
        ]
    )
    pair = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))
    numbers = D("0.01"), D(50_000), D(500), D("0.5")
    await Trades(owner).add(
        [Trade(ONE, TradeId("1"), pair, Side.BUY, *numbers, Asset("USDT"), now - timedelta(hours=1))]
    )
    await WebhookHints(owner).heard(ONE, now - timedelta(minutes=59))
    await WebhookHints(owner).heard(ONE, now - timedelta(hours=2))  # it comes late
    for query, *values in (
        ("INSERT INTO trade_comparisons VALUES ('1', $1, 3)", now - timedelta(minutes=7)),
        ("INSERT INTO flow_candidates VALUES ('1', $1, 'USDT', 5, 1, 1000, 1)", now - timedelta(hours=3)),
        (
            "INSERT INTO backfills (hopper_id, since, whole_until, filled_at, said)"
            " VALUES ('1', $1, $2, $2, 'XYZ had no price')",
            now - timedelta(days=90),
            now - timedelta(days=1),
        ),
        ("INSERT INTO hopper_reads VALUES ('1', 'open', $1)", now - timedelta(minutes=30)),
        (
            "INSERT INTO result_progress (hopper_id, until_at, ledger, computed_at) VALUES ('1', $1, '{}', now())",
            now - timedelta(hours=9),
        ),
        ("INSERT INTO pods VALUES ('pod-1', now())",),
        ("INSERT INTO assignments VALUES ('1', 'pod-1', 1, now() - interval '1 day')",),
    ):
        await owner.execute(query, *values)
    yesterday = now.date() - timedelta(days=1)
    await owner.execute("UPDATE users SET zone = 'UTC'")
    await put_days(owner, "1", yesterday, [1000.0, 1000.0])
    await owner.execute(
        """UPDATE daily_statistics SET differences = '{"BTC": "0.001", "XYZ": "-2.5"}' WHERE date = $1""", yesterday
    )
    await owner.execute("""UPDATE daily_statistics SET differences = '{"BTC": "0.0005"}' WHERE date < $1""", yesterday)
    for currency, per_usd in (("EUR", "0.5"), ("BTC", "0.00002")):
        await put_rate(owner, currency, now - timedelta(minutes=40), per_usd)
    await Sources(owner).read("openexchangerates", now - timedelta(minutes=39))
    await Sources(owner).failed("coinmarketcap", now, "no", timedelta(minutes=1))


async def test_every_table_is_heard(world: World) -> None:
    now = world.runtime.clock.now()
    await put_past(world, now)
    async with redis.connect(world.settings.redis_url) as client:
        await Heartbeats(client).beat("streamer/binance.a", "frames", 7)
        await Heartbeats(client).beat("streamer/kraken.a", "frames", 7)
    us = int(now.timestamp() * 1e6)
    candle = Candle(ONE, opening(now), 1000.0, 1000.0, 1000.0, 1000.0, timedelta(0), Quality.COMPLETE, fence=1)
    state = pb.Portfolio(
        hopper_id="1", at_us=us, base_currency="USDT", candle=candle_to_message(candle), is_fresh=True,
        assets_at_us=us - 50_000_000, prices_at_us=us,
    )  # fmt: skip
    await world.sign_in()
    await world.bus.publish(LIVE.live(ONE), state.SerializeToString())
    await world.bus.flush()
    async with asyncio.timeout(5):
        while (found := await told(world))["hoppers"][0]["liveAt"] is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    (one,) = found["hoppers"]
    assert (one["verdict"], one["isTracked"]) == ("DELAYED", True)
    assert one["reason"] == "of the last day 15 minutes are without fresh prices"
    assert one["gap"] == 930.0, "of two hours one candle is missing, and half a minute"
    assert (one["candleQuality"], moment(one["candleAt"])) == ("COMPLETE", opening(now) - timedelta(minutes=15))
    assert moment(one["webhookAt"]) == now - timedelta(minutes=59)
    assert moment(one["tradeAt"]) == now - timedelta(hours=1)
    assert moment(one["tradeStoredAt"]) > now - timedelta(minutes=5)
    assert (moment(one["tradesCompleteUntil"]), one["tradesMended"]) == (now - timedelta(minutes=7), 3)
    assert moment(one["polledAt"]) == now - timedelta(seconds=50)
    assert moment(one["filledAt"]) == moment(one["filledUntil"]) == now - timedelta(days=1)
    assert moment(one["resultsUntil"]) == now - timedelta(hours=9)
    assert (one["openFlows"], one["isEnabled"], one["upstreamTotal"]) == (1, False, "1010.5")
    assert [D(one["ownTotal"]), one["deviation"]] == [1000, pytest.approx(1000 / 1010.5 - 1)]
    told_units = {each["coin"]: (D(each["quantity"]), each["value"]) for each in one["differences"]}
    assert told_units["XYZ"] == (D("-2.5"), None)
    assert told_units["BTC"][0] == D("0.0015")
    assert D(told_units["BTC"][1]) == D(one["differencesValue"]) == D("0.0015") * 25_000
    said = " / ".join(one["remarks"])
    for words in ("no balance for BNB", "switched off", "XYZ had no price", "1 movements of money"):
        assert words in said
    assert found["verdict"] == "DELAYED"
    (exchange,) = found["exchanges"]
    assert (exchange["exchange"], exchange["age"]) == ("binance", pytest.approx(0, abs=10))
    assert [(each["source"], each["failures"]) for each in found["sources"]] == [
        ("coinmarketcap", 1),
        ("openexchangerates", 0),
    ]
    assert moment(found["ratesAt"]) == now - timedelta(minutes=40)
    hidden = (await told(world, masked=True))["hoppers"][0]
    assert [hidden[name] for name in ("upstreamTotal", "ownTotal", "differencesValue")] == [None] * 3
    assert [(each["quantity"], each["value"]) for each in hidden["differences"]] == [(None, None)] * 2
    assert hidden["deviation"] == float(f"{one['deviation']:.6g}"), "exact parts of a total tell the total"


async def test_what_the_observer_has_told_and_what_is_gone(world: World) -> None:
    now = world.runtime.clock.now()
    await put_past(world, now)
    since = now - timedelta(minutes=9)
    await world.owner.execute("INSERT INTO outages VALUES ('hopper:1', NULL, $1, now())", since)
    await world.sign_in()
    (one,) = (await told(world))["hoppers"]
    assert (one["verdict"], moment(one["silentSince"])) == ("BLIND", since)
    assert one["reason"].startswith("no live figures come from it for")
    await world.owner.execute(
        "UPDATE hoppers SET deleted_at = $1 WHERE hopper_id = '1'", datetime(2026, 1, 5, tzinfo=UTC)
    )
    found = await told(world)
    (one,) = found["hoppers"]
    assert (one["verdict"], found["verdict"]) == ("BLIND", "GOOD"), "who is gone is missed by nobody"
    assert "since 2026-01-05" in one["reason"]
