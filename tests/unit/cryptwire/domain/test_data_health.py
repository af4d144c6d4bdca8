"""How well a hopper is seen, in one word and with a reason."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cryptwire.domain.data_health import Sight, Verdict, judged, span
from cryptwire.domain.silence import OPERATORS_AFTER, USER_AFTER
from processor.handlers.observer import Patience

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
S = timedelta(seconds=1)
M, H = 60 * S, 3600 * S
GOOD, DELAYED, BLIND = Verdict.GOOD, Verdict.DELAYED, Verdict.BLIND
LIVE = Sight(
    T, "binance", M, is_tracked=True, held_for=10 * H, live_at=T - S, prices_at=T - S, polled_at=T - M,
    candle_at=T - 15 * M, gap=timedelta(0),
)  # fmt: skip
READ = Sight(T, "binance", 10 * M, polled_at=T - 12 * H, candle_at=T - 15 * M, gap=timedelta(0))


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({}, GOOD, "tracked live"),
        ({"live_at": T - 61 * S}, DELAYED, "no live figures come from it for 1 minute"),
        ({"live_at": T - USER_AFTER - S}, BLIND, "no live figures come from it for 5 minutes"),
        ({"live_at": None}, BLIND, "no live figures"),
        ({"live_at": None, "held_for": 30 * S}, GOOD, "tracked live"),
        ({"live_at": None, "held_for": 2 * M}, DELAYED, "no live figures"),
        ({"silent_since": T - H}, BLIND, "since 11:00 UTC"),
        ({"prices_at": T - 2 * M}, DELAYED, "binance was not heard for 2 minutes"),
        ({"prices_at": T - 6 * M}, BLIND, "binance was not heard for 6 minutes"),
        ({"polled_at": T - 3 * M}, GOOD, "tracked"),
        ({"polled_at": T - 5 * M}, DELAYED, "its balance was not read for 5 minutes"),
        ({"polled_at": T - 5 * M, "refresh_every": 10 * M}, GOOD, "tracked"),
        ({"polled_at": T - 2 * H}, BLIND, "its balance was not read for 2 hours"),
        ({"polled_at": None}, BLIND, "never read"),
        ({"polled_at": None, "held_for": M, "live_at": None}, GOOD, "tracked"),
        ({"candle_at": T - H}, DELAYED, "its last candle is 45 minutes old"),
        ({"gap": 20 * M}, DELAYED, "of the last day 20 minutes"),
        ({"gap": 15 * M}, GOOD, "tracked"),
        ({"results_behind": 2 * M}, DELAYED, "results of trades are 2 minutes behind"),
        ({"is_importing": True, "polled_at": None}, DELAYED, "an import is under way"),
        ({"is_filled": False}, DELAYED, "its past is being filled in"),
        ({"must_link_again": True}, BLIND, "link the account again"),
        ({"deleted_at": T - 48 * H, "live_at": None}, BLIND, "since 2026-02-27"),
        ({"unlinked_at": T - 48 * H}, BLIND, "link it again"),
    ],
)
def test_of_a_tracked_hopper(changes: dict[str, Any], verdict: Verdict, reason: str) -> None:
    found = judged(replace(LIVE, **changes))
    assert found.verdict is verdict, found
    assert reason in found.reason


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({}, GOOD, "at each midnight"),
        ({"polled_at": T - 27 * H}, BLIND, "its balance was not read for 1 day"),
        ({"polled_at": None}, BLIND, "never read"),
        ({"candle_at": T - 2 * H}, GOOD, "midnight"),
        ({"candle_at": T - 3 * H}, DELAYED, "2 hours old"),
        ({"prices_at": T - H, "live_at": T - H}, GOOD, "midnight"),
    ],
)
def test_of_one_that_is_not(changes: dict[str, Any], verdict: Verdict, reason: str) -> None:
    found = judged(replace(READ, **changes))
    assert found.verdict is verdict, found
    assert reason in found.reason


def test_the_worst_is_the_reason_and_nothing_else_is_kept_back() -> None:
    found = judged(replace(LIVE, prices_at=T - 6 * M, gap=H, remarks=("look at it",)))
    assert found.reason == "binance was not heard for 6 minutes"
    assert found.remarks == ("of the last day 1 hour are without fresh prices", "look at it")
    assert judged(replace(LIVE, remarks=("look at it",))).remarks == ("look at it",)
    gone = judged(replace(LIVE, deleted_at=T, gap=H, polled_at=None))
    assert gone.remarks == ()


def test_it_is_silence_after_what_the_observer_waits_for() -> None:
    assert (Patience().operators, Patience().user) == (OPERATORS_AFTER, USER_AFTER)


def test_spans_in_words() -> None:
    said = [span(length) for length in (timedelta(0), S, 59 * S, 60 * S, 119 * S, 2 * H, 25 * H, 49 * H)]
    assert said == ["0 seconds", "1 second", "59 seconds", "1 minute", "1 minute", "2 hours", "1 day", "2 days"]
