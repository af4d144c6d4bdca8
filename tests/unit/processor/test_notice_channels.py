"""Actions and failures always reach their user; of the rest nobody is flooded."""

import itertools
from datetime import timedelta

import pytest

from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.domain.preferences import Channels, Preferences
from cryptwire.errors import Invalid
from processor.logic.notices import MAIL, WEBHOOK, ToMail, channels, likeness, planned, webhook_pause
from tests.unit.controller.test_looking import Room
from tests.unit.controller.test_watching import HELD, watched

LOUD = (NoticeClass.ACTION, NoticeClass.FAILURE)
NONE: frozenset[str] = frozenset()


def wishes(about: NoticeClass, *, by_mail: bool, by_webhook: bool) -> Preferences:
    return Preferences(notices={about: Channels(by_mail, by_webhook)})


def quiet(*numbers: int) -> list[ToMail]:
    return [ToMail(number, False, f"like {number}") for number in numbers]


def loud(number: int, like: str = "same") -> ToMail:
    return ToMail(number, True, like)


@pytest.mark.parametrize("about", NoticeClass)
def test_whoever_said_nothing_gets_mail(about: NoticeClass) -> None:
    assert channels(about, "any", Preferences(), has_webhook=True) == [MAIL]


@pytest.mark.parametrize("about", LOUD)
def test_actions_and_failures_reach_one_channel_whatever_was_chosen_and_whatever_works(about: NoticeClass) -> None:
    for by_mail, by_webhook, has_webhook in itertools.product((False, True), repeat=3):
        if not by_mail and not by_webhook:
            continue  # nobody can choose that
        chosen = wishes(about, by_mail=by_mail, by_webhook=by_webhook)
        assert channels(about, "any", chosen, has_webhook=has_webhook)


@pytest.mark.parametrize("about", [NoticeClass.INFO, NoticeClass.DATA_PROBLEM])
def test_the_others_can_be_muted(about: NoticeClass) -> None:
    assert channels(about, "any", wishes(about, by_mail=False, by_webhook=False), has_webhook=True) == []


async def told_by_a_controller() -> dict[str, Notice]:
    """By kind: what fires, is held back, waits for a person, cannot see, does not fit; each was due more than once."""
    found: dict[str, Notice] = {}
    for is_off in (False, True):
        desk = Room()
        desk.switched_off = "a test" if is_off else ""
        await desk.watcher.learn([watched(when=HELD)])
        await desk.fire()
        await desk.watcher.flush()
        await desk.fire()
        await desk.watcher.flush()
        found |= {each.kind: each for each in desk.states.notices}
        assert len(desk.states.notices) == 1
    desk = Room()
    desk.upstream.positions = ()
    await desk.watcher.learn([watched()])
    await desk.go_on(20)
    for _ in range(3):
        await desk.clock.turn(timedelta(minutes=6))
        desk.watcher.beat()
    await desk.see(positions=1, index=10)  # a jump after a gap
    await desk.see(positions=1, index=10, seconds=1)
    await desk.watcher.flush()
    assert len({each.kind for each in desk.states.notices}) == len(desk.states.notices)
    return found | {each.kind: each for each in desk.states.notices}


async def test_R26_what_a_controller_does_and_fails_to_do_cannot_be_muted_and_the_rest_is_told_once() -> None:
    told = await told_by_a_controller()
    assert {kind: notice.about for kind, notice in told.items()} == {
        "rule-fired": NoticeClass.ACTION,
        "rule-held-back": NoticeClass.FAILURE,
        "rule-review": NoticeClass.FAILURE,
        "rule-no-data": NoticeClass.DATA_PROBLEM,
        "rule-mismatch": NoticeClass.DATA_PROBLEM,
    }
    for kind, notice in told.items():
        if notice.about in LOUD:
            with pytest.raises(Invalid, match=notice.about.name):
                wishes(notice.about, by_mail=False, by_webhook=False)
            only = wishes(notice.about, by_mail=False, by_webhook=True)
            assert channels(notice.about, kind, only, has_webhook=False) == [MAIL]
        else:
            mute = wishes(notice.about, by_mail=False, by_webhook=False)
            assert channels(notice.about, kind, mute, has_webhook=True) == []
    plan = planned(quiet(1, 2, 3, 4), [], mailed=0, alike=NONE, most=2)
    assert [len(mail) for mail in plan.mails] == [1, 3]  # and seldom


def test_silence_goes_by_every_channel_there_is() -> None:
    nothing = wishes(NoticeClass.FAILURE, by_mail=True, by_webhook=False)
    assert channels(NoticeClass.FAILURE, "silence", nothing, has_webhook=True) == [MAIL, WEBHOOK]


def test_what_is_told_of_a_webhook_does_not_go_to_it() -> None:
    only = wishes(NoticeClass.FAILURE, by_mail=False, by_webhook=True)
    assert channels(NoticeClass.FAILURE, "webhook-off", only, has_webhook=True) == [MAIL]


def test_quiet_ones_go_one_by_one_while_there_is_room() -> None:
    plan = planned(quiet(1, 2), [], mailed=1, alike=NONE, most=3)
    assert [[one.notice for one in mail] for mail in plan.mails] == [[1], [2]]
    assert plan.held == []


def test_too_many_at_once_share_the_last_mail() -> None:
    plan = planned(quiet(1, 2, 3, 4, 5), [], mailed=0, alike=NONE, most=3)
    assert [[one.notice for one in mail] for mail in plan.mails] == [[1], [2], [3, 4, 5]]


def test_without_room_they_wait_and_then_go_in_one_mail() -> None:
    full = planned(quiet(1, 2), [], mailed=3, alike=NONE, most=3)
    assert full.mails == []
    assert [one.notice for one in full.held] == [1, 2]
    later = planned(quiet(3), full.held, mailed=2, alike=NONE, most=3)
    assert [[one.notice for one in mail] for mail in later.mails] == [[1, 2, 3]]


def test_a_loud_one_goes_though_there_is_no_room() -> None:
    plan = planned([loud(1)], [], mailed=99, alike=NONE, most=1)
    assert [[one.notice for one in mail] for mail in plan.mails] == [[1]]


def test_loud_ones_that_are_alike_share_a_mail_and_others_do_not() -> None:
    plan = planned([loud(1), loud(2), loud(3, "other")], [], mailed=0, alike=NONE, most=1)
    assert [[one.notice for one in mail] for mail in plan.mails] == [[1, 2], [3]]


def test_a_loud_one_whose_like_has_just_gone_waits_for_more_of_it() -> None:
    plan = planned([loud(2)], [], mailed=0, alike=frozenset({"same"}), most=1)
    assert plan.mails == []
    later = planned([loud(3)], plan.held, mailed=0, alike=NONE, most=1)
    assert [[one.notice for one in mail] for mail in later.mails] == [[2, 3]]


def test_nothing_is_lost_and_nothing_goes_twice() -> None:
    for mailed, most, count in itertools.product(range(4), range(1, 4), range(6)):
        fresh, held = [*quiet(*range(count)), loud(100), loud(101)], [*quiet(50, 51), loud(102, "held")]
        plan = planned(fresh, held, mailed=mailed, alike=frozenset({"held"}), most=most)
        went = [one.notice for mail in plan.mails for one in mail] + [one.notice for one in plan.held]
        assert sorted(went) == sorted(one.notice for one in [*fresh, *held])
        assert sum(not mail[0].is_loud for mail in plan.mails) <= max(0, most - mailed)


def test_when_it_happened_makes_no_difference_to_what_is_alike() -> None:
    one = likeness("silence", "1", {"reason": "x", "last_at": "10:00"})
    assert one == likeness("silence", "1", {"last_at": "11:00", "reason": "x"})
    assert one != likeness("silence", "2", {"reason": "x"})
    assert one != likeness("silence", "1", {"reason": "y"})


def test_a_day_of_calls_holds_a_few_tries_and_the_last_is_after_it() -> None:
    at = 0.0
    tries = 1
    while at < 24 * 3600:
        at += webhook_pause(tries).total_seconds()
        tries += 1
    assert 8 < tries < 20
