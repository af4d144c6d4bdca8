"""The list of flows over HTTP: pages in every order, filters, what is masked, what is refused."""

import itertools
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from cryptwire.domain.flow import DecidedBy, Flow, FlowKind, FlowState
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.storage.flows import LISTING, Flows
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.keyset import Condition, Is, Order, Row
from tests.integration.api.conftest import World, code_of

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
D = Decimal
FLOWS = """query($ids: [ID!], $kind: HopperKind, $first: Int! = 100, $after: String, $filter: FlowFilter,
                 $sort: FlowSort, $masked: Boolean, $counts: Boolean! = false) {
  flows(hopperIds: $ids, kind: $kind, first: $first, after: $after, filter: $filter, sort: $sort, masked: $masked) {
    total @include(if: $counts) hasMore endCursor
    nodes { id hopperId at asset quantity amount valueBefore kind state isFlow decidedBy decidedAt version counterpart }
  } }"""
_PUT = """
    INSERT INTO flows (flow_id, version, hopper_id, at, asset, quantity, price, value_before, kind, state, decided_by,
                       decided_at)
    VALUES ($1::text::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""


async def came(world: World, number: int, hopper: str = "1", version: int = 1, **told: Any) -> str:
    """A row of ``flows``; its id."""
    at = told.get("at", T + number * MINUTE)
    id_ = f"00000000-0000-4000-8000-{number:012d}"
    await world.owner.execute(
        _PUT,
        id_,
        version,
        hopper,
        at,
        told.get("asset", "USDT"),
        D(told.get("quantity", "500")),
        told.get("price", 1.0),
        told.get("value_before", 1000.0),
        told.get("kind", "deposit"),
        told.get("state", "open"),
        told.get("decided_by", "tracker"),
        told.get("decided_at", at),
    )
    return id_


async def own_hoppers(world: World) -> None:
    """Hopper 3 beside hopper 1 of who asks, 4 with play money; and who asks is signed in."""
    user = UserId(await world.owner.value("SELECT user_id::text FROM hoppers WHERE hopper_id = '1'"))
    for name, is_paper in (("3", False), ("4", True)):
        kept = (Exchange("binance"), Asset("USDT"), is_paper, timedelta(seconds=60))
        await Hoppers(world.owner).put(Hopper(HopperId(name), user, f"Bot {name}", *kept))
    await world.sign_in()


async def ask(world: World, **variables: Any) -> dict[str, Any]:
    answer = await world.ask(FLOWS, **variables)
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]["flows"]
    return found


def names(page: dict[str, Any]) -> list[int]:
    return [int(one["id"][-12:]) for one in page["nodes"]]


async def test_flows_come_newest_first_in_pages_of_all_hoppers_of_a_kind(world: World) -> None:
    await own_hoppers(world)
    for number, hopper in enumerate(("1", "3", "2", "1", "4", "3")):
        await came(world, number, hopper)
    seen: list[int] = []
    after = None
    while True:
        page = await ask(world, first=2, after=after, counts=True)
        assert page["total"] == 4
        seen += names(page)
        after = page["endCursor"]
        if not page["hasMore"]:
            break
    assert seen == [5, 3, 1, 0]
    assert names(await ask(world, kind="PAPER")) == [4]
    assert names(await ask(world, ids=["3"])) == [5, 1]


async def test_only_the_newest_version_of_a_flow_is_listed(world: World) -> None:
    await own_hoppers(world)
    await came(world, 1)
    await came(world, 1, version=2, kind="income", state="confirmed", decided_by="user", decided_at=T + 9 * MINUTE)
    (one,) = (await ask(world))["nodes"]
    assert one == {
        "id": "00000000-0000-4000-8000-000000000001",
        "hopperId": "1",
        "at": "2026-03-01T12:01:00Z",
        "asset": "USDT",
        "quantity": "500",
        "amount": "500.0",
        "valueBefore": 1000.0,
        "kind": "INCOME",
        "state": "CONFIRMED",
        "isFlow": False,
        "decidedBy": "USER",
        "decidedAt": "2026-03-01T12:09:00Z",
        "version": 2,
        "counterpart": None,
    }
    assert names(await ask(world, filter={"states": ["OPEN"]})) == [], "what was once open is not"


async def test_pages_in_every_order_are_all_flows_once_and_in_order(world: World) -> None:
    await own_hoppers(world)
    chance = random.Random(6)
    for number in range(40):
        hopper, version = chance.choice("13"), 1 + number % 2
        told = {
            "at": T + chance.randrange(8) * MINUTE,
            "asset": chance.choice(["BTC", "ETH", "USDT"]),
            "quantity": chance.choice(["-1", "1", "0.3"]),
            "price": chance.choice([0.1, 60_000.123456789012, 1.0]),
            "value_before": chance.choice([0.1 + 0.2, 1000.0, 1e9 / 3]),
        }
        for each in range(1, version + 1):
            decided = {
                "kind": chance.choice(list(FlowKind)).value,
                "state": chance.choice(list(FlowState)).value,
                "decided_by": chance.choice(list(DecidedBy)).value,
                "decided_at": T + chance.randrange(6) * MINUTE,
            }
            await came(world, number, hopper, each, **told, **decided)
    hoppers, listed = ["3", "1"], Flows(world.owner)
    all_flows = await listed.page(hoppers, Order("at"), [], None, 1_000)
    assert len(all_flows) == 40

    def value(flow: Flow, column: str) -> Any:
        match column:
            case "hopper":
                return hoppers.index(flow.hopper)
            case "is_flow":
                return flow.counts
            case "kind" | "state" | "decided_by":
                return getattr(flow, column).value
            case "value_before":
                return D(repr(flow.value_before))
        return getattr(flow, column)

    for column, is_descending in itertools.product(LISTING.columns, (False, True)):
        order, found = Order(column, is_descending), list[Flow]()
        while page := await listed.page(hoppers, order, [], _last(found), 7):
            found += page
        expected = sorted(
            all_flows, key=lambda flow: (value(flow, column), flow.at, flow.id, flow.hopper), reverse=is_descending
        )
        assert found == expected, order
        if column != "hopper":
            for one in {value(flow, column) for flow in all_flows}:
                same = [Condition(column, Is.AMONG, (one,))]
                there = [flow for flow in found if value(flow, column) == one]
                assert await listed.page(hoppers, order, same, None, 1_000) == there
                assert await listed.count(hoppers, same) == len(there)


def _last(found: Sequence[Flow]) -> Row | None:
    return Row(found[-1].hopper, found[-1].id) if found else None


async def test_filters_hold_together(world: World) -> None:
    await own_hoppers(world)
    confirmed = {"asset": "BTC", "quantity": "0.5", "price": 60_000.0, "state": "confirmed"}
    rows: tuple[dict[str, Any], ...] = (
        {**confirmed, "kind": "transfer"},
        {**confirmed, "kind": "income"},
        {**confirmed, "kind": "withdrawal", "quantity": "-0.5"},
        {"decided_by": "user", "decided_at": T + 60 * MINUTE, "state": "rejected"},
        {"value_before": 5.0},
    )
    for number, told in enumerate(rows):
        await came(world, number, **told)
    for wanted, found in (
        ({"assets": ["BTC"]}, [2, 1, 0]),
        ({"isFlow": True}, [2, 0]),
        ({"isFlow": True, "quantity": {"least": "0"}}, [0]),
        ({"amount": {"least": "-30000", "most": "-30000"}}, [2]),
        ({"kinds": ["INCOME", "TRANSFER"]}, [1, 0]),
        ({"states": ["OPEN", "REJECTED"]}, [4, 3]),
        ({"decidedBy": ["USER"]}, [3]),
        ({"decidedSince": (T + 60 * MINUTE).isoformat()}, [3]),
        ({"decidedUntil": (T + MINUTE).isoformat()}, [0]),
        ({"valueBefore": {"most": "5"}}, [4]),
        ({"since": (T + MINUTE).isoformat(), "until": (T + 3 * MINUTE).isoformat()}, [2, 1]),
    ):
        page = await ask(world, filter=wanted, counts=True)
        assert (names(page), page["total"]) == (found, len(found)), wanted
    assert names(await ask(world, sort={"column": "AMOUNT", "descending": False}, first=1)) == [2]
    assert names(await ask(world, sort={"column": "DECIDED_AT"}, first=1)) == [3]


async def test_masked_amounts_are_neither_told_nor_to_be_found_out(world: World) -> None:
    await own_hoppers(world)
    await came(world, 1)
    (shown,), (hidden,) = (await ask(world))["nodes"], (await ask(world, masked=True))["nodes"]
    assert hidden == {**shown, "quantity": None, "amount": None, "valueBefore": None}
    for column in ("quantity", "amount", "valueBefore"):
        answer = await world.ask(FLOWS, filter={column: {"least": "1"}}, masked=True)
        assert code_of(answer) == "INVALID"
        assert column in answer["errors"][0]["message"]


async def test_what_is_somebody_elses_or_no_page_is_refused(world: World) -> None:
    await own_hoppers(world)
    await came(world, 1)
    for told, code in (
        ({"ids": ["2"]}, "NOT_FOUND"),
        ({"ids": ["1", "4"]}, "INVALID"),
        ({"first": 0}, "INVALID"),
        ({"first": 101}, "INVALID"),
        ({"after": "x"}, "INVALID"),
        ({"filter": {"kinds": []}}, "INVALID"),
        ({"filter": {"assets": ["a\0b"]}}, "INVALID"),
    ):
        assert code_of(await world.ask(FLOWS, **told)) == code, told
    end = (await ask(world, first=1))["endCursor"]
    assert code_of(await world.ask(FLOWS, after=end, sort={"column": "AMOUNT"})) == "INVALID"
