"""Days and flows over HTTP: whose they are, what the user says of them, and what is refused."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from cryptwire.domain.daily import Daily, Progress, Standing
from cryptwire.domain.flow import Flow, Index, opened
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.portfolio import FlowCandidate
from cryptwire.storage.daily_statistics import DailyStatistics
from cryptwire.storage.flows import Flows
from tests.integration.api.conftest import World, code_of

T = datetime(2026, 3, 1, 23, tzinfo=UTC)  # midnight in Berlin
D = Decimal
USDT = Asset("USDT")
DAYS = """query($id: ID!, $since: Date!, $until: Date!, $version: Int, $masked: Boolean) {
  dailyStatistics(hopperId: $id, since: $since, until: $until, version: $version, masked: $masked) {
    currency zone version newestVersion computedUntil date value closing realised fees flows index isMadeUp gap
    differences { asset quantity } otherFees { asset quantity } } }"""
FLOWS = """query($id: ID!, $masked: Boolean) { flows(hopperIds: [$id], masked: $masked) { hasMore endCursor
  nodes { id hopperId at asset quantity amount valueBefore kind state isFlow decidedBy version } } }"""
DECIDE = """mutation($id: ID!, $kind: FlowKind!, $isFlow: Boolean!) {
  decideFlow(id: $id, kind: $kind, isFlow: $isFlow) { id kind state isFlow decidedBy version } }"""


def hopper(user: str, name: str = "1") -> Hopper:
    return Hopper(HopperId(name), UserId(user), "n", Exchange("binance"), USDT, False, timedelta(seconds=60))


def day(number: int, version: int = 1, divisor: float = 1.0) -> Daily:
    begin = T + timedelta(days=number)
    return Daily(
        HopperId("1"),
        "Europe/Berlin",
        date(2026, 3, 2) + timedelta(days=number),
        version,
        begin,
        begin + timedelta(days=1),
        USDT,
        D("1000.10") + number,
        1000.0,
        1000.0 + number,
        3,
        D("1.5"),
        None,
        D("0.25"),
        {Asset("BNB"): D("0.001")},
        1,
        2,
        None,
        None,
        None,
        None,
        D(0),
        {USDT: D("0.5")},
        Index(divisor),
        0.0,
        number == 1,
    )


async def put(world: World, days: list[Daily], version: int = 1) -> None:
    user = await world.owner.value("SELECT user_id::text FROM hoppers WHERE hopper_id = '1'")
    end = days[-1].ends_at
    before = await world.owner.row("SELECT version, until_at FROM statistics_progress")
    at = (None, None) if before is None else tuple(before)
    standing = Standing(hopper(user), "Europe/Berlin", end, version, None, end, at[0], None, at[1])
    progress = Progress(HopperId("1"), "Europe/Berlin", version, days[0].begins_at, end, {}, end)
    assert await DailyStatistics(world.owner).put(days, [(standing, progress)])


async def flow(world: World, quantity: str = "500", name: str = "1", minutes: int = 0) -> Flow:
    at = T + timedelta(minutes=minutes)
    await world.owner.execute(
        "INSERT INTO flow_candidates VALUES ($1, $2, 'USDT', $3, 1, 1000, 1)", name, at, D(quantity)
    )
    await Flows(world.owner).open_new(T - timedelta(days=1))
    return opened(FlowCandidate(HopperId(name), at, USDT, D(quantity), 1.0, 1000.0, 1))


async def days(world: World, id: str = "1", since: str = "2026-03-01", until: str = "2026-03-31", **more: Any) -> Any:
    return await world.ask(DAYS, id=id, since=since, until=until, **more)


async def test_days_come_in_columns_in_the_users_zone(world: World) -> None:
    await put(world, [day(0), day(1)])
    assert code_of(await days(world)) == "UNAUTHENTICATED"
    await world.sign_in()
    shown = (await days(world))["data"]["dailyStatistics"]
    assert shown == {
        "currency": ["USDT", "USDT"],
        "zone": "Europe/Berlin",
        "version": 1,
        "newestVersion": 1,
        "computedUntil": "2026-03-03T23:00:00Z",
        "date": ["2026-03-02", "2026-03-03"],
        "value": ["1000.10", "1001.10"],
        "closing": [1000.0, 1001.0],
        "realised": ["1.5", "1.5"],
        "fees": ["0.25", "0.25"],
        "flows": ["0", "0"],
        "index": [1000.0, 1001.0],
        "isMadeUp": [False, True],
        "gap": [0.0, 0.0],
        "differences": [{"asset": "USDT", "quantity": "1.0"}],
        "otherFees": [{"asset": "BNB", "quantity": "0.002"}],
    }
    one = (await days(world, since="2026-03-03", until="2026-03-03"))["data"]["dailyStatistics"]
    assert one["date"] == ["2026-03-03"], "both dates are among them"


async def test_no_amount_is_told_while_amounts_are_masked(world: World) -> None:
    await put(world, [day(0), day(1)])
    await flow(world)
    await world.sign_in()
    shown = [(await days(world))["data"]["dailyStatistics"], (await world.ask(FLOWS, id="1"))["data"]["flows"]]
    for prefers, masked in (("{}", True), ('{"masksAmounts": true}', None)):
        await world.owner.execute("UPDATE users SET preferences = $1::text::jsonb", prefers)
        hidden = (await days(world, masked=masked))["data"]["dailyStatistics"]
        amounts = {name: [None, None] for name in ("value", "closing", "realised", "fees", "flows", "index")}
        units = {name: [{**one, "quantity": None} for one in shown[0][name]] for name in ("differences", "otherFees")}
        assert hidden == {**shown[0], **amounts, **units}
        page = (await world.ask(FLOWS, id="1", masked=masked))["data"]["flows"]
        nothing = dict.fromkeys(("quantity", "amount", "valueBefore"))
        assert page == {**shown[1], "nodes": [{**one, **nothing} for one in shown[1]["nodes"]]}
    assert (await days(world, masked=False))["data"]["dailyStatistics"] == shown[0], "who asks for them is told"


async def test_each_day_is_in_the_currency_that_it_was_computed_in(world: World) -> None:
    await put(world, [replace(day(0), currency=Asset("BTC")), day(1)])
    await world.sign_in()
    assert (await days(world))["data"]["dailyStatistics"]["currency"] == ["BTC", "USDT"]


async def test_what_cannot_be_asked_of_days_is_refused_in_words(world: World) -> None:
    await world.sign_in()
    for wrong in (
        {"since": "2026-03-05", "until": "2026-03-01"},
        {"since": "2016-01-01", "until": "2026-03-01"},
        {"since": "0001-01-01", "until": "0001-01-02"},
        {"since": "9999-12-30", "until": "9999-12-31"},
        {"version": 0},
        {"version": 2},
        {"version": 2**31 - 1},
    ):
        assert code_of(await days(world, **wrong)) == "INVALID", wrong
    theirs, nobodys = await days(world, id="2"), await days(world, id="999")
    assert code_of(theirs) == code_of(nobodys) == "NOT_FOUND"
    assert str(theirs["errors"]).replace("hopper 2", "hopper 999") == str(nobodys["errors"])


async def test_what_the_user_says_of_a_flow_is_a_new_version_and_the_old_days_stay(world: World) -> None:
    await put(world, [day(0)])
    found = await flow(world)
    await world.sign_in()
    answer = (await world.ask(DECIDE, id=found.id, kind="DEPOSIT", isFlow=True))["data"]["decideFlow"]
    assert answer == {
        "id": found.id, "kind": "DEPOSIT", "state": "CONFIRMED", "isFlow": True, "decidedBy": "USER", "version": 2
    }  # fmt: skip
    await put(world, [day(0, 2, 1.5)], 2)
    assert (await days(world))["data"]["dailyStatistics"]["index"] == [1000 / 1.5]
    assert (await days(world, version=1))["data"]["dailyStatistics"]["index"] == [1000.0]
    again = await world.ask(DECIDE, id=found.id, kind="DEPOSIT", isFlow=True)
    assert again["data"]["decideFlow"]["version"] == 2, "said again it changes nothing"
    other = (await world.ask(DECIDE, id=found.id, kind="INCOME", isFlow=False))["data"]["decideFlow"]
    assert (other["state"], other["isFlow"], other["version"]) == ("CONFIRMED", False, 3)
    back = (await world.ask(DECIDE, id=found.id, kind="DEPOSIT", isFlow=False))["data"]["decideFlow"]
    assert (back["state"], back["isFlow"], back["version"]) == ("REJECTED", False, 4)
    versions = await Flows(world.owner).versions(found.id)
    assert [one.version for one in versions] == [1, 2, 3, 4]
    assert await Flows(world.owner).history_version(HopperId("1")) == 4, "income moves units, what is rejected does not"


async def test_what_contradicts_itself_is_refused_and_nothing_is_written(world: World) -> None:
    came, went = await flow(world, "500"), await flow(world, "-500", minutes=1)
    await world.sign_in()
    wrong = [(came, kind) for kind in ("WITHDRAWAL", "INCOME", "CONVERSION", "DATA_ERROR", "DIFFERENCE")]
    for found, kind in [*wrong, (went, "DEPOSIT")]:
        assert code_of(await world.ask(DECIDE, id=found.id, kind=kind, isFlow=True)) == "INVALID", kind
        assert len(await Flows(world.owner).versions(found.id)) == 1


async def test_a_strangers_flow_is_not_there_and_changes_need_their_header(world: World) -> None:
    theirs = await flow(world, name="2")
    mine = await flow(world)
    await world.sign_in()
    nobodys = "00000000-0000-0000-0000-000000000000"
    answers = [await world.ask(DECIDE, id=one, kind="DEPOSIT", isFlow=True) for one in (theirs.id, nobodys)]
    assert {code_of(answer) for answer in answers} == {"NOT_FOUND"}
    assert str(answers[0]).replace(theirs.id, nobodys) == str(answers[1])
    for wrong in ("", "\x00", "x" * 5000, "1", "{" + nobodys[1:]):
        assert code_of(await world.ask(DECIDE, id=wrong, kind="DEPOSIT", isFlow=True)) == "NOT_FOUND"
    assert code_of(await world.ask(DECIDE, {}, id=mine.id, kind="DEPOSIT", isFlow=True)) == "FORBIDDEN"
    assert code_of(await world.ask(FLOWS, id="2")) == "NOT_FOUND"


async def test_many_who_decide_at_once_make_versions_one_after_the_other(world: World) -> None:
    found = await flow(world)
    await world.sign_in()
    said = [("DEPOSIT", True), ("INCOME", False), ("DATA_ERROR", False), ("TRANSFER", True)] * 3
    answers = await asyncio.gather(
        *(world.ask(DECIDE, id=found.id, kind=kind, isFlow=is_flow) for kind, is_flow in said)
    )
    assert {code_of(answer) for answer in answers if "errors" in answer} <= {"UNAVAILABLE"}
    versions = await Flows(world.owner).versions(found.id)
    assert [one.version for one in versions] == list(range(1, len(versions) + 1))
    assert len(versions) > 1
