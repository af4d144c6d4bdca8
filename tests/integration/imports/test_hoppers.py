"""Hoppers that are created, renamed, deleted or changed at Cryptohopper later are noticed, written down and told."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import grpc
import pytest

from cryptwire import gateway_client
from cryptwire.domain.hopper import Asset, HopperId, UserId
from cryptwire.gateway_client import Identity
from cryptwire.memory.bus import MemoryBus
from cryptwire.memory.clock import HandClock
from cryptwire.messaging import subjects
from cryptwire.metrics import Meters
from cryptwire.storage import database
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.imports import Imports
from cryptwire.storage.trade_comparisons import TradeComparisons
from processor.handlers.hoppers import HopperLooks
from tests.integration.imports.played import PlayedAccount, linked, played, playing
from tests.unit.processor.twins import broken_links


@dataclass
class Queue:
    queued: list[UserId]

    async def put(self, user: UserId) -> None:
        self.queued.append(user)


@dataclass
class Play:
    account: PlayedAccount
    owner: Database
    looks: HopperLooks
    queue: Queue
    bus: MemoryBus
    clock: HandClock
    user: UserId
    told: list[str]

    async def look(self) -> list[tuple[str, str, str, str]]:
        """Everything noticed so far: hopper, kind, was, became."""
        await self.clock.turn(timedelta(hours=1))
        await self.looks.look_at_all(self.clock.now())
        rows = await self.owner.fetch("SELECT hopper_id, kind, was, became FROM hopper_events ORDER BY event_id")
        return [tuple(row) for row in rows]

    async def notices(self) -> list[str]:
        return [row["kind"] for row in await self.owner.fetch("SELECT kind FROM notices ORDER BY notice_id")]


@pytest.fixture
async def play(database_url: str, tmp_path: Path) -> AsyncIterator[Play]:
    async with AsyncExitStack() as stack:
        folder = tmp_path / "certificates"
        account = await stack.enter_async_context(playing(folder, played(hoppers=[linked("1"), linked("2")])))
        owner = await stack.enter_async_context(database.connect(database_url, "test"))
        rows = await stack.enter_async_context(database.connect(url_of("processor", database_url), "test"))
        gateway = await stack.enter_async_context(
            gateway_client.connect(account.address, Identity(folder, "processor"))
        )
        email = f"{secrets.token_hex(6)}@x.test"
        user = UserId(
            await owner.value(
                "INSERT INTO users (email, password_hash, plan) VALUES ($1, '', 'pro') RETURNING user_id::text", email
            )
        )
        clock, bus, queue, told = HandClock(), MemoryBus(), Queue([]), []

        async def hear(message: object) -> None:
            told.append(getattr(message, "subject", ""))

        await bus.subscribe(subjects.ALL_ACCOUNTS, hear)
        looks = HopperLooks(
            gateway, Hoppers(rows), Imports(rows), queue, bus, clock, Meters(), broken_links(bus, clock)[0], at_once=2
        )
        await looks.see(user, await gateway.hoppers(user), clock.now(), asks_import=False)
        yield Play(account, owner, looks, queue, bus, clock, user, told)


async def test_an_account_that_is_seen_for_the_first_time_is_no_news(play: Play) -> None:
    assert await play.look() == []
    assert await play.notices() == []
    assert len(await Hoppers(play.owner).known(play.user)) == 2


async def test_what_is_created_is_told_and_imported(play: Play) -> None:
    play.account.hoppers.append(linked("3", name="New"))
    assert await play.look() == [("3", "created", "", "New")]
    assert await play.notices() == ["hopper-created"]
    assert play.told == [subjects.account(play.user)]
    assert play.queue.queued == [play.user]
    assert await play.owner.value("SELECT only_hoppers FROM imports") == ["3"]
    assert len(await play.look()) == 1  # it is news once


async def test_what_was_renamed_or_trades_with_other_money_is_told(play: Play) -> None:
    play.account.hoppers[0] = linked("1", name="Other", is_paper=True)
    assert await play.look() == [("1", "renamed", "Bot 1", "Other"), ("1", "mode-changed", "live", "paper")]
    known = await Hoppers(play.owner).known_one(play.user, HopperId("1"))
    assert (known.hopper.name, known.hopper.is_paper) == ("Other", True)


async def test_another_base_currency_is_told_with_its_time_and_what_becomes_of_the_chart(play: Play) -> None:
    play.account.hoppers[0] = linked("1", base=Asset("BTC"))
    assert await play.look() == [("1", "base-changed", "USDT", "BTC")]
    at: datetime = await play.owner.value("SELECT at FROM hopper_events")
    assert at == play.clock.now()
    facts = await play.owner.value("SELECT facts->>'note' FROM notices")
    assert "stay in the old currency" in facts
    assert (await Hoppers(play.owner).known_one(play.user, HopperId("1"))).hopper.base == "BTC"


async def test_what_was_deleted_keeps_its_history_and_is_neither_tracked_nor_compared(play: Play) -> None:
    await Assignments(play.owner).confirm("pod")
    await Assignments(play.owner).follow("pod", ["pro"])
    gone = play.account.hoppers.pop(0)
    assert await play.look() == [("1", "deleted", "Bot 1", "")]
    assert await play.notices() == ["hopper-deleted"]
    known = await Hoppers(play.owner).known_one(play.user, HopperId("1"))
    assert known.deleted_at == play.clock.now()
    assert not known.is_linked
    await Assignments(play.owner).follow("pod", ["pro"])
    held = await Assignments(play.owner).of_pod("pod")
    assert held is not None
    assert [assignment.hopper.id for assignment in held] == ["2"]
    waiting = await TradeComparisons(play.owner).waiting(play.clock.now())
    assert [hopper.id for hopper, _ in waiting] == ["2"]
    play.account.hoppers.insert(0, gone)
    assert (await play.look())[-1] == ("1", "restored", "", "Bot 1")
    assert (await Hoppers(play.owner).known_one(play.user, HopperId("1"))).is_linked


async def test_a_list_that_lacks_one_is_read_again_before_anything_is_deleted(play: Play) -> None:
    whole = list(play.account.hoppers)
    asked = play.account.asked["ListHoppers"]

    class Once(list):  # type: ignore[type-arg]
        """Lacks the first when it is read for the first time."""

        def __iter__(self) -> object:  # type: ignore[override]
            left = whole if play.account.asked["ListHoppers"] > asked + 1 else whole[1:]
            return iter(left)

    play.account.hoppers = Once()
    assert await play.look() == []


async def test_who_unlinks_while_a_list_is_on_its_way_stays_unlinked(play: Play) -> None:
    at = play.clock.now()
    await Hoppers(play.owner).unlink(play.user)
    seen = [replace(one, hopper=replace(one.hopper, user=play.user)) for one in play.account.hoppers]
    await play.looks.see(play.user, seen, at)
    assert await Hoppers(play.owner).linked(play.user) == []
    assert await Hoppers(play.owner).linked_users() == []


async def test_another_users_hopper_is_left_alone(play: Play) -> None:
    other = UserId(
        await play.owner.value(
            "INSERT INTO users (email, password_hash) VALUES ('o@x.test', '') RETURNING user_id::text"
        )
    )
    seen = [replace(one, hopper=replace(one.hopper, user=other, name="mine")) for one in play.account.hoppers]
    assert await play.looks.see(other, seen, play.clock.now()) == []
    assert {known.hopper.name for known in await Hoppers(play.owner).known(play.user)} == {"Bot 1", "Bot 2"}
    assert await Hoppers(play.owner).known(other) == []


async def test_one_account_that_cannot_be_read_holds_up_no_other(play: Play) -> None:
    play.account.trouble["ListHoppers"] = [(grpc.StatusCode.FAILED_PRECONDITION, (("reason", "link-again"),))]
    await play.clock.turn(timedelta(hours=1))
    assert await play.looks.look_at_all(play.clock.now()) == "1 to be linked again"
    assert await play.looks.look_at_all(play.clock.now()) == "1 as before"
