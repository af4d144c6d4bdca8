"""Every quirk and error of the reference, by its number there, as a scenario or a test asks for it.

3.9.n are the quirks a client must survive, 5.x the envelopes and statuses of errors. What breaks connections is in
tests/contract/simulator/test_wire.py, for that takes a server.
"""

import gzip
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from simulator.clock import TurnedClock
from simulator.cryptohopper.faults.kinds import ALIASES, GROUPS, KINDS
from simulator.main import Simulator
from simulator.settings import Settings
from tests.unit.simulator.asking import Answer
from tests.unit.simulator.conftest import ASKED, NOW, Caller, Start, caller, link

HOPPER = "/hopper/1042004"
ASSETS, POSITIONS, TRADES = f"{HOPPER}/assets", f"{HOPPER}/position", f"{HOPPER}/trade"

Says = Callable[[Answer], bool]


@pytest.fixture
async def alice(start: Start, asked: dict[str, str]) -> Caller:
    return await caller(start, asked)


@pytest.fixture(scope="module")
async def anybody(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Caller]:
    """One simulator for all tests that leave it as it was."""
    settings = Settings(folder=tmp_path_factory.mktemp("errors"), history_days=1, rate_limit=0)
    simulator = Simulator(settings, TurnedClock(NOW))
    yield Caller(simulator.app, (await link(simulator.app, ASKED))["access_token"])
    simulator.close()


async def spoilt(alice: Caller, fault: str, path: str = ASSETS, **options: Any) -> Answer:
    """The answer of a path under a fault, which is spent with it."""
    query = options.pop("query", {})
    queued = await alice.control("POST", "/faults", {"fault": fault, "path": path, **options})
    assert queued.status == 200, queued.body
    answer = await alice.get(path, **query)
    assert (await alice.control("GET", "/faults")).json == []
    return answer


def every(value: Any, key: str = "") -> list[tuple[str, Any]]:
    """Every scalar with its key."""
    if isinstance(value, dict):
        return [each for name, inner in value.items() for each in every(inner, name)]
    if isinstance(value, list):
        return [each for inner in value for each in every(inner, key)]
    return [(key, value)]


# (number in the reference, fault, what the answer then is)
ERRORS: list[tuple[str, str, Says]] = [
    ("3.9.2", "200-says-429", lambda it: it.status == 200 and it.json["status"] == 429),
    ("3.9.2", "200-says-error", lambda it: it.status == 200 and set(it.json) == {"error", "message", "code"}),
    ("3.9.2", "200-error-spec", lambda it: it.status == 200 and it.json["error"] == 1 and "data" not in it.json),
    ("3.9.2", "200-error-data", lambda it: it.status == 200 and isinstance(it.json["data"], str) and it.json["error"]),
    ("3.9.5", "402", lambda it: it.status == 402 and it.json["status"] == 402),
    ("3.9.5", "403-html", lambda it: it.status == 403 and it.body.startswith(b"<!DOCTYPE html")),
    ("5 envelope spec", "500", lambda it: it.json == {
        "status": 500, "code": 0, "error": 1, "message": "Internal server error"}),
    ("5 envelope mobile", "403-mobile", lambda it: it.json["error"] == 403 and isinstance(it.json["message"], str)),
    ("5 envelope nested", "422", lambda it: it.status == 422 and set(it.json["error"]) == {"code", "message"}),
    ("5 envelope nested", "200-error-nested", lambda it: it.status == 200 and it.json["error"]["code"] == 500),
    ("5 envelope OAuth", "401-revoked", lambda it: set(it.json) == {"error", "error_description"}),
    ("5 envelope gateway", "504", lambda it: it.status == 504 and set(it.json) == {"message"}),
    ("5 envelope Gateway", "500-gateway", lambda it: it.status == 500 and set(it.json) == {"Message"}),
    ("5 envelope gateway", "200-error-gateway", lambda it: it.status == 200 and set(it.json) == {"message"}),
    ("5 status", "400", lambda it: it.status == it.json["status"] == 400),
    ("5 status", "401", lambda it: it.status == it.json["status"] == 401),
    ("5 status", "401-expired", lambda it: it.status == 401 and "expired" in it.json["message"]),
    ("5 status", "403", lambda it: it.status == 403 and it.json["ip_address"] == "192.0.2.7"),
    ("5 status", "404", lambda it: it.status == it.json["status"] == 404),
    ("5 status", "405", lambda it: it.status == 405 and it.json == {"message": "Missing Authentication Token"}),
    ("5 status", "409", lambda it: it.status == it.json["status"] == 409),
    ("5 status", "429", lambda it: it.status == 429 and it.headers["retry-after"] == "1" and it.json["code"]),
    ("5 status", "429-bare", lambda it: it.status == 429 and "retry-after" not in it.headers),
    ("5 status", "429-gateway", lambda it: it.status == 429 and it.json == {"message": "Too Many Requests"}),
    ("5 status", "502", lambda it: it.status == 502 and b"<h1>502 Bad Gateway" in it.body),
    ("5 status", "503", lambda it: it.status == it.json["status"] == 503),
    ("5 status", "503-wait", lambda it: it.status == 503 and it.headers["retry-after"] == "1"),
    ("beyond", "200-html", lambda it: it.status == 200 and it.headers["content-type"].startswith("text/html")),
    ("beyond", "200-text", lambda it: it.status == 200 and it.body.startswith(b"Error establishing")),
]  # fmt: skip


@pytest.mark.parametrize(("number", "fault", "says"), ERRORS, ids=[f"{number} {fault}" for number, fault, _ in ERRORS])
async def test_errors_come_in_every_envelope(anybody: Caller, number: str, fault: str, says: Says) -> None:
    answer = await spoilt(anybody, fault)
    assert says(answer), (number, answer)
    assert (await anybody.get(ASSETS)).data


async def test_any_envelope_comes_with_any_status(alice: Caller) -> None:
    for shape in ("spec", "mobile", "status", "nested", "gateway", "Gateway", "oauth", "data"):
        for status in (200, 418, 500):
            told: dict[str, Any] = {
                "status": status,
                "shape": shape,
                "message": "So be it",
                "retry_after": "7",
                "code": 3,
            }
            answer = await spoilt(alice, "error", **told)
            assert answer.status == status
            assert b"So be it" in answer.body
            assert answer.headers["retry-after"] == "7"


async def test_retry_after_can_be_a_date(alice: Caller, clock: TurnedClock) -> None:
    said = parsedate_to_datetime((await spoilt(alice, "429-date", seconds=30)).headers["retry-after"])
    assert timedelta(seconds=30) <= said - clock.now() <= timedelta(seconds=32)


async def test_3_9_1_text_comes_before_the_json_of_short(alice: Caller) -> None:
    one = (await alice.get(POSITIONS)).data[0]
    moved = await alice.tell("POST", f"{HOPPER}/position/short", {"position_ids": [int(one["id"])]})
    assert moved.status == 200, moved.body
    body = (await alice.get(f"{HOPPER}/short")).body
    assert body.startswith(b"stop_loss 0.000000\n")
    assert isinstance(json.loads(body[body.index(b"{") :])["data"], list)


async def test_3_9_1_text_can_come_before_any_json(alice: Caller) -> None:
    body = (await spoilt(alice, "junk")).body
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)
    assert json.loads(body[body.index(b"{") :])["data"]


async def test_3_9_3_types_change_between_one_and_many(alice: Caller) -> None:
    listed, single = (await alice.get("/hopper")).data["hoppers"][3], (await alice.get(HOPPER)).data["hopper"]
    assert {name for name in single if type(single[name]) is not type(listed[name])} >= {
        "enabled", "buying_enabled", "selling_enabled", "subscription_id", "last_loaded_config", "paper_trading",
        "error_message",
    }  # fmt: skip
    values = [each["ta_values"] for each in (await alice.get(POSITIONS)).data]
    assert {type(each) for each in values} <= {bool, list}


@pytest.mark.parametrize(
    ("fault", "kind"), [("switches-as-numbers", int), ("switches-as-text", str), ("switches-as-booleans", bool)]
)
async def test_3_9_3_switches_come_as_any_type(alice: Caller, fault: str, kind: type) -> None:
    hopper = (await spoilt(alice, fault, HOPPER)).data["hopper"]
    assert {type(hopper[name]) for name in ("enabled", "buying_enabled", "selling_enabled", "paper_trading")} == {kind}
    assert int(hopper["enabled"]) == 1


async def test_3_9_3_an_empty_map_is_an_empty_list(alice: Caller) -> None:
    assert (await alice.get("/hopper/1042002/assets", reserved="1")).data == []
    assert (await spoilt(alice, "list-for-map")).json == {"data": []}
    assert (await spoilt(alice, "empty-lists", f"{HOPPER}/stats")).data["stats_open_positions"]["other_coins"] == []


async def test_3_9_3_a_list_comes_as_a_map(alice: Caller) -> None:
    plain = (await alice.get(POSITIONS)).data
    assert (await spoilt(alice, "map-for-list", POSITIONS)).data == {str(at): each for at, each in enumerate(plain)}


async def test_3_9_4_numbers_come_as_numbers_text_null_or_nothing(alice: Caller) -> None:
    plain = (await alice.get(ASSETS)).data
    assert all(isinstance(amount, str) for amount in plain.values())
    numbers = json.loads((await spoilt(alice, "numbers-as-numbers")).body, parse_float=Decimal, parse_int=Decimal)
    assert numbers["data"] == {coin: Decimal(amount) for coin, amount in plain.items()}
    zeros = (await spoilt(alice, "numbers-with-zeros")).data
    assert {coin: Decimal(amount) for coin, amount in zeros.items()} == numbers["data"]
    assert set((await spoilt(alice, "numbers-as-null")).data.values()) == {None}
    assert set((await spoilt(alice, "numbers-as-empty")).data.values()) == {""}
    books = (await spoilt(alice, "numbers-as-text", "/exchange/binance/BTCUSDT/orderbook/3")).data
    assert all(isinstance(each, str) for side in books.values() for row in side for each in row)
    small = (await spoilt(alice, "numbers-as-exponents", "/exchange/binance/candle/ETHBTC/1h/0/99999999999")).body
    assert small


async def test_3_9_4_only_the_fields_named_change(alice: Caller) -> None:
    row = (await spoilt(alice, "numbers-as-null", POSITIONS, fields=["stop_loss", "sell_rate"])).data[0]
    assert [row[name] for name in ("stop_loss", "sell_rate")] == [None, None]
    assert Decimal(row["amount"]) > 0
    short = (await spoilt(alice, "fields-left-out", POSITIONS)).data[0]
    assert not {"amount", "rate"} & set(short)


async def test_3_9_6_a_get_starts_panic_and_is_counted(alice: Caller) -> None:
    assert "panic mode" in (await alice.get(f"{HOPPER}/panicbutton")).data.lower()
    told = (await alice.control("GET", "/requests", command="panic")).json
    assert [(each["method"], each["user"], each["hopper"]) for each in told["requests"]] == [
        ("GET", "alice", "1042004")
    ]


async def test_3_9_7_patch_creates_pools_and_fields_are_named_as_they_are(alice: Caller) -> None:
    path = f"{HOPPER}/config/pool"
    created = await alice.tell("PATCH", path, {"pool_name": "Majors", "selected_coins": ["BTC"], "config": {"a": 1}})
    assert created.data["name"] == "Majors"
    one = f"{path}/{created.data['id']}"
    assert (await alice.tell("PATCH", one, {"enabled": "0"})).status == 200
    assert (await alice.get(one)).data["status"] == "0"
    assert [each["coins"] for each in (await alice.get(path)).data] == [["BTC"]]
    assert (await alice.tell("DELETE", one)).status == 200
    assert (await alice.get(path)).data == []
    ids = [int(each["id"]) for each in (await alice.get(POSITIONS)).data]
    assert (await alice.tell("POST", f"{HOPPER}/position/hold", {"position_ids": ids[:1]})).status == 400
    assert (await alice.tell("POST", f"{HOPPER}/position/hold", {"position_id": ids[:1]})).status == 200
    assert (await alice.tell("POST", f"{HOPPER}/position/dca", {"position_id": ids[:1]})).status == 400
    removed = await alice.tell("DELETE", f"{HOPPER}/position/remove", {"position_id": ids[1:2]})
    assert removed.status == 200


async def test_3_9_8_data_are_snapshots_and_may_be_older(alice: Caller, clock: TurnedClock) -> None:
    alice = Caller(alice.app, alice.token)
    first = (await alice.get(ASSETS)).data
    moved = {"coin": "EUR", "amount": "77"}
    assert (await alice.control("POST", "/hopper/1042004/deposit", moved)).status == 200
    assert (await alice.get(ASSETS)).data == first
    clock.turn(timedelta(seconds=60))
    after = (await alice.get(ASSETS)).data
    assert Decimal(after["EUR"]) - Decimal(first["EUR"]) == 77
    assert (await spoilt(alice, "stale")).data == first
    assert (await alice.get(ASSETS)).data == after


async def test_pages_of_trades_can_be_wrong_in_every_way(alice: Caller) -> None:
    plain = (await alice.get(TRADES, count=20)).data
    ids = [each["id"] for each in plain["trades"]]
    assert isinstance(plain["results"], str)
    numbers = (await spoilt(alice, "results-as-number", TRADES, query={"count": 20})).data
    assert (numbers["results"], numbers["offset"]) == (20, 0)
    shuffled = [
        each["id"] for each in (await spoilt(alice, "trades-shuffled", TRADES, query={"count": 20})).data["trades"]
    ]
    assert shuffled != ids
    assert sorted(shuffled) == sorted(ids)
    repeated = (await spoilt(alice, "trades-repeated", TRADES, query={"offset": 10, "count": 10})).data["trades"]
    assert [each["id"] for each in repeated] == ids[5:15]
    assert len((await spoilt(alice, "trades-long", TRADES, query={"count": 4})).data["trades"]) == 9
    ignored = (await spoilt(alice, "offset-ignored", TRADES, query={"offset": 10, "count": 10})).data["trades"]
    assert [each["id"] for each in ignored] == ids[:10]
    everything = (await spoilt(alice, "date-ignored", TRADES, query={"dateFrom": "2026-03-05"})).data
    assert everything["count"] == plain["count"]


async def test_bodies_can_be_cut_empty_compressed_huge_or_no_json(alice: Caller) -> None:
    whole = (await alice.get(ASSETS)).body
    assert (await spoilt(alice, "cut")).body == whole[: len(whole) // 2]
    assert (await spoilt(alice, "empty")).body == b""
    assert (await spoilt(alice, "bom")).body == b"\xef\xbb\xbf" + whole
    assert (await spoilt(alice, "wrong-type")).headers["content-type"].startswith("text/html")
    zipped = await spoilt(alice, "gzip")
    assert (zipped.headers["content-encoding"], gzip.decompress(zipped.body)) == ("gzip", whole)
    twice = (await spoilt(alice, "keys-twice", POSITIONS)).body
    assert twice.count(b'"id":null') > 3
    assert json.loads(twice) == (await alice.get(POSITIONS)).json
    assert len((await spoilt(alice, "huge", bytes=300_000)).body) > 300_000
    assert b"NaN" in (await spoilt(alice, "nan")).body
    assert "data" not in (await spoilt(alice, "no-data")).json
    assert (await spoilt(alice, "null-data")).json == {"data": None}
    extra = (await spoilt(alice, "extra-fields", POSITIONS)).data[0]
    assert {"_links", "new_in_2027"} <= set(extra)
    assert (await spoilt(alice, "extra-fields")).data == json.loads(whole)["data"]  # there keys are coins


_IN_PROCESS = [
    name
    for name, kind in KINDS.items()
    if kind.group != "stuck" and name not in ("late", "slow", "half", "reset", "reset-after")
]  # the rest is in tests/contract/simulator/test_wire.py


@pytest.mark.parametrize("path", ["/hopper", ASSETS, TRADES, f"{HOPPER}/config", f"{HOPPER}/short"])
async def test_every_fault_can_meet_every_read(anybody: Caller, path: str) -> None:
    for name in _IN_PROCESS:
        assert (await spoilt(anybody, name, path)).status in range(200, 600), name


async def test_faults_meet_whom_they_are_meant_for(start: Start, asked: dict[str, str]) -> None:
    alice = await caller(start, asked)
    rule = {"fault": "500", "hopper": "1042002", "method": "get", "user": "alice", "times": 2, "skip": 1}
    await alice.control("POST", "/faults", rule)
    path = "/hopper/1042002/assets"
    assert (await alice.get(ASSETS)).status == 200
    assert [(await alice.get(path)).status for _ in range(4)] == [200, 500, 500, 200]


async def test_a_fault_comes_after_the_effect_or_instead_of_it(alice: Caller) -> None:
    for after, commands in ((False, []), (True, ["buying"])):
        await alice.control("DELETE", "/requests")
        await alice.control("POST", "/faults", {"fault": "502", "path": "disable/buying", "after_effect": after})
        assert (await alice.tell("PATCH", f"{HOPPER}/disable/buying")).status == 502
        told = (await alice.control("GET", "/requests", fault="*")).json["requests"]
        assert [(each["fault"], each["status"]) for each in told] == [("502", 502)]
        assert [each["command"] for each in told if each["command"]] == commands
        assert (await alice.get(HOPPER)).data["hopper"]["buying_enabled"] == ("0" if after else "1")


async def test_random_faults_are_a_share_and_come_again_with_the_seed(start: Start, asked: dict[str, str]) -> None:
    async def drawn(seed: str) -> list[str]:
        alice = await caller(start, asked)
        kinds = ["refusal", "429", "502", "numbers-as-text"]
        await alice.control("POST", "/faults", {"fault": "random", "share": 0.2, "seed": seed, "kinds": kinds})
        for _ in range(300):
            await alice.get("/user")
        told = (await alice.control("GET", "/requests", user="alice")).json["requests"]
        return [each["fault"] for each in told]

    first = await drawn("a")
    assert 35 <= sum(map(bool, first)) <= 85
    assert set(first) - {""} <= {name for name, kind in KINDS.items() if kind.group == "refusal"} | {
        "429", "502", "numbers-as-text",
    }  # fmt: skip
    assert await drawn("a") == first
    assert await drawn("b") != first


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"fault": "fire"}, "fire"),
        ({"fault": "429", "tims": 3}, "tims"),
        ({"fault": "429", "times": 0}, "times"),
        ({"fault": "429", "chance": 2}, "chance"),
        ({"fault": "random", "kinds": ["storm"]}, "storm"),
        ({"fault": "late", "seconds": "long"}, "seconds"),
        ({"fault": "error", "shape": "round"}, "shape"),
        ({"fault": "error", "status": 99}, "status"),
        ([{"fault": "429"}, 7], "faults[1]"),
        ("429", "faults[0]"),
    ],
)
async def test_nonsense_is_refused_by_name(anybody: Caller, wrong: Any, named: str) -> None:
    refused = await anybody.control("POST", "/faults", wrong)
    assert refused.status == 400
    assert named in refused.json["error"]
    assert (await anybody.control("GET", "/faults")).json == []


async def test_every_kind_is_explained(alice: Caller) -> None:
    told = (await alice.control("GET", "/faults/kinds")).json
    assert [each["fault"] for each in told["kinds"]] == list(KINDS)
    assert {each["group"] for each in told["kinds"]} <= set(GROUPS) == set(told["groups"])
    assert all(each["says"] for each in told["kinds"])
    assert set(ALIASES.values()) <= set(KINDS)
