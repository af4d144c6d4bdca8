"""The API of Cryptohopper: shapes, quirks, snapshots, limits."""

import json
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from simulator.clock import TurnedClock
from tests.unit.simulator.asking import ask
from tests.unit.simulator.conftest import Caller, Start, caller, link

MINE = "1042001"


async def test_each_user_sees_only_their_own_hoppers(start: Start, asked: dict[str, str]) -> None:
    seen = {}
    for user in ("alice", "bob", "carol", "dave"):
        hoppers = (await (await caller(start, asked, user)).get("/hopper")).data["hoppers"]
        seen[user] = [hopper["id"] for hopper in hoppers]
    assert [len(ids) for ids in seen.values()] == [4, 2, 2, 2]
    assert len({id_ for ids in seen.values() for id_ in ids}) == 10


async def test_hoppers_are_text_but_for_what_varies(start: Start, asked: dict[str, str]) -> None:
    alice = await caller(start, asked)
    listed = (await alice.get("/hopper")).data["hoppers"]
    assert [hopper["paper_trading"] in ("1", 1) for hopper in listed] == [False, False, False, True]
    single = (await alice.get(f"/hopper/{MINE}")).data["hopper"]
    assert (listed[0]["enabled"], single["enabled"]) == (1, "1")
    for name in ("id", "hopper_id", "name", "exchange", "plan_name", "total_cur", "start_balance", "user_id"):
        assert isinstance(single[name], str)
        assert single[name] == listed[0][name]
    assert single["allowed_coins"] == ["BTC", "ETH", "BNB", "SOL", "XRP", "LINK"]
    assert single["plan_name"] == "Hero"
    kucoin = (await alice.get("/hopper", exchange="kucoin")).data["hoppers"]
    assert [hopper["name"] for hopper in kucoin] == ["KuCoin Swing"]
    assert (await alice.get("/hopper", enabled="0")).data["hoppers"] == []


async def test_assets_positions_and_total_are_of_one_instant(
    start: Start, asked: dict[str, str], clock: TurnedClock
) -> None:
    alice = await caller(start, asked)
    for _ in range(6):
        clock.turn(timedelta(minutes=7, seconds=13))
        assets = (await alice.get(f"/hopper/{MINE}/assets")).data
        positions = (await alice.get(f"/hopper/{MINE}/position")).data
        reserved = (await alice.get(f"/hopper/{MINE}/reserved")).data
        held = {row["currency"]: Decimal(row["amount"]) for row in reserved}
        for position in positions:
            held[position["currency"]] = held.get(position["currency"], Decimal(0)) + Decimal(position["amount"])
        assert {coin: Decimal(amount) for coin, amount in assets.items() if coin != "USDT"} == held
        hopper = (await alice.get(f"/hopper/{MINE}")).data["hopper"]
        assert hopper["open_positions_count"] == str(len(positions))
        assert Decimal(hopper["total_cur"]) > Decimal(assets["USDT"])
    assert all(isinstance(value, str) for value in assets.values())
    assert (await alice.get(f"/hopper/{MINE}/assets", reserved="1")).data == {"BNB": "1.5"}
    assert (await alice.get("/hopper/1042002/assets", reserved="1")).data == []  # an empty map, as PHP has it


async def test_snapshots_wait_for_the_plan_and_trades_do_not(
    start: Start, asked: dict[str, str], clock: TurnedClock
) -> None:
    alice = await caller(start, asked, decision_seconds=2, history_days=0, snapshot_seconds=600)
    replayed = 0
    clock.turn(timedelta(seconds=449))  # 14:30:00.25
    for _ in range(11):
        trades = (await alice.get(f"/hopper/{MINE}/trade")).data["trades"]
        assets = (await alice.get(f"/hopper/{MINE}/assets")).data
        now = clock.now()
        at = now.replace(minute=now.minute // 10 * 10, second=0).strftime("%Y-%m-%d %H:%M:%S")
        free = Decimal(12000)
        for trade in trades:
            if trade["date"] <= at:
                sign = 1 if trade["type"] == "buy" else -1
                free -= sign * Decimal(trade["total"]) + Decimal(trade["fee"])
        assert Decimal(assets["USDT"]) == free
        replayed += any(trade["date"] > at for trade in trades)
        clock.turn(timedelta(seconds=119))
    assert replayed >= 3


async def test_positions_can_be_read_one_by_one(start: Start, asked: dict[str, str]) -> None:
    alice = await caller(start, asked)
    positions = (await alice.get("/hopper/1042004/position")).data
    assert positions
    trades = {trade["id"]: trade for trade in (await alice.get("/hopper/1042004/trade")).data["trades"]}
    for position in positions:
        assert (await alice.get(f"/hopper/1042004/position/{position['id']}")).data == position
        assert trades[position["buy_id"]]["rate"] == position["rate"]
        assert position["pair"] == position["currency"] + "EUR"
        assert isinstance(position["cost"], str)
    assert (await alice.get("/hopper/1042004/position/77")).status == 404


async def test_trades_come_in_pages_newest_first(start: Start, asked: dict[str, str]) -> None:
    alice = await caller(start, asked, history_days=90)
    path, found, offset = f"/hopper/{MINE}/trade", [], 0
    while True:
        page = (await alice.get(path, offset=offset)).data
        assert isinstance(page["results"], str)
        found += page["trades"]
        offset += int(page["results"])
        if int(page["results"]) < 500:
            break
    assert len(found) > 500
    assert len({trade["id"] for trade in found}) == len(found) == page["count"]
    assert [int(trade["id"]) for trade in found] == sorted((int(trade["id"]) for trade in found), reverse=True)
    assert len((await alice.get(path, count=9)).data["trades"]) == 9
    assert (await alice.get(path, count=9, offset=5)).data["trades"] == found[5:14]
    assert len((await alice.get(path, count=5000)).data["trades"]) == 500
    assert (await alice.get(f"{path}/{found[3]['id']}")).data == found[3]
    sell = next(trade for trade in found if trade["type"] == "sell")
    assert sell["buy_id"] in {trade["id"] for trade in found if trade["type"] == "buy"}
    assert Decimal(sell["result"]).is_finite()
    for trade in found:
        assert datetime.fromisoformat(trade["date"] + "+00:00").microsecond == 0
        assert all(isinstance(value, str) for name, value in trade.items() if name != "strategy_result")


async def test_trades_can_be_narrowed_by_date(start: Start, asked: dict[str, str]) -> None:
    alice = await caller(start, asked)
    path = f"/hopper/{MINE}/trade"
    everything = (await alice.get(path)).data["trades"]
    of_day = (await alice.get(path, dateFrom="2026-03-04", dateTo="2026-03-04")).data["trades"]
    assert of_day == [trade for trade in everything if trade["date"].startswith("2026-03-04")]
    assert of_day
    at = of_day[1]["date"]
    since = (await alice.get(path, dateFrom=at)).data["trades"]
    assert since == [trade for trade in everything if trade["date"] >= at]
    for wrong in ("2026-00-04", "2026-02-30", "yesterday", "2026-57-01 10:00:00"):
        answer = await alice.get(path, dateFrom=wrong)
        assert (answer.status, answer.json["error"]) == (400, 1)
    assert (await alice.get(path, offset="-1")).status == 400


async def test_configuration_is_flat_text_with_secrets_in_it(start: Start, asked: dict[str, str]) -> None:
    config = (await (await caller(start, asked)).get(f"/hopper/{MINE}/config")).data
    assert {"api_key", "api_secret", "api_passphrase", "extra_api_key", "extra_api_secret"} <= set(config)
    assert config["exchange"] == "binance"
    assert sum(isinstance(value, str) for value in config.values()) > 0.8 * len(config)


async def test_shorts_have_junk_before_the_json(start: Start, asked: dict[str, str]) -> None:
    body = (await (await caller(start, asked)).get(f"/hopper/{MINE}/short")).body
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)
    assert json.loads(body[body.index(b"{") :]) == {"data": []}


async def test_the_rest_is_there(start: Start, asked: dict[str, str]) -> None:
    alice = await caller(start, asked)
    assert (await alice.get(f"/hopper/{MINE}/order")).data == []
    subscription = (await alice.get(f"/hopper/{MINE}/subscription")).data["subscription"]
    assert (subscription["hopper_id"], subscription["plan_name"]) == (1042001, "Hero")
    assert (await alice.get("/user")).data["username"] == "alice"
    assert (await ask(alice.app, "GET", "/healthz")).status == 200


@pytest.mark.parametrize("path", ["", "/assets", "/position", "/trade", "/config", "/reserved", "/short", "/order"])
async def test_somebody_elses_hopper_is_not_found(start: Start, asked: dict[str, str], path: str) -> None:
    bob = await caller(start, asked, "bob")
    for hopper in (MINE, "999", "x"):
        answer = await bob.get(f"/hopper/{hopper}{path}")
        assert (answer.status, answer.json["status"], answer.json["error"]) == (404, 404, 1)


async def test_tokens_are_checked(start: Start, asked: dict[str, str], clock: TurnedClock) -> None:
    alice = await caller(start, asked, token_seconds=100)
    bearer = {"authorization": f"Bearer {alice.token}"}
    refused = await ask(alice.app, "GET", "/v1/hopper", headers=bearer)
    assert (refused.status, refused.json) == (405, {"message": "Missing Authentication Token"})
    assert (await ask(alice.app, "GET", "/v1/hopper")).status == 401
    wrong = await ask(alice.app, "GET", "/v1/hopper", headers={"access-token": "f" * 40})
    assert (wrong.status, set(wrong.json)) == (401, {"status", "code", "error", "message"})
    assert (await alice.get("/hopper")).status == 200
    clock.turn(timedelta(seconds=100))
    assert (await alice.get("/hopper")).status == 401


async def test_a_missing_scope_is_refused(start: Start, asked: dict[str, str]) -> None:
    reader = await caller(start, {**asked, "scope": "read"})
    assert (await reader.get("/hopper")).status == 200
    assert (await reader.get(f"/hopper/{MINE}/panicbutton")).status == 403


async def test_a_refresh_token_opens_nothing(start: Start, asked: dict[str, str]) -> None:
    app = start().app
    tokens = await link(app, asked)
    assert (await Caller(app, tokens["refresh_token"]).get("/hopper")).status == 401


async def test_the_rate_is_limited_for_each_token(start: Start, asked: dict[str, str], clock: TurnedClock) -> None:
    alice = await caller(start, asked, rate_limit=30)
    other = Caller(alice.app, (await link(alice.app, asked))["access_token"])
    assert {(await alice.get("/user")).status for _ in range(30)} == {200}
    refused = await alice.get("/user")
    assert (refused.status, refused.json["status"], refused.json["error"]) == (429, 429, 1)
    assert refused.headers["retry-after"] == "60"
    assert (await other.get("/user")).status == 200
    clock.turn(timedelta(seconds=int(refused.headers["retry-after"])))
    assert (await alice.get("/user")).status == 200


async def test_panic_sells_everything_and_buys_nothing(start: Start, asked: dict[str, str], clock: TurnedClock) -> None:
    alice = await caller(start, asked)
    path = "/hopper/1042004"
    before = len((await alice.get(f"{path}/position")).data)
    assert before
    assert "panic mode" in (await alice.get(f"{path}/panicbutton")).data.lower()
    trades = (await alice.get(f"{path}/trade")).data["trades"]
    assert [trade["trigger_strategy"] for trade in trades[:before]] == ["Panic button"] * before
    clock.turn(timedelta(days=1))
    assert (await alice.get(f"{path}/position")).data == []
    assert (await alice.get(f"{path}/assets")).data.keys() == {"EUR"}
    again = Caller(start().app, alice.token)
    assert (await again.get(f"{path}/trade")).data["trades"] == trades
    assert (await again.tell("DELETE", f"{path}/panicbutton")).status == 200
    clock.turn(timedelta(days=2))
    assert (await again.get(f"{path}/position")).data


async def test_hoppers_can_be_switched_and_positions_sold(
    start: Start, asked: dict[str, str], clock: TurnedClock
) -> None:
    alice = await caller(start, asked)
    path = "/hopper/1042004"
    assert (await alice.tell("PATCH", f"{path}/disable/buying")).status == 200
    clock.turn(timedelta(minutes=1))
    assert (await alice.get(path)).data["hopper"]["buying_enabled"] == "0"
    one, two, *_ = (await alice.get(f"{path}/position")).data
    sold = await alice.tell("POST", f"{path}/position/sell", {"position_id": [int(one["id"])], "market_order": 1})
    assert sold.status == 200
    assert (await alice.tell("POST", f"{path}/position/sell/{two['id']}", {"market_order": 1})).status == 200
    assert (await alice.tell("POST", f"{path}/position/sell", {"position_id": [1]})).status == 400
    clock.turn(timedelta(minutes=1))
    left = [position["id"] for position in (await alice.get(f"{path}/position")).data]
    assert not {one["id"], two["id"]} & set(left)


async def test_money_can_come_and_go_without_a_trade(start: Start, asked: dict[str, str], clock: TurnedClock) -> None:
    alice = await caller(start, asked)
    before = Decimal((await alice.get("/hopper/1042002/assets")).data["BTC"])
    moved = await ask(alice.app, "POST", "/control/hopper/1042002/deposit", body={"coin": "BTC", "amount": "0.25"})
    assert moved.status == 200
    refused = await ask(alice.app, "POST", "/control/hopper/1042002/deposit", body={"coin": "EUR", "amount": "1"})
    assert refused.status == 400
    clock.turn(timedelta(minutes=1))
    trades = (await alice.get("/hopper/1042002/trade", dateFrom="2026-03-05 14:22:00")).data["trades"]
    after = Decimal((await alice.get("/hopper/1042002/assets")).data["BTC"])
    assert after - before == Decimal("0.25") or trades
    live = (await alice.tell("POST", "/hopper/1042002/papertrading/deposit", {"coin": "BTC", "amount": 1})).status
    assert live == 400
    assert (await alice.tell("POST", "/hopper/1042004/papertrading/deposit", {"coin": "EUR", "amount": 1})).data


@pytest.mark.parametrize(
    ("kind", "status"),
    [("429", 429), ("200-says-429", 200), ("200-says-error", 200), ("502", 502), ("blocked", 403), ("402", 402)],
)
async def test_faults_can_be_had_on_demand(start: Start, asked: dict[str, str], kind: str, status: int) -> None:
    alice = await caller(start, asked)
    queued = await ask(alice.app, "POST", "/control/faults", body={"kind": kind, "path": "/assets", "times": 2})
    assert queued.json[0]["times"] == 2
    assert (await alice.get(f"/hopper/{MINE}/position")).status == 200
    for _ in range(2):
        answer = await alice.get(f"/hopper/{MINE}/assets")
        assert answer.status == status
        assert b'"data"' not in answer.body
    assert (await alice.get(f"/hopper/{MINE}/assets")).data


async def test_a_body_can_be_cut_and_faults_cleared(start: Start, asked: dict[str, str]) -> None:
    alice = await caller(start, asked)
    await ask(alice.app, "POST", "/control/faults", body={"kind": "cut"})
    with pytest.raises(json.JSONDecodeError):
        json.loads((await alice.get("/hopper")).body)
    await ask(alice.app, "POST", "/control/faults", body={"kind": "502", "times": 3})
    assert (await ask(alice.app, "DELETE", "/control/faults")).json == []
    assert (await alice.get("/hopper")).status == 200
    assert (await ask(alice.app, "POST", "/control/faults", body={"kind": "fire"})).status == 400


async def test_a_restart_answers_the_same(start: Start, asked: dict[str, str], clock: TurnedClock) -> None:
    alice = await caller(start, asked)
    for minutes in (1, 9, 44, 300):
        clock.turn(timedelta(minutes=minutes))
        await alice.get("/hopper")
    again = Caller(start().app, alice.token)
    for hopper in (await alice.get("/hopper")).data["hoppers"]:
        for part in ("", "/assets", "/position", "/trade", "/reserved"):
            path = f"/hopper/{hopper['id']}{part}"
            assert (await alice.get(path)).body == (await again.get(path)).body
