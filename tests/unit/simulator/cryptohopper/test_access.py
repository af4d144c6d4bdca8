"""Who may ask what how often, and what was noted of it."""

import sqlite3
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from simulator.clock import TurnedClock
from simulator.cryptohopper.buckets import Buckets
from simulator.cryptohopper.state import Grant, Kept
from simulator.settings import Settings
from tests.unit.simulator.asking import ask
from tests.unit.simulator.conftest import Caller, Start, caller, link

HOPPER = "/hopper/1042004"


async def test_orders_have_a_bucket_of_their_own(start: Start, asked: dict[str, str], clock: TurnedClock) -> None:
    alice = await caller(start, asked, rate_limit=30)
    for path in ("panicbutton",) * 4:
        assert (await alice.get(f"{HOPPER}/{path}")).status == 200
        assert (await alice.tell("DELETE", f"{HOPPER}/{path}")).status == 200
    refused = await alice.tell("POST", "/hopper/sell", {"hopper_id": "1042004", "market": "BTC/EUR"})
    assert (refused.status, refused.json["code"], refused.headers["retry-after"]) == (429, "order", "8")
    assert (await alice.get(HOPPER)).status == 200
    clock.turn(timedelta(seconds=8))
    assert (await alice.get(f"{HOPPER}/panicbutton")).status == 200
    told = (await alice.control("GET", "/requests")).json
    assert told["rate_limited"] == {"order": 1}
    assert told["statuses"]["429"] == 1


def test_orders_count_among_all_requests_unless_told() -> None:
    for twice, room in ((True, 22), (False, 30)):
        buckets = Buckets(Settings(orders_count_as_normal=twice))
        assert [buckets.take("t", "order", 0) for _ in range(8)] == [None] * 8
        assert [buckets.take("t", "normal", 1) for _ in range(room)] == [None] * room
        refused = buckets.take("t", "normal", 1)
        assert refused is not None
        assert (refused.bucket, refused.wait) == ("normal", 59_999 if twice else 60_000)


def test_a_window_slides_and_a_refused_request_does_not_count() -> None:
    buckets = Buckets(Settings(rate_limit=2, rate_window=10))
    assert buckets.take("t", "normal", 0) is None
    assert buckets.take("t", "normal", 6_000) is None
    for at in range(6_000, 10_000, 500):
        refused = buckets.take("t", "normal", at)
        assert refused is not None
        assert refused.wait == 10_000 - at
    assert buckets.take("t", "normal", 10_000) is None
    assert buckets.take("t", "normal", 15_999) is not None
    assert buckets.take("other", "normal", 15_999) is None


async def test_an_app_key_is_counted_for_all_its_tokens(start: Start, asked: dict[str, str]) -> None:
    alice = await caller(start, asked, rate_limit=3)
    bob = Caller(alice.app, (await link(alice.app, asked, "bob"))["access_token"])
    answers = []
    for who in (alice, bob, alice, bob):
        headers = {"access-token": who.token, "x-api-app-key": "cryptwire-dev"}
        answers.append((await ask(alice.app, "GET", "/v1/user", headers=headers)).status)
    assert answers == [200, 200, 200, 429]
    assert (await bob.get("/user")).status == 200


@pytest.mark.parametrize("form", ["seconds", "date", "none"])
async def test_retry_after_takes_the_form_asked_for(
    start: Start, asked: dict[str, str], clock: TurnedClock, form: str
) -> None:
    alice = await caller(start, asked, rate_limit=1, retry_after=form)
    await alice.get("/user")
    refused = await alice.get("/user")
    assert refused.status == 429
    said = refused.headers.get("retry-after")
    if form == "seconds":
        assert said == "60"
    elif form == "none":
        assert said is None
    else:
        assert said is not None
        assert timedelta(seconds=60) <= parsedate_to_datetime(said) - clock.now() <= timedelta(seconds=62)


async def test_trade_reads_are_orders_when_told(start: Start, asked: dict[str, str]) -> None:
    for told, status in ((False, 200), (True, 429)):
        alice = await caller(start, asked, rate_limit=30, trade_reads_are_orders=told)
        answers = [(await alice.get(f"{HOPPER}/trade")).status for _ in range(9)]
        assert answers[-1] == status


async def test_a_backtest_every_two_seconds(start: Start, asked: dict[str, str], clock: TurnedClock) -> None:
    alice = await caller(start, asked, rate_limit=30)
    assert (await alice.tell("POST", "/backtest/new", {})).status == 200
    assert (await alice.tell("POST", "/backtest/new", {})).json["code"] == "backtest"
    clock.turn(timedelta(seconds=2))
    assert (await alice.tell("POST", "/backtest/new", {})).status == 200


async def test_bearer_is_taken_only_when_told(start: Start, asked: dict[str, str]) -> None:
    for told, status in ((False, 405), (True, 200)):
        alice = await caller(start, asked, accepts_bearer=told)
        answer = await ask(alice.app, "GET", "/v1/user", headers={"authorization": f"Bearer {alice.token}"})
        assert answer.status == status


async def test_unknown_paths_and_wrong_verbs_answer_as_the_gateway_in_front(
    start: Start, asked: dict[str, str]
) -> None:
    alice = await caller(start, asked)
    for path in ("/nothing", "/hopper/1042004/nothing/at/all", "/"):
        answer = await alice.get(path)
        assert (answer.status, answer.json) == (403, {"message": "Missing Authentication Token"})
    for method, path in (("POST", "/user/id"), ("PUT", HOPPER), ("GET", f"{HOPPER}/enable")):
        wrong = await alice.tell(method, path)
        assert (wrong.status, wrong.json["status"]) == (405, 405)


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("read,manage", "GET", f"{HOPPER}/panicbutton"),
        ("read,manage", "POST", f"{HOPPER}/position/sell"),
        ("read,manage", "POST", f"{HOPPER}/order"),
        ("read,manage", "DELETE", f"{HOPPER}/order/all"),
        ("read,trade", "PATCH", f"{HOPPER}/config"),
        ("read,trade", "PATCH", f"{HOPPER}/disable/buying"),
        ("read,trade", "POST", "/hopper"),
        ("manage,trade", "GET", f"{HOPPER}/assets"),
    ],
)
async def test_each_route_takes_its_scope(
    start: Start, asked: dict[str, str], scope: str, method: str, path: str
) -> None:
    alice = await caller(start, {**asked, "scope": scope})
    answer = await alice.tell(method, path, {} if method in ("POST", "PATCH") else None)
    assert answer.status == 403
    assert "scope" in answer.json["message"]


async def test_requests_are_noted_without_their_tokens(start: Start, asked: dict[str, str]) -> None:
    alice = await caller(start, asked, token_prefix="marked")
    await alice.get(f"{HOPPER}/trade", count=3)
    await alice.get("/hopper/1042007")
    told = await alice.control("GET", "/requests", since=2)
    assert b"marked" not in told.body
    first, second = told.json["requests"]
    assert (first["path"], first["query"], first["user"], first["hopper"], first["status"], first["is_whole"]) == (
        f"/v1{HOPPER}/trade", "count=3", "alice", "1042004", 200, True,
    )  # fmt: skip
    assert (second["number"], second["status"]) == (4, 404)
    assert (await alice.control("GET", "/requests", status="404")).json["found"] == 1
    assert (await alice.control("GET", "/requests", count="0")).json["requests"] == []
    assert (await alice.control("GET", "/requests", count="x")).status == 400
    await alice.control("DELETE", "/requests")
    assert (await alice.control("GET", "/requests")).json["total"] == 0


def test_a_folder_of_an_older_version_is_taken_over(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "state.sqlite3") as old:
        old.executescript(
            """
            CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
            CREATE TABLE tokens (token TEXT PRIMARY KEY, kind TEXT NOT NULL, user TEXT NOT NULL, client TEXT NOT NULL,
                scopes TEXT NOT NULL, expires_at INTEGER NOT NULL);
            CREATE TABLE commands (number INTEGER PRIMARY KEY, hopper TEXT NOT NULL, at INTEGER NOT NULL,
                kind TEXT NOT NULL, value TEXT NOT NULL, amount TEXT NOT NULL);
            INSERT INTO tokens VALUES ('t', 'access', '5001', 'c', 'read', 9);
            INSERT INTO commands VALUES (1, '1042001', 1000, 'panic', '', '');
            """
        )
    old.close()
    for _ in range(2):
        kept = Kept(tmp_path)
        assert kept.grant_of("t", "access") == Grant("5001", "c", ("read",), 9)
        family = kept.family_of("t")
        assert family is not None
        assert family.family == "t"
        ((hopper, command),) = kept.commands()
        assert (hopper, command.kind, command.effect.share) == ("1042001", "panic", 1.0)
        kept.close()
