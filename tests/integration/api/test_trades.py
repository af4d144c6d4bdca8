"""The list of trades over HTTP: pages, order, filters, what is masked, and what is refused."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.trades import Trades
from tests.integration.api.conftest import World, code_of

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
TRADES = """query($ids: [ID!], $kind: HopperKind, $first: Int! = 100, $after: String, $filter: TradeFilter,
                  $sort: TradeSort, $masked: Boolean, $counts: Boolean! = false) {
  trades(hopperIds: $ids, kind: $kind, first: $first, after: $after, filter: $filter, sort: $sort, masked: $masked) {
    total @include(if: $counts) hasMore endCursor
    nodes { hopperId id at exchange coin quote side quantity rate total fee feeCurrency trigger strategy result net }
  } }"""


def trade(number: int, hopper: str = "1", side: Side = Side.BUY, coin: str = "ETH") -> Trade:
    return Trade(
        HopperId(hopper),
        TradeId(f"t{number}"),
        Pair(Exchange("binance"), Asset(coin), Asset("USDT")),
        side,
        Decimal("0.50"),
        Decimal(number),
        Decimal(number) / 2,
        Decimal("0.001"),
        Asset("BNB"),
        T + timedelta(minutes=number),
        trigger="stop-loss" if side is Side.SELL else None,
        result=Decimal("1.5") if side is Side.SELL else None,
    )


async def has_traded(world: World) -> None:
    """Hoppers 1 and 3 of who asks, 4 with play money, and 2, somebody else's."""
    user = UserId(await world.owner.value("SELECT user_id::text FROM hoppers WHERE hopper_id = '1'"))
    for name, is_paper in (("3", False), ("4", True)):
        kept = (Exchange("binance"), Asset("USDT"), is_paper, timedelta(seconds=60))
        await Hoppers(world.owner).put(Hopper(HopperId(name), user, f"Bot {name}", *kept))
    for hopper in ("1", "2", "3", "4"):
        await Trades(world.owner).add([trade(n, hopper, Side(1 + n % 2)) for n in range(5)])
    await Trades(world.owner).add([trade(9, "3", coin="BTC")])
    await world.sign_in()


async def ask(world: World, **variables: Any) -> dict[str, Any]:
    answer = await world.ask(TRADES, **variables)
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]["trades"]
    return found


def names(page: dict[str, Any]) -> list[str]:
    return [f"{one['hopperId']}/{one['id']}" for one in page["nodes"]]


async def test_a_trade_is_told_with_all_its_columns(world: World) -> None:
    await has_traded(world)
    page = await ask(world, ids=["1"], first=1, filter={"sides": ["SELL"]}, counts=True)
    assert page["total"] == 2
    assert page["hasMore"]
    assert page["nodes"] == [
        {
            "hopperId": "1",
            "id": "t3",
            "at": "2026-03-01T12:03:00Z",
            "exchange": "binance",
            "coin": "ETH",
            "quote": "USDT",
            "side": "SELL",
            "quantity": "0.50",
            "rate": "3",
            "total": "1.5",
            "fee": "0.001",
            "feeCurrency": "BNB",
            "trigger": "stop-loss",
            "strategy": None,
            "result": "1.5",
            "net": None,
        }
    ]


async def test_pages_go_on_behind_each_other_over_hoppers(world: World) -> None:
    await has_traded(world)
    found: list[str] = []
    page: dict[str, Any] = {"endCursor": None, "hasMore": True}
    while page["hasMore"]:
        page = await ask(world, first=3, after=page["endCursor"], sort={"column": "COIN", "descending": False})
        found += names(page)
    others = [f"{hopper}/t{number}" for number in range(5) for hopper in ("1", "3")]
    assert found == ["3/t9", *others]
    assert "total" not in page
    empty = await ask(world, filter={"coins": ["XRP"]}, counts=True)
    assert empty == {"nodes": [], "hasMore": False, "endCursor": None, "total": 0}


async def test_filters_hold_together_and_live_is_apart_from_paper(world: World) -> None:
    await has_traded(world)
    found = await ask(
        world,
        filter={
            "since": (T + timedelta(minutes=1)).isoformat(),
            "until": (T + timedelta(minutes=4)).isoformat(),
            "triggers": [None],
            "quantity": {"least": "0.5", "most": "0.5"},
            "rate": {"most": "2"},
        },
        sort={"column": "HOPPER"},
        masked=False,
        counts=True,
    )
    assert (names(found), found["total"]) == (["3/t2", "1/t2"], 2)
    assert {one.partition("/")[0] for one in names(await ask(world))} == {"1", "3"}
    assert {one.partition("/")[0] for one in names(await ask(world, kind="PAPER"))} == {"4"}


async def test_masked_amounts_are_neither_told_nor_to_be_found_out(world: World) -> None:
    await has_traded(world)
    shown = await ask(world, ids=["1"], sort={"column": "TOTAL"}, first=2)
    masked = await ask(world, ids=["1"], sort={"column": "TOTAL"}, first=2, masked=True)
    assert masked["endCursor"] == shown["endCursor"]
    for one, other in zip(shown["nodes"], masked["nodes"], strict=True):
        assert other == {**one, "quantity": None, "total": None, "fee": None, "net": None}
    for column in ("quantity", "total", "fee", "net"):
        answer = await world.ask(TRADES, filter={column: {"least": "1"}}, masked=True)
        assert code_of(answer) == "INVALID"
        assert column in answer["errors"][0]["message"]
    assert names(await ask(world, filter={"rate": {"least": "4"}}, masked=True)) == ["3/t9", "3/t4", "1/t4"]


async def test_what_is_somebody_elses_or_no_page_is_refused(world: World) -> None:
    await has_traded(world)
    for told, code in (
        ({"ids": ["2"]}, "NOT_FOUND"),
        ({"ids": ["1", "99"]}, "NOT_FOUND"),
        ({"ids": ["1", "4"]}, "INVALID"),
        ({"first": 0}, "INVALID"),
        ({"first": 101}, "INVALID"),
        ({"after": "x"}, "INVALID"),
        ({"filter": {"coins": []}}, "INVALID"),
        ({"filter": {"sides": []}}, "INVALID"),
        ({"filter": {"strategies": ["a\0b"]}}, "INVALID"),
    ):
        assert code_of(await world.ask(TRADES, **told)) == code, told
    end = (await ask(world, first=1))["endCursor"]
    assert code_of(await world.ask(TRADES, after=end, sort={"column": "FEE"})) == "INVALID"
    assert code_of(await world.ask(TRADES, after=end, ids=["1"])) == "INVALID", "3 is not asked about"
