"""Rounds: what goes with a decision is written with it or not at all, by who holds the hopper, once (R10, R16)."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cryptwire.codec.rule_set import body_from_json
from cryptwire.domain.action import Fence, Outcome
from cryptwire.domain.audit import Entry
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.intent import Intent, IntentState, Wish
from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.domain.rule_set import Mode, RuleSet
from cryptwire.errors import Fenced, Invalid, NotFound
from cryptwire.storage import database
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.calls import KeptCalls
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.intents import Intents, intent_id
from cryptwire.storage.rule_sets import RuleSets, WatchedRuleSets
from cryptwire.storage.rule_states import Decision, KeptState, RuleStates

HOPPER = HopperId("501")
AT = datetime(2026, 1, 1, tzinfo=UTC)
BODY = {"name": "x", "when": [{"rule": "stop-loss", "loss": 0.1}], "then": [{"action": "panic-sell"}]}


@dataclass
class Desk:
    owner: Database
    rows: Database  # with the controller's rights
    user: UserId
    fence: int

    async def armed(self, hopper: HopperId = HOPPER) -> RuleSet:
        sets = RuleSets(self.owner)
        return await sets.set_mode(await sets.add(self.user, hopper, body_from_json(BODY), lambda _: None), Mode.ARMED)

    def decision(
        self, one: RuleSet, revision: int = 1, *, fires: bool = False, epoch: int = 1, **more: Any
    ) -> Decision:
        values: dict[str, Any] = {
            "rule_set": one.id,
            "hopper": one.hopper,
            "version": one.version,
            "mode_number": one.mode_number,
            "epoch": epoch,
            "state": {"n": revision},
            "fence": self.fence,
            "revision": revision,
            "snapshot_at": AT,
        }
        entry = Entry(one.hopper, AT, "fired", {"n": revision}, one.id, one.version)
        notice = Notice(one.user, NoticeClass.ACTION, "rule-fired", f"{one.id}/{revision}", AT, {}, one.hopper)
        wish = None
        if fires:
            wish = Wish(
                one.id, one.version, one.mode_number, epoch, one.hopper, one.user, False, "s/1", b"\x00\xff", AT,
                one.body.then,
            )  # fmt: skip
        return Decision(KeptState(**{**values, **more}), (entry,), (notice,), wish)

    async def counts(self) -> tuple[int, int, int, int]:
        """States, intents, entries, notices."""
        tables = ("rule_states", "intents", "audit", "notices")
        return tuple([await self.owner.value(f"SELECT count(*) FROM {table}") for table in tables])


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with (
        database.connect(database_url, "test") as owner,
        database.connect(url_of("controller", database_url), "test", 12) as rows,
    ):
        user = UserId(
            await owner.value(
                "INSERT INTO users (email, password_hash, plan) VALUES ('a@x.test', '', 'pro') RETURNING user_id::text"
            )
        )
        for name in (HOPPER, HopperId("502")):
            await Hoppers(owner).put(
                Hopper(name, user, "Main", Exchange("binance"), Asset("USDT"), False, timedelta(minutes=1))
            )
        await Assignments(owner).confirm("pod")
        await Assignments(owner).assign([HOPPER, HopperId("502")], "pod")
        fence = await owner.value("SELECT fence FROM assignments WHERE hopper_id = $1", HOPPER)
        await owner.execute("UPDATE assignments SET fence = $1", fence)
        yield Desk(owner, rows, user, fence)


async def test_R16_a_decision_is_written_whole_and_read_as_it_was(desk: Desk) -> None:
    one = await desk.armed()
    states = RuleStates(desk.rows)
    committed = await states.commit([desk.decision(one, fires=True)], {"p": 1})
    assert committed.states == {one.id}
    ((entry, sealed),) = committed.entries
    assert (entry.kind, sealed.number) == ("fired", 1)
    assert (await states.of([one.id]))[one.id] == desk.decision(one).state
    (intent,) = committed.intents
    assert intent.id == intent_id(intent.wish)
    assert await Intents(desk.rows).one(intent.id) == intent
    assert await Intents(desk.rows).open_of([HOPPER]) == [intent]
    assert await desk.counts() == (1, 1, 1, 1)


async def test_R16_what_fails_anywhere_in_a_round_leaves_nothing_of_it(desk: Desk) -> None:
    one, other = await desk.armed(), await desk.armed()
    bad = desk.decision(other, fires=True)
    assert bad.wish is not None
    broken = replace(bad, wish=replace(bad.wish, user=UserId("no uuid")))
    with pytest.raises(Invalid):
        await RuleStates(desk.rows).commit([desk.decision(one, fires=True), broken], {})
    assert await desk.counts() == (0, 0, 0, 0)


async def test_R10_of_many_who_decide_the_same_at_once_one_does(desk: Desk) -> None:
    one = await desk.armed()
    states = RuleStates(desk.rows)
    committed = await asyncio.gather(*(states.commit([desk.decision(one, fires=True)], {}) for _ in range(10)))
    assert sum(len(each.intents) for each in committed) == 1
    assert sum(len(each.states) for each in committed) == 1
    assert await desk.counts() == (1, 1, 1, 1)


async def test_R16_a_state_is_written_only_over_the_one_it_was_made_from(desk: Desk) -> None:
    one = await desk.armed()
    states = RuleStates(desk.rows)
    assert (await states.commit([desk.decision(one, 1)], {})).states == {one.id}
    for revision in (1, 3):
        assert (await states.commit([desk.decision(one, revision, fires=True)], {})).states == frozenset()
    assert (await states.commit([desk.decision(one, 2)], {})).states == {one.id}
    assert await desk.counts() == (1, 0, 2, 2)


async def test_R12_who_has_another_fence_writes_nothing(desk: Desk) -> None:
    one = await desk.armed()
    states = RuleStates(desk.rows)
    assert (await states.commit([desk.decision(one, fence=desk.fence - 1)], {})).states == frozenset()
    assert (await states.commit([desk.decision(one, fence=desk.fence + 1)], {})).states == frozenset()
    await desk.owner.execute("DELETE FROM rule_sets WHERE rule_set_id = $1::text::uuid", one.id)
    assert (await states.commit([desk.decision(one)], {})).states == frozenset()
    assert await desk.counts() == (0, 0, 0, 0)


async def test_R10_the_same_epoch_makes_no_second_intent_and_the_next_one_does(desk: Desk) -> None:
    one = await desk.armed()
    states = RuleStates(desk.rows)
    assert len((await states.commit([desk.decision(one, 1, fires=True)], {})).intents) == 1
    assert len((await states.commit([desk.decision(one, 2, fires=True)], {})).intents) == 0
    assert len((await states.commit([desk.decision(one, 3, fires=True, epoch=2)], {})).intents) == 1


async def fired(desk: Desk) -> tuple[RuleSet, Intent]:
    one = await desk.armed()
    committed = await RuleStates(desk.rows).commit([desk.decision(one, fires=True)], {"p": 0})
    return one, committed.intents[0]


async def test_R11_progress_moves_by_one_turn_and_only_for_who_saw_the_last(desk: Desk) -> None:
    one, intent = await fired(desk)
    intents, right = Intents(desk.rows), Fence(desk.fence)
    entry = Entry(HOPPER, AT, "asks", {}, one.id, 1, intent.id)
    moves = await asyncio.gather(
        *(intents.move(intent, {"p": n}, IntentState.WAITING, right, [entry], []) for n in range(10))
    )
    assert sum(move is not None for move in moves) == 1
    moved = await intents.one(intent.id)
    assert (moved.turn, moved.state) == (1, IntentState.WAITING)
    assert len(await desk.owner.fetch("SELECT FROM audit WHERE kind = 'asks'")) == 1
    with pytest.raises(Fenced):
        await intents.move(moved, {}, IntentState.DONE, Fence(desk.fence + 1), [entry], [])
    await desk.owner.execute("UPDATE pods SET confirmed_at = now() - interval '21 seconds'")
    with pytest.raises(Fenced):
        await intents.move(moved, {}, IntentState.DONE, right, [entry], [])
    assert (await intents.one(intent.id)).turn == 1


async def test_R9_the_standing_of_an_intent_is_the_databases(desk: Desk) -> None:
    one, intent = await fired(desk)
    intents = Intents(desk.rows)
    standing = await intents.standing(intent.id)
    assert (standing.fence, standing.is_confirmed, standing.version, standing.mode_number) == (
        desk.fence,
        True,
        1,
        one.mode_number,
    )
    assert (standing.plan, standing.is_leaving, standing.is_paper, standing.is_gone) == ("pro", False, False, False)
    assert standing.switched_off == ""
    await desk.owner.execute(
        "INSERT INTO kill_switches VALUES ('hopper', '502', true, 'x', 'y'), ('rule', $1, true, 'why', 'y')", one.id
    )
    assert (await intents.standing(intent.id)).switched_off == "rule: why"
    await desk.owner.execute("DELETE FROM rule_sets")
    await desk.owner.execute("UPDATE hoppers SET unlinked_at = now()")
    standing = await intents.standing(intent.id)
    assert standing.version is None
    assert standing.is_gone
    with pytest.raises(NotFound):
        await intents.standing(intent_id(replace(intent.wish, epoch=99)))


async def test_R11_what_became_of_a_request_is_looked_up_in_the_gateways_table(desk: Desk) -> None:
    _, intent = await fired(desk)
    calls, lasts = KeptCalls(desk.rows), timedelta(seconds=30)
    assert await calls.outcome(intent.id, 1, lasts) == (False, None)
    insert = """
        INSERT INTO calls (is_admitted, intent_id, number, service, user_id, hopper_id, call, parameters, outcome,
                           begun_at)
        VALUES ($1, $2::text::uuid, $3, 'controller', $4::text::uuid, '501', 'x', '{}', $5, now() - $6::interval)
    """
    second = timedelta(seconds=1)
    await desk.owner.execute(insert, False, intent.id, 1, desk.user, "not-sent", second)
    assert await calls.outcome(intent.id, 1, lasts) == (False, None)
    await desk.owner.execute(insert, True, intent.id, 1, desk.user, None, second)
    assert await calls.outcome(intent.id, 1, lasts) == (True, None)
    await desk.owner.execute(insert, True, intent.id, 2, desk.user, None, 31 * second)
    assert await calls.outcome(intent.id, 2, lasts) == (True, Outcome.UNKNOWN)
    await desk.owner.execute(insert, True, intent.id, 3, desk.user, "done", second)
    assert await calls.outcome(intent.id, 3, lasts) == (True, Outcome.DONE)


async def test_what_is_watched_has_a_mark_that_changes_with_it(desk: Desk) -> None:
    watched = WatchedRuleSets(desk.rows)
    marks = [await watched.mark("pod")]
    one = await desk.armed()
    marks.append(await watched.mark("pod"))
    (found,), broken = await watched.of_pod("pod")
    assert (found.rule_set, found.fence, broken) == (one, desk.fence, [])
    two = await RuleSets(desk.owner).edit(one, body_from_json(BODY | {"name": "y"}), lambda _: None)
    marks.append(await watched.mark("pod"))
    assert (await watched.of_pod("pod"))[0][0].rule_set == two
    await desk.owner.execute("UPDATE users SET zone = 'Asia/Tokyo'")
    marks.append(await watched.mark("pod"))
    await Assignments(desk.owner).confirm("other")
    await Assignments(desk.owner).assign([HOPPER], "other")
    marks.append(await watched.mark("pod"))
    assert await watched.of_pod("pod") == ([], [])
    assert len(set(marks[:4])) == 4
    assert marks[4] == marks[0]


async def test_a_rule_set_that_cannot_be_read_keeps_no_other_from_being_watched(desk: Desk) -> None:
    one, other = await desk.armed(), await desk.armed()
    await desk.owner.execute(
        "UPDATE rule_set_versions SET body = $2::text::jsonb WHERE rule_set_id = $1::text::uuid",
        other.id,
        json.dumps({"name": "x", "when": 5}),
    )
    found, broken = await WatchedRuleSets(desk.rows).of_pod("pod")
    assert [each.rule_set.id for each in found] == [one.id]
    assert len(broken) == 1
    assert other.id in str(broken[0])


async def test_R25_what_people_did_is_taken_into_the_audit_once_with_who_apart(desk: Desk) -> None:
    one = await desk.armed()
    watched = WatchedRuleSets(desk.rows)
    await watched.note(one, "resumed", "admin:eva", "because of " + str(uuid.uuid4()))
    counts = await asyncio.gather(*(watched.audit_changes("pod", 100) for _ in range(5)))
    assert sum(counts) == 3
    rows = await desk.owner.fetch("SELECT kind, body, number FROM audit ORDER BY number")
    bodies = [json.loads(row["body"]) for row in rows]
    assert [body["what"] for body in bodies] == ["created", "mode", "resumed"]
    assert [body["by"] for body in bodies] == ["user", "user", "admin:eva"]
    assert "because" not in str(bodies)
    people = await desk.owner.fetch("SELECT number, user_id::text FROM audit_people ORDER BY number")
    assert [(row["number"], row["user_id"]) for row in people] == [(1, desk.user), (2, desk.user)]
