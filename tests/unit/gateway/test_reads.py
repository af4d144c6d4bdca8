"""Equal reads are one, failures are tried again while that may help, no answer is older than the last action."""

import asyncio
from datetime import timedelta

import pytest

from cryptwire.clock import EPOCH
from cryptwire.domain.account import OutputEntry
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import CryptwireError, Exhausted, Forbidden, Invalid, LinkAgain, NotFound, Unavailable
from gateway.ports import Late, TokenRefused, Urgency
from gateway.reads.kept import Kept, Read
from tests.unit.gateway import reading
from tests.unit.gateway.clock import HandClock, settled
from tests.unit.gateway.reading import HOPPER, USER, Stage, trade

NOW = timedelta(0)
ACTION, POLL = Urgency.ACTION, Urgency.POLL


@pytest.fixture
async def stage() -> Stage:
    return reading.stage()


# ---- equal reads ----


async def test_equal_reads_are_one_request(stage: Stage) -> None:
    stage.upstream.seconds = 1
    asked = [stage.ask(urgency=urgency) for urgency in (POLL, ACTION, POLL, Urgency.IMPORT) * 10]
    await stage.clock.turn(2)
    assert len({id(read) for read in await asyncio.gather(*asked)}) == 1
    assert len(stage.upstream.asked) == 1


async def test_an_answer_is_as_old_as_its_request(stage: Stage) -> None:
    stage.upstream.seconds = 3
    began = stage.clock.now()
    asked = stage.ask()
    await stage.clock.turn(5)
    assert (await asked).at == began
    young, old = stage.ask(max_age=5), stage.ask(max_age=4)
    await stage.clock.turn(5)
    assert (await young).at == began
    assert (await old).at > began


async def test_no_age_goes_upstream(stage: Stage) -> None:
    await stage.ask()
    await stage.ask(max_age=0)
    assert len(stage.upstream.asked) == 2


async def test_who_leaves_does_not_end_the_read_of_others_and_the_last_one_does(stage: Stage) -> None:
    stage.upstream.seconds = 5
    leaves, stays = stage.ask(), stage.ask()
    await stage.clock.turn(1)
    leaves.cancel()
    await stage.clock.turn(5)
    assert (await stays).value
    alone = stage.ask()
    await settled()
    alone.cancel()
    await settled()
    fresh = stage.ask()
    await stage.clock.turn(6)
    assert (await fresh).value
    assert len(stage.upstream.asked) == 3


async def test_who_waits_longer_than_the_first_is_not_given_up_with_him(stage: Stage) -> None:
    stage.upstream.seconds = 3
    hasty, patient = stage.ask(within=2), stage.ask(within=10)
    await stage.clock.turn(2)
    with pytest.raises((Late, Unavailable)):
        await hasty
    await stage.clock.turn(8)
    assert (await patient).value


# ---- urgency ----


async def test_who_is_more_urgent_does_not_wait_behind_the_turn_of_others(stage: Stage) -> None:
    stage.budget.held_back = {POLL}
    slow = [stage.ask(), stage.ask()]
    await settled()
    urgent = stage.ask(urgency=ACTION)
    await settled()
    assert (await urgent).value
    assert len({id(await read) for read in [*slow, urgent]}) == 1
    assert stage.log == ["ACTION", "sent"]
    assert stage.budget.waiting == []


async def test_who_is_more_urgent_joins_what_has_been_sent(stage: Stage) -> None:
    stage.upstream.seconds = 1
    slow = stage.ask()
    await settled()
    urgent = stage.ask(urgency=ACTION)
    await stage.clock.turn(1)
    assert await slow is await urgent
    assert stage.log == ["POLL", "sent"]


async def test_what_waits_goes_on_when_the_more_urgent_one_does_not_get_its_turn(stage: Stage) -> None:
    stage.budget.held_back = {POLL}
    stage.budget.refusal[ACTION] = Exhausted("no turn", 5)
    slow = stage.ask()
    await settled()
    with pytest.raises(Exhausted):
        await stage.ask(urgency=ACTION)
    joins = stage.ask()
    await settled()
    stage.budget.release()
    assert await slow is await joins
    assert stage.log == ["POLL", "sent"]


async def test_the_first_that_gets_its_turn_goes_for_all(stage: Stage) -> None:
    stage.budget.held_back = {POLL, ACTION}
    slow = stage.ask()
    await settled()
    urgent = stage.ask(urgency=ACTION)
    await settled()
    stage.budget.waiting[0][1].set_result(None)
    assert (await slow) is (await urgent)
    assert stage.log == ["POLL", "sent"]


async def test_a_read_that_needs_another_turn_is_as_urgent_as_who_has_joined_it(stage: Stage) -> None:
    stage.upstream.seconds = 1
    stage.upstream.queued.append(Unavailable("502"))
    slow = stage.ask()
    await settled()
    urgent = stage.ask(urgency=ACTION)
    await stage.clock.turn(5)
    assert await slow is await urgent
    assert stage.log == ["POLL", "sent", "ACTION", "sent"]


async def test_who_has_overtaken_others_and_leaves_does_not_end_their_read(stage: Stage) -> None:
    stage.upstream.seconds = 1
    stage.budget.held_back = {POLL}
    slow = stage.ask()
    await settled()
    urgent = stage.ask(urgency=ACTION)
    await settled()
    stage.budget.held_back.clear()
    urgent.cancel()
    await stage.clock.turn(5)
    assert (await slow).value


# ---- actions ----


async def test_after_an_action_nothing_is_given_that_was_asked_for_before(stage: Stage) -> None:
    await stage.ask()
    await stage.ask(max_age=60)
    assert len(stage.upstream.asked) == 1
    stage.tokens.linked[USER, HOPPER] += 1
    await stage.ask(max_age=60)
    await stage.ask(max_age=60)
    assert len(stage.upstream.asked) == 2


async def test_after_an_action_no_read_under_way_is_joined_and_its_answer_is_not_kept(stage: Stage) -> None:
    stage.upstream.seconds = 2
    before = stage.ask()
    await stage.clock.turn(1)
    stage.tokens.linked[USER, HOPPER] += 1
    after = stage.ask()
    await stage.clock.turn(1)
    assert before.done()
    kept = stage.ask(max_age=60)
    await settled()
    assert not kept.done()
    await stage.clock.turn(3)
    assert await after is await kept
    assert len(stage.upstream.asked) == 2


async def test_after_an_action_on_one_of_them_the_list_of_hoppers_is_read_anew(stage: Stage) -> None:
    for _ in range(2):
        await stage.reads.hoppers(USER, timedelta(minutes=1), stage.until(), POLL)
    assert stage.upstream.calls == ["hoppers"]
    stage.tokens.linked[USER, HOPPER] += 1
    await stage.reads.hoppers(USER, timedelta(minutes=1), stage.until(), POLL)
    assert stage.upstream.calls == ["hoppers", "hoppers"]


async def test_what_was_read_with_an_earlier_link_is_forgotten(stage: Stage) -> None:
    await stage.ask()
    stage.upstream.seconds = 1
    under_way = stage.ask()
    await settled()
    stage.reads.forget(USER)
    fresh = stage.ask(max_age=60)
    await stage.clock.turn(2)
    assert await under_way is not await fresh
    assert await stage.ask(max_age=60) is await fresh
    assert len(stage.upstream.asked) == 3


# ---- failures ----


async def test_failures_are_tried_again_four_times_at_most(stage: Stage) -> None:
    stage.upstream.queued.extend([Unavailable("502")] * 3)
    asked = stage.ask()
    await stage.clock.turn(10)
    assert (await asked).value
    stage.upstream.queued.extend([Unavailable("502")] * 9)
    asked = stage.ask()
    await stage.clock.turn(10)
    with pytest.raises(Unavailable, match="502"):
        await asked
    assert len(stage.upstream.asked) == 8
    assert stage.log.count("POLL") == 8


async def test_no_pause_goes_beyond_the_deadline(stage: Stage) -> None:
    stage.upstream.queued.extend([Unavailable("502")] * 9)
    asked = stage.ask(within=0.1)
    await settled()
    with pytest.raises(Unavailable, match="502"):
        await asked
    assert len(stage.upstream.asked) == 1


@pytest.mark.parametrize("error", [Forbidden("x"), NotFound("x"), Invalid("x")])
async def test_a_refusal_is_not_tried_again(stage: Stage, error: CryptwireError) -> None:
    stage.upstream.queued.append(error)
    with pytest.raises(type(error)):
        await stage.ask()
    assert len(stage.upstream.asked) == 1


async def test_upstreams_word_that_it_is_too_much_holds_the_budget(stage: Stage) -> None:
    stage.upstream.queued.append(Exhausted("429", 7))
    assert (await stage.ask()).value
    assert stage.budget.holds == [7]
    stage.upstream.queued.extend([Exhausted("429", 30)] * 9)
    with pytest.raises(Exhausted) as refused:
        await stage.ask()
    assert refused.value.retry_after == 30
    assert len(stage.upstream.asked) == 6


async def test_no_turn_is_taken_while_upstream_is_away(stage: Stage) -> None:
    stage.upstream.is_away = True
    with pytest.raises(Unavailable, match="away"):
        await stage.ask()
    assert stage.log == []


# ---- tokens ----


async def test_a_refused_token_is_renewed_once_and_before_the_next_turn(stage: Stage) -> None:
    stage.upstream.queued.append(TokenRefused("401"))
    asked = stage.ask()
    await stage.clock.turn(2)
    assert (await asked).value
    assert stage.upstream.asked == ["token-0", "token-1"]
    assert stage.log == ["POLL", "sent", "renewed", "POLL", "sent"]


async def test_an_expired_token_is_renewed_before_the_turn(stage: Stage) -> None:
    assert stage.custody.link is not None
    stage.custody.link.expires_at = stage.clock.now()
    asked = stage.ask()
    await stage.clock.turn(2)
    assert (await asked).value
    assert stage.log == ["renewed", "POLL", "sent"]


async def test_a_new_token_that_is_refused_as_well_is_not_renewed_again(stage: Stage) -> None:
    stage.upstream.queued.extend([TokenRefused("401")] * 2)
    asked = stage.ask()
    await stage.clock.turn(5)
    with pytest.raises(Unavailable, match="just given"):
        await asked
    assert stage.custody.number == 1


async def test_without_a_link_neither_a_turn_nor_a_kept_answer_is_given(stage: Stage) -> None:
    await stage.ask()
    assert stage.custody.link is not None
    stage.custody.link.is_revoked = True
    stage.log.clear()
    for max_age in (0, 60):
        with pytest.raises(LinkAgain):
            await stage.ask(max_age=max_age)
    assert stage.log == []


async def test_a_stranger_is_told_nothing(stage: Stage) -> None:
    for user, hopper in ((UserId("v"), HOPPER), (USER, HopperId("502"))):
        with pytest.raises(NotFound, match="there is no hopper"):
            await stage.reads.assets(user, hopper, NOW, stage.until(), POLL)
    assert stage.log == []


# ---- what is kept ----


async def test_the_hoppers_home_is_read_once(stage: Stage) -> None:
    for _ in range(2):
        await stage.reads.positions(USER, HOPPER, NOW, stage.until(), POLL)
    assert stage.upstream.calls == ["hopper", "positions", "positions"]


# ---- rows that cannot be read ----


async def test_a_list_that_was_spoilt_in_passing_is_asked_for_once_more(stage: Stage) -> None:
    stage.upstream.spoilt = 1
    read = await stage.reads.positions(USER, HOPPER, NOW, stage.until(), POLL)
    assert [position.id for position in read.value] == ["7"]
    assert stage.upstream.calls == ["hopper", "positions", "positions"]
    assert stage.meters.value("gateway_skipped_rows", what="position") == 0


async def test_rows_that_stay_unreadable_are_left_out_counted_and_not_asked_for_again(stage: Stage) -> None:
    stage.upstream.spoilt = 5
    for _ in range(2):
        read = await stage.reads.positions(USER, HOPPER, NOW, stage.until(), POLL)
        assert [position.id for position in read.value] == ["7"]
    assert stage.upstream.calls == ["hopper", "positions", "positions", "positions"]
    assert stage.meters.value("gateway_skipped_rows", what="position") == 2


async def test_a_list_of_which_nothing_can_be_read_is_no_empty_list(stage: Stage) -> None:
    stage.upstream.spoilt, stage.upstream.spoils_all = 5, True
    for _ in range(2):
        with pytest.raises(Unavailable, match="nothing of"):
            await stage.reads.positions(USER, HOPPER, NOW, stage.until(), POLL)


async def test_a_spoilt_list_that_cannot_be_asked_for_again_is_not_given(stage: Stage) -> None:
    await stage.reads.positions(USER, HOPPER, NOW, stage.until(), POLL)  # the hopper's home is known
    stage.upstream.spoilt, stage.upstream.seconds = 1, 6
    asked = asyncio.create_task(stage.reads.positions(USER, HOPPER, NOW, stage.until(10), POLL))
    await stage.clock.turn(10)
    with pytest.raises(Unavailable):
        await asked


async def test_a_spoilt_page_of_trades_loses_none(stage: Stage) -> None:
    stage.upstream.trade_list = [trade(number) for number in range(3, 0, -1)]
    stage.upstream.spoilt = 1
    read = await stage.reads.trades(USER, HOPPER, EPOCH, stage.until(), Urgency.TRADES)
    assert [each.id for each in read.value] == ["1", "2", "3"]


def test_kept_answers_are_bounded_in_number_age_and_bytes() -> None:
    at = HandClock().now()
    kept = Kept(many=3, large=10_000)
    for number in range(5):
        kept.keep(("a", number), Read({}, at), at)
    assert [kept.get(("a", number), at) is not None for number in range(5)] == [False, False, True, True, True]
    kept.get(("a", 2), at)
    kept.keep(("b",), Read({}, at), at)
    assert kept.get(("a", 2), at) is not None
    assert kept.get(("a", 3), at) is None
    log = tuple(OutputEntry(at, False, "x" * 1_000) for _ in range(4))
    kept.keep(("log",), Read(log, at), at)
    assert len(kept) == 2
    kept.keep(("log",), Read(log * 9, at), at)
    assert (len(kept), kept.bytes) == (0, 0)
    kept.keep(("old",), Read({}, at), at)
    kept.keep(("new",), Read({}, at + timedelta(minutes=11)), at + timedelta(minutes=11))
    assert kept.get(("old",), at) is None
    assert kept.get(("new",), at) is not None
