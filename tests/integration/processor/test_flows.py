"""The tracker's candidates become flows over real tables, and the user hears of each once."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from cryptwire.domain.flow import DecidedBy, Flow, FlowKind, FlowState
from cryptwire.domain.hopper import Hopper, HopperId
from cryptwire.domain.trade import Side
from cryptwire.errors import LinkAgain
from cryptwire.messaging import subjects
from cryptwire.storage import database
from cryptwire.storage.database import url_of
from cryptwire.storage.hoppers import Hoppers
from processor.handlers.flows import FlowDecisions
from tests.integration.processor.days import USDT, World, at, price_at, trade

D = Decimal
MINUTE = timedelta(minutes=1)
T = at(2026, 3, 10, 12, 3)
ONE, TWO = HopperId("1"), HopperId("2")


@dataclass
class TwinBus:
    told: list[str] = field(default_factory=list)

    async def publish(self, subject: str, payload: bytes) -> None:
        self.told.append(subject)


@dataclass
class Play:
    world: World
    bus: TwinBus
    hopper: Hopper

    async def candidate(self, quantity: str, asset: str = "USDT", moment: datetime = T, hopper: str = "1") -> None:
        price = 1.0 if asset == "USDT" else float(price_at(moment))
        await self.world.owner.execute(
            "INSERT INTO flow_candidates VALUES ($1, $2, $3, $4, $5, 10000, 1)",
            hopper,
            moment,
            asset,
            D(quantity),
            price,
        )

    async def decide(self, moment: datetime, read_at: datetime | None = None) -> str:
        """At ``moment``, when balances were read last at ``read_at``."""
        world = self.world
        world.clock.set(moment)
        if read_at is not None:
            for hopper in (ONE, TWO):
                world.lives(hopper, moment, "0.1", "1000")
                world.live.states[hopper] = replace(world.live.states[hopper], assets_at=read_at)
        hoppers, account = Hoppers(world.rows), world.account
        decisions = FlowDecisions(
            world.flows, hoppers, world.trades, account, world.live, self.bus, world.clock, world.meters
        )
        return await decisions.decide(moment)

    async def flows(self, hopper: HopperId = ONE) -> list[Flow]:
        return await self.world.flows.within(hopper, at(2026, 1, 1), at(2027, 1, 1))

    async def notices(self) -> list[dict[str, str]]:
        return [json.loads(row["facts"]) for row in await self.world.owner.fetch("SELECT facts FROM notices")]


@pytest.fixture
async def play(database_url: str) -> AsyncIterator[Play]:
    async with (
        database.connect(url_of("processor", database_url), "test", 4) as rows,
        database.connect(database_url, "owner", 2) as owner,
    ):
        world = World(rows, owner)
        user = await world.user("UTC")
        one = await world.hopper("1", user)
        await world.hopper("2", user)
        yield Play(world, TwinBus(), one)


async def test_a_deposit_is_open_after_one_poll_and_confirmed_by_the_next_and_told_once(play: Play) -> None:
    await play.candidate("500.50")
    assert await play.decide(T + 2 * MINUTE, read_at=T) == "1 found"
    (flow,) = await play.flows()
    assert (flow.state, flow.kind) == (FlowState.OPEN, FlowKind.DEPOSIT)
    assert await play.notices() == []
    assert await play.decide(T + 3 * MINUTE, read_at=T + MINUTE) == "1 confirmed as deposit"
    (flow,) = await play.flows()
    assert (flow.state, flow.counts, flow.version, flow.decided_by) == (FlowState.CONFIRMED, True, 2, DecidedBy.POLLS)
    (facts,) = await play.notices()
    assert (facts["quantity"], facts["asset"], facts["amount"], facts["currency"]) == ("500.5", "USDT", "500.5", "USDT")
    assert play.bus.told == [subjects.notice(play.hopper.user), subjects.account(play.hopper.user)]
    assert await play.decide(T + 4 * MINUTE, read_at=T + 3 * MINUTE) == "no flows"
    assert len(await play.notices()) == 1
    assert await play.world.flows.history_version(ONE) == 2
    assert await play.world.flows.counting(ONE, T, T + MINUTE) == [flow]


async def test_what_the_user_said_before_the_second_poll_stays(play: Play) -> None:
    await play.candidate("500")
    await play.decide(T + MINUTE, read_at=T)
    (flow,) = await play.flows()
    said = replace(flow, version=2, kind=FlowKind.INCOME, state=FlowState.CONFIRMED, decided_by=DecidedBy.USER)
    await play.world.flows.decide([said])
    assert await play.decide(T + 9 * MINUTE, read_at=T + 8 * MINUTE) == "no flows"
    assert await play.flows() == [said]
    assert await play.notices() == []
    assert await play.world.flows.counting(ONE, T, T + MINUTE) == []
    assert await play.world.flows.moved(ONE, T, T + MINUTE) == [said]


async def test_a_trade_that_was_stored_late_explains_it_without_a_word(play: Play) -> None:
    bought = trade("1", 1, Side.BUY, "0.01", T - MINUTE, "1")
    for asset, amount in bought.changes().items():
        await play.candidate(str(amount), asset)
    await play.decide(T + MINUTE, read_at=T)
    await play.world.trades.add([bought])
    assert await play.decide(T + 3 * MINUTE, read_at=T + 2 * MINUTE) == (
        "1 explained as deposit, 1 explained as withdrawal"
    )
    assert await play.notices() == []
    assert await play.world.flows.history_version(ONE) == 1, "nothing that counts has changed"


async def test_a_transfer_is_nothing_for_both_hoppers_together(play: Play) -> None:
    await play.candidate("-500", hopper="2", moment=T - 5 * MINUTE)
    assert "1 confirmed as withdrawal" in await play.decide(T, read_at=T - MINUTE)
    await play.candidate("500")
    assert "2 confirmed as transfer" in await play.decide(T + 5 * MINUTE, read_at=T + 4 * MINUTE)
    (here,), (there,) = await play.flows(ONE), await play.flows(TWO)
    assert (here.kind, there.kind) == (FlowKind.TRANSFER, FlowKind.TRANSFER)
    assert (here.counterpart, there.counterpart) == (there.id, here.id)
    assert here.amount + there.amount == 0
    assert [one.state for one in await play.world.flows.versions(there.id)] == [
        FlowState.OPEN,
        FlowState.CONFIRMED,
        FlowState.CONFIRMED,
    ]


async def test_a_transfer_whose_sides_are_found_together_is_confirmed_on_both(play: Play) -> None:
    await play.candidate("-500", hopper="2")
    await play.candidate("500")
    await play.decide(T + 5 * MINUTE, read_at=T + 4 * MINUTE)
    await play.decide(T + 6 * MINUTE, read_at=T + 5 * MINUTE)
    flows = [*await play.flows(ONE), *await play.flows(TWO)]
    assert [(flow.kind, flow.state) for flow in flows] == [(FlowKind.TRANSFER, FlowState.CONFIRMED)] * 2
    assert len(await play.notices()) == 2


async def test_a_hopper_that_nobody_tracks_any_more_is_asked_itself(play: Play) -> None:
    await play.candidate("500")
    play.world.account.held[ONE] = {USDT: D(1500)}
    play.world.account.trouble = LinkAgain("link again")
    assert await play.decide(T + 5 * MINUTE) == "1 found"
    play.world.account.trouble = None
    assert await play.decide(T + 6 * MINUTE) == "1 confirmed as deposit"


async def test_a_crumb_is_booked_to_the_differences(play: Play) -> None:
    await play.candidate("9.99")
    assert "1 confirmed as difference" in await play.decide(T + 5 * MINUTE, read_at=T + 4 * MINUTE)
    (flow,) = await play.flows()
    assert not flow.counts
    assert await play.notices() == []
