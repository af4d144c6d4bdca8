"""What is done through dialect A has its effect in the world, whole, in part, later or not at all."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from simulator.clock import TurnedClock
from tests.unit.simulator.conftest import Caller, Start, caller

HOPPER = "/hopper/1042004"


class Hopper:
    """alice's euro hopper, and the time."""

    def __init__(self, alice: Caller, clock: TurnedClock) -> None:
        self.alice, self.clock = alice, clock

    async def get(self, path: str = "", **query: Any) -> Any:
        answer = await self.alice.get(HOPPER + path, **query)
        assert answer.status == 200, answer
        return answer.data if path != "/short" else json.loads(answer.body.split(b"\n", 1)[1])["data"]

    async def tell(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = await self.alice.tell(method, HOPPER + path, body)
        assert answer.status == status, answer
        return answer.json

    async def later(self, seconds: int = 60) -> None:
        """The next snapshot."""
        self.clock.turn(timedelta(seconds=seconds))

    async def ids(self) -> list[int]:
        return [int(each["id"]) for each in await self.get("/position")]


@pytest.fixture
async def hopper(start: Start, asked: dict[str, str], clock: TurnedClock) -> Hopper:
    return Hopper(await caller(start, asked), clock)


async def quiet(hopper: Hopper) -> list[int]:
    """Ids of open positions, after the hopper was told to decide nothing by itself."""
    await hopper.tell("PATCH", "/disable")
    await hopper.later()
    found = await hopper.ids()
    assert len(found) >= 4
    return found


@pytest.mark.parametrize(("share", "left"), [(1.0, 0.0), (0.5, 0.5), (0.0, 1.0)])
async def test_panic_sells_what_its_effect_says(hopper: Hopper, share: float, left: float) -> None:
    before = len(await quiet(hopper))
    told = {"command": "panic", "hopper": "1042004", "share": share}
    assert (await hopper.alice.control("POST", "/effects", told)).json[0]["share"] == share
    assert "panic mode" in (await hopper.get("/panicbutton")).lower()
    assert (await hopper.alice.control("GET", "/effects")).json == []
    await hopper.later()
    assert abs(len(await hopper.ids()) - before * left) <= 0.5


async def test_panic_can_come_late_and_in_limit_orders(hopper: Hopper) -> None:
    before = await quiet(hopper)
    await hopper.alice.control("POST", "/effects", {"command": "*", "delay_seconds": 90})
    await hopper.get("/panicbutton", market_orders="0")
    assert await hopper.ids() == before
    await hopper.later()
    assert await hopper.ids() == before
    await hopper.later(2400)
    assert len(await hopper.ids()) < len(before)
    requests = (await hopper.alice.control("GET", "/requests", command="panic")).json["requests"]
    assert [each["effect"] for each in requests] == ["after 90000 ms, share 1"]


async def test_positions_are_sold_held_split_merged_and_set_aside(hopper: Hopper) -> None:
    first, second, third, *_ = await quiet(hopper)
    await hopper.tell("POST", "/position/sell", {"position_id": [first], "market_order": 1})
    await hopper.tell("POST", f"/position/hold/{second}")
    await hopper.tell("POST", f"/position/split/{third}")
    await hopper.later()
    rows = {int(each["id"]): each for each in await hopper.get("/position")}
    assert first not in rows
    assert [int(each["id"]) for each in await hopper.get("/position/hold")] == [second]
    halves = [id_ for id_, each in rows.items() if each["currency"] == rows[third]["currency"]]
    await hopper.tell("POST", "/position/merge", {"position_id": halves})
    await hopper.tell("POST", "/position/release", {"position_id": [second]})
    await hopper.tell("POST", "/position/settakeprofit", {"position_ids": [second], "percentage_profit": 9})
    await hopper.tell("POST", "/position/movetoreserved", {"position_ids": [second]})
    await hopper.later()
    left = {int(each["id"]): each for each in await hopper.get("/position")}
    assert second not in left
    assert len([each for each in left.values() if each["currency"] == rows[third]["currency"]]) == 1
    (kept,) = await hopper.get("/reserved")
    assert (kept["currency"], kept["amount"]) == (rows[second]["currency"], rows[second]["amount"])
    assert (await hopper.get("/assets", reserved="1")) == {kept["currency"]: kept["amount"]}
    await hopper.tell("PATCH", f"/reserved/{kept['id']}/movetopositions")
    await hopper.later()
    assert await hopper.get("/reserved") == []
    assert len(await hopper.ids()) == len(left) + 1


async def test_a_forgotten_position_can_be_synced_again(hopper: Hopper) -> None:
    first, *_ = await quiet(hopper)
    row = await hopper.get(f"/position/{first}")
    await hopper.tell("DELETE", f"/position/{first}")
    await hopper.later()
    (left,) = (await hopper.get("/position/sync"))["unsynced"]
    assert (left["cur"], Decimal(str(left["amount"]))) == (row["currency"], Decimal(row["amount"]))
    await hopper.tell("POST", "/position/sync", {"currency": left["cur"], "amount": row["amount"]})
    await hopper.later()
    assert (await hopper.get("/position/sync"))["unsynced"] == []


async def test_shorts_open_and_close(hopper: Hopper) -> None:
    first, *others = await quiet(hopper)
    await hopper.tell("POST", "/position/short", {"position_ids": [first]})
    await hopper.later()
    (short,) = await hopper.get("/short")
    assert await hopper.ids() == others
    await hopper.tell("POST", f"/short/hold/{short['id']}", status=400)
    await hopper.tell("POST", f"/short/close/{short['id']}")
    await hopper.later()
    assert await hopper.get("/short") == []
    trades = (await hopper.get("/trade"))["trades"]
    assert [each["is_short"] for each in trades[:2]] == ["1", "1"]


async def test_limit_orders_rest_and_are_cancelled(hopper: Hopper) -> None:
    await quiet(hopper)
    price = Decimal((await hopper.alice.get("/exchange/binance/ticker/BTCEUR")).data["last"])
    wish = {"order_type": "buy", "market_order": 0, "coin": "BTC", "amount": "0.001"}
    for part in ("0.5", "0.6", "0.7"):
        await hopper.tell("POST", "/order", {**wish, "price": str((price * Decimal(part)).quantize(Decimal("0.01")))})
    await hopper.later()
    one, two, three = await hopper.get("/order")
    assert (one["pair"], one["order_type"], one["amount"], one["market_order"]) == ("BTCEUR", "buy", "0.00100000", 0)
    assert await hopper.get(f"/order/{two['id']}") == two
    await hopper.tell("DELETE", "/order", {"order_ids": [int(one["id"])]})
    await hopper.tell("DELETE", f"/order/{two['id']}/cancel")
    await hopper.tell("DELETE", f"/order/{two['id']}", status=400)
    await hopper.later()
    assert await hopper.get("/order") == [three]
    await hopper.tell("DELETE", "/order/all")
    await hopper.later()
    assert await hopper.get("/order") == []


async def test_market_orders_trade_at_once(hopper: Hopper) -> None:
    before = await quiet(hopper)
    wish = {"order_type": "buy", "market_order": 1, "coin": "ETH", "amount": "0.05", "order_trigger": "Mine"}
    await hopper.tell("POST", "/order", wish)
    trades = (await hopper.get("/trade"))["trades"]
    assert (trades[0]["currency"], trades[0]["type"], trades[0]["trigger_strategy"]) == ("ETH", "buy", "Mine")
    await hopper.later()
    assert len(await hopper.ids()) == len(before) + 1
    for wrong in (
        {"amount": "1000000"},
        {"coin": "KCS"},
        {"order_type": "hold"},
        {"amount": "-1"},
        {"market_order": 0},
    ):
        await hopper.tell("POST", "/order", {**wish, **wrong}, status=400)


async def test_configuration_is_changed_and_obeyed(hopper: Hopper) -> None:
    changed = await hopper.tell("PATCH", "/config", {"config": {"max_open_positions": 1, "stop_selling": True}})
    assert changed["data"]["config"]["max_open_positions"] == "1"
    config = await hopper.get("/config")
    assert (config["max_open_positions"], config["stop_selling"]) == ("1", "1")
    assert (await hopper.get())["hopper"]["selling_enabled"] == "0"
    before = len(await hopper.ids())
    await hopper.later(86_400)
    assert len(await hopper.ids()) == before
    nonsense: tuple[dict[str, Any], ...] = (
        {"config": {"nonsense": "1"}}, {"config": {}}, {}, {"config": {"perc_buy_amount": "lots"}},
    )  # fmt: skip
    for wrong in nonsense:
        await hopper.tell("PATCH", "/config", wrong, status=400)
    await hopper.tell("PATCH", "/config", {"config": {"allowed_coins": ["BTC"]}})
    assert (await hopper.get("/config"))["allowed_coins"] == ["BTC"]


async def test_hoppers_are_made_renamed_and_deleted(hopper: Hopper) -> None:
    alice = hopper.alice
    made = await alice.tell("POST", "/hopper", {"name": "Fresh", "config": {"exchange": "kucoin"}, "enabled": 0})
    path = f"/hopper/{made.data['id']}"
    assert (await alice.tell("PATCH", path, {"name": "Fresher"})).status == 200
    found = (await alice.get(path)).data["hopper"]
    assert (found["name"], found["exchange"], found["enabled"]) == ("Fresher", "kucoin", "0")
    assert (await alice.tell("DELETE", path)).status == 200
    assert (await alice.get(path)).status == 404
    assert len((await alice.get("/hopper")).data["hoppers"]) == 4
    assert (await alice.tell("POST", "/hopper", {"name": "", "config": {}})).status == 400


async def test_paper_money_comes_goes_and_begins_anew(hopper: Hopper) -> None:
    await quiet(hopper)
    before = Decimal((await hopper.get("/assets"))["EUR"])
    await hopper.tell("POST", "/papertrading/deposit", {"coin": "EUR", "amount": 100})
    await hopper.tell("POST", "/papertrading/withdraw", {"coin": "EUR", "amount": "30"})
    await hopper.tell("POST", "/papertrading/withdraw", {"coin": "EUR", "amount": "1e9"}, status=400)
    await hopper.later()
    assert Decimal((await hopper.get("/assets"))["EUR"]) == before + 70
    await hopper.tell("PATCH", "/papertrading/reset")
    await hopper.later()
    left = await hopper.get("/assets")
    assert (set(left), Decimal(left["EUR"])) == ({"EUR"}, Decimal(8000))
    await hopper.tell("PATCH", "/disable/papertrading")
    await hopper.tell("POST", "/papertrading/deposit", {"coin": "EUR", "amount": 1}, status=400)


async def test_the_log_tells_what_was_done_and_what_could_not_be(hopper: Hopper) -> None:
    await hopper.get("/panicbutton")
    await hopper.tell("POST", "/order", {"order_type": "buy", "market_order": 1, "coin": "ETH", "amount": 9999}, 400)
    await hopper.later()
    log = await hopper.get("/output")
    assert [each["log_time"] for each in log] == sorted((each["log_time"] for each in log), reverse=True)
    assert any("Panic mode started" in each["log_output"] for each in log)
    assert any("Panic button" in each["log_output"] for each in log)
    errors = await hopper.get("/output", entryType="error")
    assert {each["log_type"] for each in errors} == {"error"}
    assert any("Not enough EUR" in each["log_output"] for each in errors)
    rising = await hopper.get("/output", sortBy="entry_date", sortOrder="asc")
    assert rising == log[::-1]
    assert await hopper.get("/output", count=3, offset=2) == log[2:5]
    assert await hopper.get("/output", dateFrom="03/05/2026 14:22") == [
        each for each in log if each["log_time"] >= 1772720520
    ]
    assert await hopper.get("/output", dateTo="03/01/2026 00:00") == []
    assert (await hopper.alice.get(f"{HOPPER}/output", dateFrom="2026-03-05")).status == 400
    assert (await hopper.alice.get(f"{HOPPER}/output", sortOrder="up")).status == 400


async def test_a_restart_repeats_what_was_done(
    start: Start, asked: dict[str, str], clock: TurnedClock, hopper: Hopper
) -> None:
    first, second, *_ = await quiet(hopper)
    await hopper.alice.control("POST", "/effects", {"command": "sell", "share": 0.5})
    await hopper.tell("POST", f"/position/sell/{first}", {"market_order": 1})
    await hopper.tell("PATCH", "/config", {"config": {"set_percentage": "7"}})
    await hopper.later()
    again = Hopper(Caller(start().app, hopper.alice.token), clock)
    for path in ("", "/assets", "/position", "/trade", "/config", "/order"):
        assert await again.get(path) == await hopper.get(path), path
    assert (await again.get(f"/position/{second}"))["percentage_profit"] == "7"


@pytest.mark.parametrize(
    "path",
    [
        "/stats", "/stats/dashboard", "/mosttraded", "/activity", "/ipwhitelist", "/troubleshooter", "/signal",
        "/signal/last", "/position/release", "/config/pool",
    ],
)  # fmt: skip
async def test_neighbours_answer_too(hopper: Hopper, path: str) -> None:
    assert await hopper.get(path) is not None
    stranger = await hopper.alice.get(f"/hopper/1042007{path}")
    assert stranger.status == 404


async def test_stats_agree_with_the_trades(hopper: Hopper) -> None:
    stats, trades = await hopper.get("/stats"), (await hopper.get("/trade"))["trades"]
    sells = [each for each in trades if each["type"] == "sell"]
    assert stats["totaltraded"] == len(trades)
    assert sum(stats["mosttraded"].values()) == len(trades)
    assert sum(stats["profits_sell_triggers_counts"].values()) == len(sells)
    assert abs(stats["returns"] - float(sum(Decimal(each["total"]) for each in sells))) < 1e-6
    funds = stats["allocation_of_funds"]
    total = Decimal((await hopper.get())["hopper"]["total_cur"])
    assert abs(sum(Decimal(str(value)) for value in funds.values()) - total) < Decimal("0.01")
    assert {type(value) for value in (await hopper.get("/stats/dashboard")).values()} == {str}
    assert all(isinstance(value, str) for row in await hopper.get("/mosttraded") for value in row.values())
