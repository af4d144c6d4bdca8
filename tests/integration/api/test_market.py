"""Prices, market tiers and advice over real tables and live states, as a client reads them."""

import asyncio
import math
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cryptwire.codec.candle import candle_to_message
from cryptwire.domain.candle import Candle, Quality, opening
from cryptwire.domain.daily import Midnight
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.market import Coin, High
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.messaging.subjects import LIVE
from cryptwire.storage import redis
from cryptwire.storage.balances import Balances
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.market_caps import MarketCaps
from generated.wire.v1 import portfolio_pb2 as pb
from tests.integration.api.analytics import put_rate
from tests.integration.api.conftest import World, code_of

D = Decimal
ONE = HopperId("1")
BTC, ETH, ABC, ODD, USDT = ASSETS = tuple(map(Asset, ("BTC", "ETH", "ABC", "ODD", "USDT")))
SPREAD = """
    query($masked: Boolean, $large: Decimal! = "10000000000") { analytics(currency: "EUR", masked: $masked) {
      marketSpread(largeFrom: $large) {
        currency value count asOf listedAt highCovers leftOut notes
        tiers { tier weight value assets }
        assets { asset tier weight value quantity name rank marketCap price high isHighTold distance others isDoubtful }
        distance { value sampleSize definition asOf } distanceOfCoins { value } concentration { value }
        effectiveAssets { value } holdings { hopperId at isLive } } } }
"""
REBALANCING = """
    query($least: Decimal, $masked: Boolean) { analytics(currency: "EUR", masked: $masked) {
      rebalancing(least: $least) { currency definition least hasMore withoutTargets leftOut notes
      hoppers { hopperId isLive baseCurrency isWhole value trades bought sold fees feeRate baseAfter isShortOfBase
                assets moves { asset advice weight target difference amount quantity fee note } } } } }
"""
TARGETS = "query($id: ID!) { targets(hopperId: $id) { hopperId total setAt targets { asset weight } } }"
SET = """
    mutation($id: ID!, $targets: [TargetInput!]!) {
      setTargets(hopperId: $id, targets: $targets) { total targets { asset weight } } }
"""
CLEAR = "mutation($id: ID!) { clearTargets(hopperId: $id) }"


async def told(world: World, query: str, **variables: Any) -> Any:
    answer = await world.ask(query, **variables)
    assert "errors" not in answer, answer
    return answer["data"]


async def once_live(world: World) -> Any:
    """The spread once its balance is live."""
    async with asyncio.timeout(10):
        while True:
            found = (await told(world, SPREAD))["analytics"]["marketSpread"]
            if found["holdings"][0]["isLive"]:
                return found
            await asyncio.sleep(0.05)


@pytest.fixture
async def held(world: World) -> datetime:
    """What the hopper held at the last midnight, coins as a list tells them, rates and last prices."""
    now = world.runtime.clock.now()
    at, listed_at = now - timedelta(hours=9), (now - timedelta(minutes=12)).replace(microsecond=0)
    quantities = {BTC: D("0.1"), ETH: D(2), ABC: D(100), ODD: D(7), USDT: D(1000)}
    prices = {BTC: D(50_000), ETH: D(1_000), ABC: D(20), USDT: D(1)}  # 5000, 2000, 2000, 1000: in euros eight tenths
    await Balances(world.owner).put([Midnight(ONE, at, quantities, prices, at)])
    caps = MarketCaps(world.owner)
    await caps.listed(
        [
            Coin(1, "BTC", "Bitcoin", "b", 1, D(51_000), D("1e12"), None, listed_at),
            Coin(2, "ETH", "Ethereum", "e", 2, D(1_010), D("9e9"), None, listed_at),
            Coin(3, "ABC", "Alphabet", "a", 30, D("0.5"), D("5e9"), None, listed_at),
            Coin(4, "ABC", "Abacus", "c", 400, D("19.5"), D("1e7"), None, listed_at),
            Coin(825, "USDT", "Tether", "t", 3, D(1), D("1e11"), None, listed_at),
        ]
    )
    await caps.highs({1: High(D(102_000), listed_at), 4: High(D(39), listed_at)}, now)
    for currency, per_usd in (("EUR", "0.8"), ("USDT", "1")):
        await put_rate(world.owner, currency, now - timedelta(hours=10), per_usd)
    async with redis.connect(world.settings.redis_url) as client:
        await LastPrices(client).put(
            Ticker(Pair(Exchange("binance"), base, USDT), last, None, None, None, now - timedelta(seconds=5), "s", 1)
            for base, last in ((BTC, 51_000.5), (ETH, 1_010.0), (Asset("SOL"), 125.0))
        )
    await world.sign_in()
    return at


async def test_a_balance_is_spread_over_tiers_by_what_its_coins_are(world: World, held: datetime) -> None:
    found = (await told(world, SPREAD))["analytics"]["marketSpread"]
    assert (found["currency"], D(found["value"]), found["count"]) == ("EUR", D(8000), 5)
    assert {one["tier"]: (one["weight"], D(one["value"]), one["assets"]) for one in found["tiers"]} == {
        "LARGE": (0.5, D(4000), 1), "MID": (0.2, D(1600), 1), "SMALL": (0.2, D(1600), 1), "CASH": (0.1, D(800), 1),
        "UNKNOWN": (0, D(0), 0),
    }  # fmt: skip
    btc, abc, eth, usdt, odd = found["assets"]
    assert (btc["name"], btc["distance"], btc["isHighTold"], btc["others"]) == ("Bitcoin", 0.5, True, [])
    assert (abc["name"], abc["others"], abc["isDoubtful"]) == ("Abacus", ["Alphabet"], False), "by the exchange's price"
    assert (eth["name"], eth["distance"], eth["isHighTold"]) == ("Ethereum", 0, False)
    assert (usdt["tier"], usdt["distance"]) == ("CASH", None)
    assert (odd["asset"], odd["weight"], odd["value"], odd["tier"]) == ("ODD", None, None, "UNKNOWN")
    assert found["distance"]["value"] == pytest.approx(0.5 * 0.5 + 0.2 * 0.5)
    assert found["distanceOfCoins"]["value"] == pytest.approx(0.35 / 0.9)
    assert (found["highCovers"], found["distance"]["sampleSize"]) == (pytest.approx(0.9), 4)
    assert found["concentration"]["value"] == pytest.approx(0.34)
    assert found["effectiveAssets"]["value"] == pytest.approx(1 / 0.34)
    assert found["holdings"] == [{"hopperId": "1", "at": found["asOf"], "isLive": False}]
    assert found["notes"] == []
    hidden = (await told(world, SPREAD, masked=True))["analytics"]["marketSpread"]
    assert [one["weight"] for one in hidden["tiers"]] == [one["weight"] for one in found["tiers"]]
    amounts = [hidden["value"], *(one["value"] for one in [*hidden["tiers"], *hidden["assets"]])]
    assert {*amounts, *(one["quantity"] for one in hidden["assets"])} == {None}
    assert hidden["assets"][0]["price"] == btc["price"], "what the world pays is no secret"
    answer = await world.ask(SPREAD, large="1")
    assert code_of(answer) == "INVALID"


async def test_who_may_sees_what_is_held_this_moment(world: World, held: datetime) -> None:
    now = world.runtime.clock.now()
    candle = Candle(ONE, opening(now), 1.0, 1.0, 1.0, 1.0, timedelta(0), Quality.COMPLETE, 1)
    us = int(now.timestamp() * 1_000_000)
    live = pb.Portfolio(
        hopper_id="1",
        at_us=us,
        base_currency="USDT",
        candle=candle_to_message(candle),
        assets_at_us=us,
        assets=["USDT", "ETH", "ODD"],
        quantities=["300", "0.1", "5"],
        prices=[1.0, 1000.0, math.nan],
    )
    await world.bus.publish(LIVE.live(ONE), live.SerializeToString())
    await world.bus.flush()
    found = await once_live(world)
    assert D(found["value"]) == D(320)
    assert [one["asset"] for one in found["assets"]] == ["USDT", "ETH", "ODD"]


async def test_targets_are_advice_and_nothing_acts(world: World, held: datetime) -> None:
    assert await told(world, TARGETS, id="1") == {
        "targets": {"hopperId": "1", "total": "0", "setAt": None, "targets": []}
    }
    nothing = (await told(world, REBALANCING))["analytics"]["rebalancing"]
    assert (nothing["hoppers"], nothing["withoutTargets"], D(nothing["least"])) == ([], ["1"], D(8))
    wanted = [{"asset": "eth", "weight": "0.5"}, {"asset": "SOL", "weight": "0.1"}, {"asset": "ABC", "weight": "0.2"}]
    assert (await told(world, SET, id="1", targets=wanted))["setTargets"] == {
        "total": "0.8",
        "targets": [
            {"asset": "ETH", "weight": "0.5"}, {"asset": "ABC", "weight": "0.2"}, {"asset": "SOL", "weight": "0.1"}
        ],
    }  # fmt: skip
    await world.owner.execute(
        "INSERT INTO trade_results (hopper_id, trade_id, at, exchange, base, quote, side, quantity, price, total, fee,"
        " fee_units, fee_currency, currency, rate)"
        " VALUES ('1', '91', $1, 'binance', 'ETH', 'USDT', 1, 2, 1000, 2000, 2, 2, 'USDT', 'USDT', 1)",
        held,
    )
    found = (await told(world, REBALANCING))["analytics"]["rebalancing"]
    (one,) = found["hoppers"]
    moves = {move["asset"]: move for move in one["moves"]}
    eth, sol = moves["ETH"], moves["SOL"]
    assert (eth["advice"], D(eth["amount"]), D(eth["quantity"])) == ("BUY", D(2400), D(3))
    assert (D(eth["fee"]), one["feeRate"], one["isWhole"]) == (D("2.4"), 0.001, False)
    assert (sol["advice"], D(sol["amount"]), D(sol["quantity"]), sol["weight"]) == ("BUY", D(800), D(8), 0)
    assert (moves["ABC"]["advice"], moves["BTC"]["advice"], moves["ODD"]["advice"]) == ("KEEP", "LEAVE", "LEAVE")
    assert (one["trades"], D(one["bought"]), D(one["sold"]), D(one["fees"])) == (2, D(3200), D(0), D("3.2"))
    assert (D(one["baseAfter"]), one["isShortOfBase"], one["assets"]) == (D("-2403.2"), True, 6)
    hidden = (await told(world, REBALANCING, masked=True))["analytics"]["rebalancing"]["hoppers"][0]
    assert [(move["advice"], move["difference"]) for move in hidden["moves"]] == [
        (move["advice"], move["difference"]) for move in one["moves"]
    ]
    masked = {move[name] for move in hidden["moves"] for name in ("amount", "quantity", "fee")}
    assert masked | {hidden[name] for name in ("value", "bought", "sold", "fees", "baseAfter")} == {None}
    assert await told(world, CLEAR, id="1") == {"clearTargets": True}
    assert await told(world, CLEAR, id="1") == {"clearTargets": False}
    for query in (TARGETS, CLEAR):
        assert code_of(await world.ask(query, id="2")) == "NOT_FOUND"
    assert code_of(await world.ask(SET, id="2", targets=wanted)) == "NOT_FOUND"
    for wrong in ([], [{"asset": "BTC", "weight": "1.1"}], [{"asset": "B C", "weight": "1"}]):
        assert code_of(await world.ask(SET, id="1", targets=wrong)) == "INVALID"
    assert code_of(await world.ask(REBALANCING, least="-1")) == "INVALID"
    guessed = await world.ask(REBALANCING, least="100", masked=True)
    assert code_of(guessed) == "INVALID", "what is too small to be traded would tell amounts, bound by bound"
    assert "amounts are masked" in guessed["errors"][0]["message"]
    assert await world.owner.value("SELECT count(*) FROM intents") == 0


async def test_prices_come_from_the_cache(world: World, held: datetime) -> None:
    query = "query($p: [String!]!) { prices(pairs: $p) { symbol exchange base quote last age receivedAt reason } }"
    found = (await told(world, query, p=["BINANCE:BTCUSDT", "binance:SOL/USDT", "BINANCE:NOPE"]))["prices"]
    assert [one["last"] for one in found] == [51_000.5, 125.0, None]
    assert (found[1]["exchange"], found[1]["base"], found[1]["quote"]) == ("binance", "SOL", "USDT")
    assert 5 <= found[0]["age"] < 60
    assert "NOPE" in found[2]["reason"]
    assert code_of(await world.ask(query, p=["BINANCE:BTCUSDT"] * 101)) == "INVALID"
