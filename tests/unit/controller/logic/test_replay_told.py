"""What a person is told of a rule set's past: where it would have fired, what that is worth, and what is not known."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from controller.logic.replay import Firing, Recorded, Replayer, must_be_told, rule_set_of
from controller.logic.state import Phase
from cryptwire.domain.action import RuleSetId
from cryptwire.domain.candle import SPAN
from cryptwire.domain.figure import Figure, Snapshot, figure_key
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.rule_set import (
    Action,
    After,
    Compare,
    Condition,
    Confirmation,
    FigureOf,
    Mode,
    Notify,
    PanicSell,
    PositionCount,
    Relation,
    Rule,
    RuleSet,
    SellPositions,
    StopLoss,
    TimeWindow,
    Wait,
    Which,
)
from cryptwire.errors import Invalid
from tests.unit.controller.logic.builders import BTC, USDT, ZONE, T, body, rule_set, snapshot
from tests.unit.controller.logic.test_replay import CALM, FALL, STOP, points, replayed

END = T + 7 * SPAN
APPROXIMATION = (
    "This is an approximation. Of each quarter of an hour four values are known: open, low and high, close; in which"
    " order low and high came is not known, and a wick within a candle looks like a value that lasted. A confirmation"
    " counts these points, minutes apart, so one of a few ticks and seconds is coarse here: live it may fire earlier,"
    " or not at all."
)


def blind(of: int) -> str:
    """Of every past the first point tells nothing."""
    return f"At 1 of {of} points nothing could be told; at 1 of them: the first reading must be seen again."


def fallen(factor: float = 10.0, end: float = 80.0) -> Replayer:
    """It fires at 88 and ends at ``end``; the balance is ``factor`` × the index."""
    last = (88.0, min(60.0, end), 89.0, end)
    return replayed(points([*CALM, *FALL[:2], last], factor=factor), STOP)


# ---- the whole of it ----


def test_what_fired_once_and_saved() -> None:
    result = fallen().result(T, END, Recorded(7))
    assert result.words == (
        "It would have fired 1 time.",
        "In all, sold at the first and kept in USDT to the end, it would have saved 77.8 USDT, the fee taken.",
        "7 candles of fifteen minutes.",
        blind(28),
        APPROXIMATION,
    )
    (fired,) = result.fires
    assert fired.value == 880
    assert fired.words == (
        "Fired at 2026-03-02 13:14:59 UTC, at 880 USDT (index 88).",
        "The value is 880 USDT, at or below the stop of 900 USDT, 10 % below the peak of 1,000 USDT.",
        "Sold there, for a fee of 0.25 %, and kept in USDT, at the end it would be 877.8 USDT instead of 800 USDT: that"
        " would have saved 77.8 USDT.",
        "Then it sells all positions at market price and stops buying until a person ends the panic.",
    )
    assert (result.since, result.until, result.candles) == (T, END, 7)


def test_what_fired_twice_is_told_one_by_one_and_in_all_by_the_first() -> None:
    deep = [(88.0, 86.0, 88.0, 87.0)] * 8 + [(80.0, 79.0, 78.0, 77.0), (77.0, 76.0, 77.0, 90.0)]
    then = (Action(PanicSell()), Action(Wait(900)), Action(Notify("sold")))
    result = replayed(points([*CALM, *FALL[:2], *deep]), STOP, again=After(60), then=then).result(T, END, Recorded(16))
    assert result.words[:2] == (
        "It would have fired 2 times.",
        "In all, sold at the first and kept in USDT to the end, it would have cost 22.2 USDT, the fee taken. Each is"
        " told by itself: who has sold at the first has nothing left to sell.",
    )
    assert [fired.words[2].rpartition(": ")[2] for fired in result.fires] == [
        "that would have cost 22.2 USDT.",
        "that would have cost 131.92 USDT.",
    ]
    assert result.fires[1].words[3] == (
        "Then it sells all positions at market price and stops buying until a person ends the panic, then waits 15"
        " minutes, then tells you 'sold'."
    )


def test_what_did_not_fire_says_what_the_portfolio_was_worth_at_the_end() -> None:
    result = replayed(points(CALM), STOP).result(T, END, Recorded(4), of_candles=False)
    assert result.words == (
        "It would not have fired.",
        "At the end, 2026-03-02 12:59 UTC, the portfolio was worth 1,000 USDT.",
        "4 candles of fifteen minutes.",
        blind(16),
    )
    assert (result.fires, result.saved, result.is_approximation) == ((), None, False)


def test_R17_what_no_longer_watched_says_since_when_and_why_and_tells_no_end() -> None:
    late = points([(70.0, 70.0, 70.0, 70.0)], first=4 + 100)
    result = replayed([*points(CALM), *late], STOP).result(T, END, Recorded(5))
    assert result.words[:2] == (
        "It would not have fired.",
        "From 2026-03-03 14:00 UTC on it would not have watched: the index changed by -30.0% while nothing was seen for"
        " 1500 minutes: a person must look.",
    )


def test_R17_the_first_time_that_it_stopped_counts() -> None:
    """A second gap with a jump, after a person had let it watch again, is not what is told."""
    replayer = replayed([*points(CALM), *points([(70.0,) * 4], first=104)], STOP)
    first = replayer.review
    replayer.state = replace(replayer.state, phase=Phase.WATCHING)
    for shot in points([(40.0,) * 4], first=300):
        replayer.see(shot, {})
    assert replayer.state.phase is Phase.REVIEW
    assert replayer.review == first is not None


def test_a_past_of_nothing_says_so_and_no_more() -> None:
    assert replayed([], STOP).result(T, END, Recorded()).words == (
        "It would not have fired.",
        "There are no candles of the hopper in that time.",
        APPROXIMATION,
    )


# ---- what it saves or costs ----


@pytest.mark.parametrize(
    ("factor", "end", "said"),
    [
        (0.1, 80.0, "saved 0.778 USDT"),
        (10.0, 88 * 0.9975, "saved 0 USDT"),
        (10.0, 88.0, "cost 2.2 USDT"),
        (0.1, 88.0, "cost 0.022 USDT"),
    ],
)
def test_it_saves_or_costs_by_the_end_and_a_fee_is_a_cost(factor: float, end: float, said: str) -> None:
    result = fallen(factor, end).result(T, END, Recorded(7))
    assert result.words[1].endswith(f"it would have {said}, the fee taken.")
    assert result.fires[0].words[2].endswith(f": that would have {said}.")


@pytest.mark.parametrize(
    ("deed", "does"),
    [
        (SellPositions(Which.LOSING), "Then it sells the losing positions at market price."),
        (Notify("look"), "Then it tells you 'look'."),
    ],
)
def test_what_sells_not_all_says_that_nobody_knows_and_sums_up_nothing(deed: SellPositions | Notify, does: str) -> None:
    result = replayed(points(CALM + FALL), STOP, then=(Action(deed),)).result(T, END, Recorded(7))
    assert result.fires[0].words[2:] == (
        "What that saves or costs cannot be told: it does not sell everything.",
        does,
    )
    assert result.words[:2] == ("It would have fired 1 time.", "7 candles of fifteen minutes.")


def test_without_an_end_nothing_is_saved() -> None:
    nothing_seen = Replayer(rule_set(STOP), ZONE, T)
    assert nothing_seen.saved(Firing(T, 1, "s/1", 88.0, 880.0, ())) is None


# ---- what fired ----


def test_R10_a_firing_names_its_epoch_and_the_snapshot_it_was_decided_on() -> None:
    (firing,) = fallen().fires
    assert (firing.epoch, firing.snapshot_id) == (1, "s/20")


def test_R19_its_waits_come_before_it_cools() -> None:
    """Fired at 13:14:59.999, it waits for 15 + 5 minutes and cools for an hour."""
    then = (Action(Wait(900)), Action(PanicSell()), Action(Wait(300)))
    replayer = replayed(points(CALM + FALL[:1]), STOP, again=After(60), then=then)
    assert replayer.state.phase is Phase.COOLING
    assert replayer.state.until == replayer.fires[0].at + timedelta(minutes=80)


def test_of_exactly_a_hundred_firings_none_is_left_out() -> None:
    replayer = replayed([], Rule(StopLoss(0.001), Confirmation(1, 0)), again=After(1))
    said: dict[int, str] = {}
    for shot in points([(100.0 * 0.995**number,) * 4 for number in range(110)]):
        if replayer.see(shot, {}).fires and 99 <= replayer.count <= 101:
            said[replayer.count] = replayer.result(T, END, Recorded(400)).words[0]
    assert said[99] == "It would have fired 99 times."
    assert said[100] == "It would have fired 100 times."
    assert said[101] == "It would have fired 101 times; the first 100 are listed."


def test_times_are_of_the_users_clock() -> None:
    """From 14:15 to 15:00 in Amsterdam is from 13:15 UTC: it falls a millisecond before, and is still down after."""
    window = TimeWindow(time(14, 15), time(15))
    replayer = replayed(points(CALM + FALL), Rule(StopLoss(0.1), Confirmation(1, 0)), window)
    assert [firing.at for firing in replayer.fires] == [T + 5 * SPAN]


# ---- what it was made of ----


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        (Recorded(7), "7 candles of fifteen minutes."),
        (Recorded(1234), "1,234 candles of fifteen minutes."),
        (Recorded(7, partial=2), "7 candles of fifteen minutes, 2 partial (they tell nothing)."),
        (
            Recorded(7, backfilled=3000),
            "7 candles of fifteen minutes, 3,000 filled in later from the exchange's candles.",
        ),
        (Recorded(7, missing=1100), "7 candles of fifteen minutes, 1,100 missing."),
        (
            Recorded(7, 2000, 3, 4),
            "7 candles of fifteen minutes, 2,000 partial (they tell nothing), 3 filled in later from the exchange's"
            " candles and 4 missing.",
        ),
    ],
)
def test_it_says_of_which_candles_it_was_made(recorded: Recorded, said: str) -> None:
    assert fallen().result(T, END, recorded).words[2] == said


def test_each_pair_without_a_past_is_named() -> None:
    silent = {BTC: "the exchange is away", BTC._replace(base=Asset("ETH")): "it is not traded there"}
    assert fallen().result(T, END, Recorded(7, silent=silent)).words[3:5] == (
        "The past of binance BTC/USDT cannot be had, so rules that read it tell nothing: the exchange is away.",
        "The past of binance ETH/USDT cannot be had, so rules that read it tell nothing: it is not traded there.",
    )


DRAWDOWN = figure_key("drawdown(minutes=60)")
DEEP = Compare(FigureOf(DRAWDOWN), Relation.ABOVE, 0.5)


def untold(*sizes: int, first: int = 1) -> list[Snapshot]:
    """Snapshots whose drawdown needs more readings than so many each."""
    return [
        snapshot(100.0, first + number, figures={DRAWDOWN: Figure(DRAWDOWN, None, size)})
        for number, size in enumerate(sizes)
    ]


def test_of_points_that_tell_nothing_the_commonest_reason_is_told() -> None:
    words = replayed(untold(0, 1, 2, 2, 2, 3), DEEP).result(T, END, Recorded(1)).words
    assert words[3] == (
        "At 6 of 6 points nothing could be told; at 3 of them: drawdown(minutes=60) needs more than the 2 readings"
        " there are."
    )


def test_of_very_many_reasons_those_after_fifty_are_told_together() -> None:
    """The first reading's doubt is one, the next forty-nine are each another; what is known counts on as such."""
    fifty = untold(0, *range(1, 50))
    replayer = replayed([*fifty, *untold(50, 51, first=51)], DEEP)
    assert replayer.result(T, END, Recorded(1)).words[3] == (
        "At 52 of 52 points nothing could be told; at 2 of them: many other reasons."
    )
    for shot in untold(1, 1, first=53):
        replayer.see(shot, {})
    assert replayer.result(T, END, Recorded(1)).words[3] == (
        "At 54 of 54 points nothing could be told; at 3 of them: drawdown(minutes=60) needs more than the 1 readings"
        " there are."
    )


# ---- what can be replayed ----


def test_R22_what_is_replayed_is_in_shadow_and_of_its_hopper() -> None:
    hopper = Hopper(HopperId("7"), UserId("u1"), "Main", Exchange("binance"), USDT, False, timedelta(minutes=1))
    said = body(STOP)
    assert rule_set_of(hopper, said, T) == RuleSet(
        RuleSetId("replay"), UserId("u1"), HopperId("7"), 1, said, Mode.SHADOW, 1, T
    )


def of(key: str) -> FigureOf:
    return FigureOf(figure_key(key))


@pytest.mark.parametrize(
    ("condition", "what"),
    [
        (Compare(of("funds.usage"), Relation.ABOVE, 0.5), "funds.usage"),
        (Compare(of("drawdown"), Relation.ABOVE, of("funds.usage")), "funds.usage"),
        (PositionCount(Relation.ABOVE, 1), "positions"),
        (Compare(of("positions.return"), Relation.ABOVE, 0.5), "positions.return"),
    ],
)
def test_R3_it_says_which_rule_reads_what_nobody_knows_and_what_to_do_instead(condition: Condition, what: str) -> None:
    with pytest.raises(Invalid) as refused:
        must_be_told(body(STOP, STOP, condition))
    assert str(refused.value) == (
        f"rule 3 reads {what}, which the recorded past does not tell: leave the rule set in shadow for a day instead of"
        " a replay"
    )


def test_R3_of_ticks_the_use_of_funds_is_known_and_nothing_of_positions() -> None:
    must_be_told(body(Compare(of("funds.usage"), Relation.ABOVE, 0.5)), is_usage_told=True)
    both = body(Compare(of("funds.usage"), Relation.ABOVE, of("positions.return")))
    with pytest.raises(Invalid, match=r"rule 1 reads positions\.return"):
        must_be_told(both, is_usage_told=True)
