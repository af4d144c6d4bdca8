"""What an import stores is as read last, with every change of a configuration; progress reaches who subscribed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cryptwire.domain.account import Order, Position, Reserved, Short
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.imports import ImportStage
from cryptwire.errors import Refused
from cryptwire.storage import database
from cryptwire.storage.database import url_of
from cryptwire.storage.hopper_configs import HopperConfigs
from cryptwire.storage.imports import Imports
from cryptwire.storage.positions import Positions
from cryptwire.storage.trade_comparisons import TradeComparisons
from tests.integration.imports.played import BEGAN, fill
from tests.integration.imports.test_hoppers import Play, play
from tests.integration.imports.test_links import Door, door

__all__ = ["door", "play"]
ONE = HopperId("1")
AT = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BTC, USDT = Asset("BTC"), Asset("USDT")


async def test_each_change_of_a_configuration_is_a_row(database_url: str, play: Play) -> None:
    async with database.connect(url_of("processor", database_url), "test") as rows:
        configs = HopperConfigs(rows)
        assert await configs.keep(ONE, {"strategy": "macd", "stop_loss": "1"}, AT) == 0
        assert await configs.keep(ONE, {"strategy": "rsi", "trailing_buy": "1"}, AT + MINUTE) == 3
        assert await configs.keep(ONE, {"strategy": "old"}, AT) == 0  # read before, come later
        assert await configs.keep(ONE, {"strategy": "rsi", "trailing_buy": "1"}, AT + 2 * MINUTE) == 0
        found = await rows.fetch("SELECT field, was, became, at FROM hopper_config_changes ORDER BY change_id")
        read_at = await rows.value("SELECT read_at FROM hopper_configs")
    assert [tuple(row) for row in found] == [
        ("stop_loss", "1", None, AT + MINUTE),
        ("strategy", "macd", "rsi", AT + MINUTE),
        ("trailing_buy", None, "1", AT + MINUTE),
    ]
    assert read_at == AT + 2 * MINUTE


async def test_positions_and_orders_are_those_of_the_newest_reading(database_url: str, play: Play) -> None:
    amounts = Decimal(1), Decimal(2), Decimal(2)
    one = Position("7", BTC, USDT, *amounts, AT, "macd", True, Decimal(3), None, Decimal("0.5"), None)
    kept = Reserved("8", BTC, USDT, *amounts, None)
    short = Short("7", BTC, USDT, *amounts, None, True)
    order = Order("9", BTC, USDT, fill("1", 0).side, True, Decimal(1), None, "", None)
    async with database.connect(url_of("processor", database_url), "test") as rows:
        positions = Positions(rows)
        await positions.keep(ONE, [one], [kept], [short], [order], AT)
        await positions.keep(ONE, [], [], [], [], AT - MINUTE)
        found = await rows.fetch("SELECT kind, position_id, take_profit, trailing_arm, is_held FROM positions")
        assert [tuple(row) for row in found] == [
            ("open", "7", Decimal(3), Decimal("0.5"), True),
            ("reserved", "8", None, None, False),
            ("short", "7", None, None, True),
        ]
        assert await rows.value("SELECT rate IS NULL AND is_market FROM open_orders")
        await positions.keep(ONE, [], [kept], [], [], AT + MINUTE)
        assert await rows.value("SELECT string_agg(kind, ' ') FROM positions") == "reserved"
        assert await rows.value("SELECT count(*) FROM open_orders") == 0
        assert await rows.value("SELECT count(*) FROM hopper_reads WHERE read_at = $1", AT + MINUTE) == 4


async def test_who_lost_an_import_writes_nothing(play: Play) -> None:
    imports = Imports(play.owner, timedelta(seconds=60))
    await imports.ask(play.user)
    first = await imports.claim(play.user, "first")
    assert first is not None
    assert await imports.claim(play.user, "second") is None
    await imports.enlist(first, [ONE])
    await play.owner.execute("UPDATE imports SET alive_at = now() - interval '61 s'")
    second = await imports.claim(play.user, "second")
    assert second is not None
    assert second.tries == 2
    page = [fill("1", number) for number in range(3)]
    with pytest.raises(Refused):
        await imports.store(first, ONE, page, 3, (BEGAN, "1002"))
    with pytest.raises(Refused):
        await imports.step_done(first, ONE, ImportStage.POSITIONS)
    with pytest.raises(Refused):
        await imports.note(first, ImportStage.TRADES, None, 1, None, None)
    assert not await imports.alive(first)
    assert await play.owner.value("SELECT count(*) FROM trades") == 0
    assert len(await imports.store(second, ONE, page, 3, (BEGAN, "1002"))) == 3
    (steps,) = await imports.steps(second)
    assert (steps.trades, steps.cursor) == (3, (BEGAN, "1002"))


async def test_an_unlinked_import_is_nobodys_any_more(play: Play) -> None:
    imports = Imports(play.owner)
    await imports.ask(play.user)
    claim = await imports.claim(play.user, "worker")
    assert claim is not None
    assert await imports.ask(play.user) is False
    assert await imports.stop(play.user, "unlinked")
    with pytest.raises(Refused):
        await imports.enlist(claim, [ONE])
    assert await imports.free() == []
    assert await imports.ask(play.user) is True


async def test_the_comparison_leaves_to_an_import_what_that_reads_and_goes_on_from_its_end(play: Play) -> None:
    comparisons, imports = TradeComparisons(play.owner), Imports(play.owner)
    assert len(await comparisons.waiting(AT)) == 2
    await imports.ask(play.user)
    assert await comparisons.waiting(AT) == []
    claim = await imports.claim(play.user, "worker")
    assert claim is not None
    await imports.enlist(claim, [ONE, HopperId("2")])
    await imports.begin_trades(claim, ONE, AT)
    await imports.begin_trades(claim, ONE, AT + MINUTE)  # taken up again: what came between is not complete
    assert await comparisons.waiting(AT) == []
    assert await imports.traded(claim, ONE) == 0
    await imports.trouble(claim, HopperId("2"), "could not be read")
    assert [hopper.id for hopper, _ in await comparisons.waiting(AT)] == ["2"]
    assert [(hopper.id, until) for hopper, until in await comparisons.waiting(AT + MINUTE)] == [("1", AT), ("2", None)]


async def test_progress_reaches_whoever_subscribed(door: Door) -> None:
    me = await door.person()
    await Imports(door.scene.owner).ask(me.user)
    url = f"{me.base}/graphql"
    async with me.http.ws_connect(url, protocols=["graphql-transport-ws"], headers={"Origin": me.base}) as socket:
        await socket.send_json({"type": "connection_init"})
        assert (await socket.receive_json())["type"] == "connection_ack"
        query = "subscription { importProgress { state stage done problems { message } } }"
        await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": query}})
        first = await socket.receive_json()
        assert first["payload"]["data"]["importProgress"] == {
            "state": "WAITING", "stage": None, "done": 0, "problems": [],
        }  # fmt: skip
        door.scene.replicas.start()  # nobody is linked, so it soon fails, in words
        seen: list[dict[str, Any]] = []
        while not seen or seen[-1]["state"] != "FAILED":
            seen.append((await socket.receive_json(timeout=30))["payload"]["data"]["importProgress"])
    assert "link the account again" in seen[-1]["problems"][0]["message"]
