"""What an import keeps, how long it says it takes, and what it tells its owner."""

from datetime import UTC, datetime, timedelta

import pytest

from cryptwire.codec.imports import import_from_wire, import_to_wire
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.hopper_change import HopperChange, HopperEvent
from cryptwire.domain.imports import ImportProblem, ImportProgress, ImportStage, ImportState
from cryptwire.domain.notice import NoticeClass
from cryptwire.errors import Corrupt, Forbidden, Invalid, NotFound, Unavailable
from processor.logic import imports as logic

T = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
USER = UserId("5f2b9d0e-6d0c-4b6b-8a07-0f2f6f2f1c11")


def test_of_a_configuration_only_what_an_analyst_asks_for_is_kept() -> None:
    kept = {
        "strategy": "macd",
        "stop_loss_percentage": "3",
        "trailing_buy": "1",
        "base_coins": "[]",
        "auto_dca_max": "2",
    }
    other = {"api_key": "k", "secret": "s", "send_trade_email": "1", "strategy_token": "t", "xstrategy": "", "": ""}
    assert logic.kept_fields(kept | other) == kept
    assert logic.kept_fields({"strategy": "x" * 20_001}) == {}


def test_the_end_is_told_once_it_is_no_guess_and_comes_nearer_with_what_is_done() -> None:
    now = T + 10 * MINUTE
    assert logic.estimated_end(T, now, ImportStage.HOPPERS, 1.0) is None
    ends = [logic.estimated_end(T, now, stage, share) for stage in list(ImportStage)[1:] for share in (0.4, 0.9)]
    assert all(end is not None and end >= now for end in ends)
    assert ends == sorted(ends, reverse=True)  # type: ignore[type-var]
    assert logic.estimated_end(T, now, ImportStage.BACK_FILL, 1.0) == pytest.approx(now, abs=timedelta(seconds=1))
    assert logic.estimated_end(T, T, ImportStage.TRADES, 0.5) is None


def test_how_many_trades_there_will_be_follows_from_the_time_they_cover() -> None:
    now = T + 100 * MINUTE
    assert logic.likely_total(50, T, T + 50 * MINUTE, now) == 100
    assert logic.likely_total(50, T, T + 2 * MINUTE, now) is None
    assert logic.likely_total(50, T, now, now) == 50
    assert logic.likely_total(1, now, now, now) is None
    assert logic.likely_total(1, now + MINUTE, now + MINUTE, now) is None  # a clock that is ahead of ours


def test_the_pause_grows_and_ends() -> None:
    spans = [logic.pause(number).total_seconds() for number in (1, 2, 3, 10, 1_000)]
    assert spans == [1, 2, 4, 30, 30]


@pytest.mark.parametrize("error", [NotFound("x"), Forbidden("x"), Unavailable("x"), Corrupt("x"), Invalid("x")])
def test_whatever_went_wrong_its_owner_is_told_what_to_do(error: Exception) -> None:
    said = logic.problem(error)  # type: ignore[arg-type]
    assert "import again" in said.lower() or "link the account again" in said


def test_an_end_is_told_with_its_counts_and_a_failure_with_its_reason() -> None:
    told = logic.import_notice(USER, 3, T, hoppers=2, trades=7, candles=9, problems=1, error=None)
    assert (told.about, told.kind, told.key) == (NoticeClass.INFO, "import-done", "import 3")
    assert told.facts == {"hoppers": "2", "trades": "7", "candles": "9", "problems": "1"}
    failed = logic.import_notice(USER, 3, T, hoppers=0, trades=0, candles=0, problems=0, error="why")
    assert (failed.about, failed.kind, failed.facts) == (NoticeClass.FAILURE, "import-failed", {"reason": "why"})


def test_another_currency_is_told_with_what_becomes_of_the_candles() -> None:
    event = HopperEvent(HopperId("1"), "Bot", HopperChange.BASE_CHANGED, "USDT", "BTC")
    told = logic.hopper_notice(USER, event, 5, T)
    assert (told.kind, told.key, told.hopper) == ("hopper-base-changed", "hopper-base-changed 5", "1")
    assert (told.facts["was"], told.facts["became"]) == ("USDT", "BTC")
    assert "old currency" in told.facts["note"]


@pytest.mark.parametrize("state", ImportState)
@pytest.mark.parametrize("stage", ImportStage)
def test_progress_comes_through_the_wire_as_it_was(state: ImportState, stage: ImportStage) -> None:
    problems = (ImportProblem(None, "all"), ImportProblem(HopperId("1"), "one"))
    full = ImportProgress(USER, 2, state, stage, HopperId("1"), 5, 9, T, T + MINUTE, T + 2 * MINUTE, problems)
    for progress in (full, ImportProgress(USER, 1, state, stage), ImportProgress(USER, 1, state, stage, total=0)):
        assert import_from_wire(import_to_wire(progress)) == progress


@pytest.mark.parametrize("payload", [b"", b"\xff" * 20, b"\x10\x63", b"\x10\x01\x18\x63"])
def test_what_is_no_progress_is_refused(payload: bytes) -> None:
    with pytest.raises(Invalid):
        import_from_wire(payload)
