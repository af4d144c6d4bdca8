"""Trades are told as they become known: to whom they belong, in order, without amounts when these are masked."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

from cryptwire.codec.trade import trade_to_wire
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.messaging.subjects import LIVE
from tests.integration.api.conftest import World
from tests.integration.api.test_sockets import calling, user

FIELDS = "hopperId id at exchange coin quote side quantity rate total fee feeCurrency trigger strategy result net"
SUBSCRIBE = (
    "subscription($ids: [ID!], $kind: HopperKind, $m: Boolean)"
    f" {{ trades(hopperIds: $ids, kind: $kind, masked: $m) {{ {FIELDS} }} }}"
)
BTC = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))


def wire(number: int, hopper: str = "1") -> bytes:
    at = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    amounts = (Decimal("0.5"), Decimal("60000.10"), Decimal("30000.05"), Decimal("30"))
    return trade_to_wire(
        Trade(HopperId(hopper), TradeId(str(number)), BTC, Side.SELL, *amounts, Asset("BNB"), at, "7", "tsl", None, "s")
    )


async def test_trades_are_told_to_whom_they_belong_in_order_and_masked_on_request(world: World) -> None:
    me = await user(world)
    await world.owner.execute("UPDATE users SET plan = 'free', plan_until = NULL")
    async with calling(world, await world.keys.signed_in(world.owner, me)) as ear:
        answers = []
        for wrong in ("2", "999"):
            await ear.subscribe(SUBSCRIBE, "0", ids=[wrong])
            (error,) = (await ear.heard())["payload"]["errors"]
            answers.append((error["extensions"]["code"], error["message"].replace(wrong, "#")))
            assert (await ear.heard())["type"] == "complete"
        assert answers[0] == answers[1] == ("NOT_FOUND", "there is no hopper #")
        await ear.subscribe(SUBSCRIBE, "named", ids=["1"], m=False)
        await ear.subscribe(SUBSCRIBE, "all", m=True)
        await ear.subscribe(SUBSCRIBE, "paper", kind="PAPER")
        await asyncio.sleep(0.5)
        for exchange, payload in (
            ("binance", b"\xff\xff"),
            ("binance", wire(0, "2")),
            ("kraken", b"x" * 30_000),
            *(("kraken" if number % 2 else "binance", wire(number)) for number in range(1, 21)),
        ):
            await world.bus.publish(LIVE.trade(Exchange(exchange), HopperId("1")), payload)
        await world.bus.publish(LIVE.trade(Exchange("binance"), HopperId("2")), wire(99, "2"))
        await world.bus.flush()
        heard: dict[str, list[dict[str, object]]] = {"named": [], "all": []}
        for _ in range(40):
            message = await ear.heard()
            heard[message["id"]].append(message["payload"]["data"]["trades"])
    assert [[each["id"] for each in told] for told in heard.values()] == [[str(n) for n in range(1, 21)]] * 2
    assert heard["named"][0] == {
        "hopperId": "1", "id": "1", "at": "2026-03-01T12:30:00Z", "exchange": "binance", "coin": "BTC", "quote": "USDT",
        "side": "SELL", "quantity": "0.5", "rate": "60000.10", "total": "30000.05", "fee": "30", "feeCurrency": "BNB",
        "trigger": "tsl", "strategy": "s", "result": None, "net": None,
    }  # fmt: skip
    hidden = dict.fromkeys(("quantity", "total", "fee"))
    assert heard["all"] == [each | hidden for each in heard["named"]]
