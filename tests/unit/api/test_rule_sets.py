"""What arming takes, when a version is proven, and how controllers are asked and heard; no server."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.handlers.controls import Acts, Controls
from api.handlers.rule_history import place_of
from api.handlers.rule_sets import below, intent_id, readable, rule_set_id, up_to
from api.logic import rules
from cryptwire.codec.control import (
    ActionTold,
    action_to_wire,
    control_reply_to_wire,
    control_request_from_wire,
)
from cryptwire.codec.rule_set import body_from_json
from cryptwire.domain.action import IntentId, RuleSetId
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.rule_set import Mode, RuleSet
from cryptwire.errors import Corrupt, Forbidden, Invalid, NotFound, Unavailable
from cryptwire.memory.bus import MemoryBus
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from tests.unit.api.playing import ME, YOU, hopper

T = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(hours=24)
ID = RuleSetId("00000000-0000-4000-8000-00000000000a")
NOTIFY: dict[str, object] = {"action": "notify", "text": "x"}
SELL: dict[str, object] = {"action": "sell", "which": "losing"}


def body(*then: dict[str, object]) -> dict[str, Any]:
    return {"name": "x", "when": [{"rule": "stop-loss", "loss": 0.1}], "then": [*then] or [NOTIFY]}


def rule_set(shadow_since: datetime | None, replayed_at: datetime | None = None) -> RuleSet:
    parsed = body_from_json(body())
    return RuleSet(ID, ME, HopperId("1"), 1, parsed, Mode.SHADOW, 1, T, shadow_since, replayed_at)


@pytest.mark.parametrize(
    ("shadow_since", "replayed_at", "is_proven"),
    [
        (None, None, False),
        (T - DAY + timedelta(microseconds=1), None, False),
        (T - DAY, None, True),
        (T - 2 * DAY, None, True),
        (T + timedelta(seconds=5), None, False),
        (None, T - 100 * DAY, True),
    ],
)
def test_a_version_is_proven_by_a_day_in_shadow_or_a_replay(
    shadow_since: datetime | None, replayed_at: datetime | None, is_proven: bool
) -> None:
    """R22."""
    assert rules.is_proven(rule_set(shadow_since, replayed_at), T) is is_proven


def test_what_sells_is_armed_by_typing_the_hoppers_name_and_nothing_else() -> None:
    """R21."""
    one, parsed = hopper("1", ME), body_from_json(body(SELL))
    assert rules.words_to_type(parsed, one) == "Bot 1"
    assert rules.words_to_type(body_from_json(body()), one) is None
    rules.must_be_typed(body_from_json(body()), one, None)
    rules.must_be_typed(parsed, one, " Bot 1 ")
    for typed in (None, "", "bot 1", "Bot", "yes"):
        with pytest.raises(Invalid, match="Bot 1"):
            rules.must_be_typed(parsed, one, typed)


def test_a_note_is_one_line() -> None:
    assert rules.note(None) == rules.note("  ") == ""
    assert rules.note(" x ") == "x"
    assert rules.note("x" * 300) == "x" * 300
    for wrong in ("x" * 301, "a\nb", "a\x00b", "\ud800"):
        with pytest.raises(Invalid, match="reason"):
            rules.note(wrong, "reason")


def test_what_no_rule_set_can_be_named_is_not_there() -> None:
    assert rule_set_id(ID.upper()) == ID
    for wrong in ("", "1", ID[:-1], ID + "0", "{" + ID[1:], "x" * 36, "\x00" * 36):
        for read in (rule_set_id, intent_id):
            with pytest.raises(NotFound):
                read(wrong)


def test_pages_have_ends() -> None:
    assert (up_to(1), up_to(100), below(None), below(7)) == (1, 100, 2**31 - 1, 7)
    for wrong in (0, 101, -1):
        with pytest.raises(Invalid):
            up_to(wrong)
    with pytest.raises(Invalid):
        below(0)
    for cursor in ("", ".", "1", "x.y", "-1." + ID, "1." + ID[:-1] + "x"):
        with pytest.raises(Invalid):
            place_of(cursor)
    fields: list[dict[str, object]] = [
        {"action": "config", "fields": {f"{name}{n}": "x" * 4000 for name in "ab"}} for n in range(9)
    ]
    with pytest.raises(Invalid, match="64 KB"):
        readable(body(*fields))


NO_ANSWERS = (b"\xff", b"", control_reply_to_wire({})[:-1] + b"[", control_reply_to_wire(Corrupt("a state")))


class Held:
    """Hopper 1 is watched."""

    async def is_held(self, hopper: HopperId) -> bool:
        return hopper == "1"


async def test_only_who_is_watched_is_asked_about_and_answers_and_errors_come_as_they_are() -> None:
    bus, controls = MemoryBus(), Controls(Held())
    with pytest.raises(Unavailable, match="cannot be sent"):
        await controls.ask("state", HopperId("1"), ME, ID, None)
    controls.speak(bus)
    with pytest.raises(Unavailable, match="nobody watches"):
        await controls.ask("state", HopperId("2"), ME, ID, None)
    with pytest.raises(Unavailable, match="did not answer within 6 s"):
        await controls.ask("state", HopperId("1"), ME, ID, None)
    answers = [control_reply_to_wire({"x": 1}), control_reply_to_wire(Forbidden("no")), *NO_ANSWERS]

    async def answer(message: Message) -> None:
        request = control_request_from_wire(message.payload)
        assert (request.hopper, request.user, request.asked_by, request.rule_set) == ("1", ME, "user", ID)
        await bus.publish(message.reply, answers.pop(0))

    end = await bus.subscribe("control.1.controller.state", answer)
    assert await controls.ask("state", HopperId("1"), ME, ID, None) == {"x": 1}
    with pytest.raises(Forbidden, match="no"):
        await controls.ask("state", HopperId("1"), ME, ID, None)
    for _ in NO_ANSWERS:  # INTERNAL, for who asked has said nothing wrong
        with pytest.raises(Corrupt):
            await controls.ask("state", HopperId("1"), ME, ID, None)
    await end()


def act(number: int, hopper: str = "1", user: UserId = ME) -> ActionTold:
    return ActionTold(HopperId(hopper), user, ID, 1, 1, IntentId(""), number, "fired", T, {})


async def test_each_reader_gets_every_act_and_of_too_many_the_newest() -> None:
    meters = Meters()
    acts, subject = Acts(meters), LIVE.action(HopperId("1"))
    async with acts.of(HopperId("1")) as quick, acts.of(HopperId("1")) as slow, acts.of(HopperId("2")) as other:
        for number in range(250):
            await acts.on_action(Message(subject, action_to_wire(act(number, user=YOU)), ""))
            assert (await anext(quick)).audit_number == number
        await acts.on_action(Message(subject, b"\xff", ""))
        await acts.on_action(Message(subject, action_to_wire(act(9, hopper="2")), ""))
        assert [(await anext(slow)).audit_number for _ in range(200)] == list(range(50, 250))
        for reader in (quick, slow, other):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(reader), 0.01)
    assert meters.value("api_unreadable") == 1
    await acts.on_action(Message(subject, b"\xff", ""))
    assert meters.value("api_unreadable") == 1, "what nobody waits for is not read"
