"""Questions are checked, windows cover their bars, and the bar in progress forms whatever comes when."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candles.datafeed.logic.descriptions import found, shows_portfolios, symbol_info
from candles.datafeed.logic.forming import Formation
from candles.datafeed.logic.marks import marks as marks_of
from candles.datafeed.logic.questions import Question, question, window
from candles.datafeed.logic.symbols import symbol_of
from cryptwire.domain.bar import Columns, Part, Resolution, bar_at
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.errors import Invalid, NotFound

UTC_ZONE = ZoneInfo("UTC")
NOON = int(datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp())


def part(*prices: float, volume: float = 0.0) -> Part:
    opened, high, low, close = prices
    return Part(opened, high, low, close, volume)


def stored(*rows: tuple[int, float, float, float, float]) -> Columns:
    opens, highs, lows, closes = np.array([row[1:] for row in rows], np.float64).reshape(len(rows), 4).T
    at = np.array([row[0] for row in rows], np.int64)
    return Columns(at, opens, highs, lows, closes, np.zeros(len(rows)))


def formation(resolution: str = "60") -> Formation:
    return Formation(Resolution(resolution), UTC_ZONE, 900)


def test_a_bar_is_made_of_stored_closed_and_live_candles() -> None:
    forming = formation()
    forming.seed(NOON, stored((NOON - 900, 1, 99, 1, 2), (NOON, 2, 5, 1, 3)), 40.0, NOON + 900)
    (told,) = forming.on_live(NOON + 900, part(3, 4, 3, 4, volume=7))
    assert told.values == part(2, 5, 1, 4, volume=47)
    assert (told.bar.time, told.is_final) == (NOON, False)


def test_the_close_counts_and_not_what_was_live_before_it() -> None:
    forming = formation()
    forming.seed(NOON, stored(), 0.0, NOON)
    forming.on_live(NOON, part(1, 2, 1, 2, volume=3))
    assert forming.on_closed(NOON, part(1, 9, 1, 8)) == []
    assert forming.on_live(NOON, part(1, 2, 1, 2)) == [], "late"
    (told,) = forming.on_live(NOON + 900, part(8, 8, 7, 7, volume=1))
    assert told.values == part(1, 9, 1, 7, volume=4)


def test_the_last_close_of_a_bar_is_final_once() -> None:
    forming = formation()
    forming.seed(NOON, stored(), 0.0, NOON)
    forming.on_live(NOON + 2700, part(1, 2, 1, 2))
    (told,) = forming.on_closed(NOON + 2700, part(1, 3, 1, 3))
    assert told.is_final
    assert told.values.close == 3
    assert forming.on_closed(NOON + 2700, part(1, 3, 1, 3)) == []
    (opened,) = forming.on_live(NOON + 3600, part(3, 3, 3, 3))
    assert (opened.bar.start, opened.is_final) == (NOON + 3600, False)


def test_a_live_state_of_the_next_bar_waits_for_the_close() -> None:
    forming = formation("15")
    forming.seed(NOON, stored(), 0.0, NOON)
    forming.on_live(NOON, part(1, 2, 1, 2))
    assert forming.on_live(NOON + 900, part(2, 2, 2, 2)) == []
    assert forming.holds
    final, opened = forming.on_closed(NOON, part(1, 5, 1, 3))
    assert (final.is_final, final.values.high, opened.bar.start) == (True, 5, NOON + 900)
    assert not forming.holds


def test_a_close_that_never_comes_is_not_waited_for_and_a_late_one_resets() -> None:
    forming = formation("15")
    forming.seed(NOON, stored(), 0.0, NOON)
    forming.on_live(NOON, part(1, 2, 1, 2))
    forming.on_live(NOON + 900, part(2, 2, 2, 2))
    final, opened = forming.force()
    assert (final.is_final, opened.values.open) == (True, 2)
    assert forming.on_closed(NOON - 900, part(1, 1, 1, 1)) == []
    assert forming.bar is not None
    forming.on_closed(NOON, part(1, 5, 1, 2))
    assert forming.bar is None
    assert forming.has_reset


def test_a_hole_between_bars_is_read_again() -> None:
    forming = formation("15")
    forming.seed(NOON, stored((NOON, 1, 1, 1, 1)), 0.0, NOON)
    assert forming.on_live(NOON + 1800, part(2, 2, 2, 2)) == []
    assert forming.bar is None
    assert not forming.has_reset
    forming.seed(NOON + 1800, stored(), 0.0, NOON + 1800)
    assert forming.on_live(NOON + 1800, part(2, 2, 2, 2))
    forming.on_closed(NOON + 3600, part(2, 2, 2, 2))
    assert forming.has_reset


def test_volume_counted_anew_replaces_what_was_added_up() -> None:
    forming = formation("240")
    forming.seed(NOON, stored(), 0.0, NOON)
    forming.on_live(NOON, part(1, 1, 1, 1, volume=5))
    forming.on_closed(NOON, part(1, 1, 1, 1))
    forming.on_live(NOON + 900, part(1, 1, 1, 1, volume=2))
    (told,) = forming.on_volume(6.5, NOON + 900)
    assert told.values.volume == 8.5
    assert forming.on_volume(6.5, NOON + 900) == []
    assert forming.on_volume(1.0, NOON) == [], "older than what is known"


candles = st.lists(
    st.tuples(st.floats(1, 1e6), st.floats(0, 1e3), st.floats(0, 0.9), st.floats(1, 1e6), st.floats(0, 100)),
    min_size=1,
    max_size=60,
)


@settings(deadline=None)
@given(candles, st.integers(0, 60), st.sampled_from(["60", "240", "1D", "1W", "1M"]))
def test_however_a_bar_came_together_it_is_the_fold_of_its_candles(
    drawn: list[tuple[float, float, float, float, float]], split: int, resolution: str
) -> None:
    start = bar_at(Resolution(resolution), UTC_ZONE, NOON).start
    most = {"60": 4, "240": 16}.get(resolution, 60)
    parts = [part(o, max(o, c) + up, min(o, c) * (1 - down), c, volume=v) for o, up, down, c, v in drawn[:most]]
    split = min(split, len(parts) - 1)
    forming = formation(resolution)
    early = stored(*((start + 900 * i, *parts[i][:4]) for i in range(split)))
    forming.seed(start, early, sum(p.volume for p in parts[:split]), start + 900 * split)
    for i in range(split, len(parts)):
        forming.on_live(start + 900 * i, parts[i])
        if i + 1 < len(parts):
            forming.on_closed(start + 900 * i, parts[i]._replace(volume=-1.0))
    state = forming.state()
    assert state is not None
    assert state.values[:4] == (
        parts[0].open,
        max(p.high for p in parts),
        min(p.low for p in parts),
        parts[-1].close,
    )
    assert state.values.volume == pytest.approx(sum(p.volume for p in parts))


def asked(resolution: str, until: int, countback: int | None = None, since: int = 0) -> Question:
    return Question("HOPPER:1", Resolution(resolution), since, until, countback)


def test_the_window_ends_with_the_last_bar_stamped_before_to() -> None:
    assert window(asked("15", NOON, 10), UTC_ZONE, NOON) == (0, NOON, 11)
    assert window(asked("15", NOON + 1, 10), UTC_ZONE, NOON).until == NOON + 900
    assert window(asked("60", NOON - 1, since=NOON - 7200), UTC_ZONE, NOON)[:2] == (NOON - 7200, NOON)
    assert window(asked("60", NOON, since=NOON - 7199), UTC_ZONE, NOON).since == NOON - 3600
    assert window(asked("1M", 0, since=0), UTC_ZONE, NOON).since > 0


def test_a_week_or_a_month_of_the_past_is_in_an_answer_to_its_end() -> None:
    later = NOON + 400 * 86_400
    for resolution in ("1W", "1M"):
        bar = bar_at(Resolution(resolution), UTC_ZONE, NOON)
        assert window(asked(resolution, NOON, 5), UTC_ZONE, later).until == bar.end
        assert window(asked(resolution, bar.time + 1, 5), UTC_ZONE, later).until == bar.end
        assert window(asked(resolution, bar.time, 5), UTC_ZONE, later).until == bar.start


def test_where_days_begin_before_their_stamp_today_is_in_an_answer_up_to_now() -> None:
    zone = ZoneInfo("Pacific/Auckland")
    now = int(datetime(2026, 3, 4, 20, tzinfo=UTC).timestamp())  # the fifth, there
    today = bar_at(Resolution.DAY, zone, now)
    assert today.start < now < today.time
    assert window(asked("1D", now, 5), zone, now).until == today.end
    assert window(asked("1D", today.time, 5), zone, now).until == today.start
    assert window(asked("1D", now - 3600, 5), zone, now).until == today.start, "a page of the past"


@pytest.mark.parametrize(
    "symbol", ["", "HOPPER:", "hopper:1", "HOPPER:1 ", "HOPPER:1\n", "HOPPER:é", "HOPPER:" + "1" * 65]
)
def test_symbols_that_name_nothing_are_not_there(symbol: str) -> None:
    with pytest.raises(NotFound):
        symbol_of(symbol)


@given(st.dictionaries(st.sampled_from(["symbol", "resolution", "from", "to", "countback"]), st.text(max_size=25)))
def test_no_text_breaks_a_question(parameters: dict[str, str]) -> None:
    try:
        asked_for = question({"symbol": "HOPPER:1", "resolution": "15", **parameters})
    except Invalid:
        return
    window(asked_for, UTC_ZONE, NOON)


def test_a_coin_as_base_has_eight_decimals() -> None:
    def hopper(base: str) -> Hopper:
        return Hopper(HopperId("1"), UserId("u"), "n", Exchange("e"), Asset(base), True, timedelta(seconds=60))

    assert symbol_info(hopper("BTC"), UTC_ZONE)["pricescale"] == 10**8
    assert symbol_info(hopper("EUR"), UTC_ZONE)["pricescale"] == 100
    assert symbol_info(hopper("EUR"), UTC_ZONE)["timezone"] == "Etc/UTC"
    assert symbol_info(hopper("EUR"), UTC_ZONE)["description"] == "n (paper)"
    assert [hit["ticker"] for hit in found([hopper("EUR")], "hopper:1")] == ["HOPPER:1"]
    assert found([hopper("EUR")], "x") == []
    assert shows_portfolios("", "")
    assert not shows_portfolios("stock", "")


def test_ten_marks_a_bar_at_most() -> None:
    def trade(number: int) -> Trade:
        at = datetime.fromtimestamp(NOON + number, UTC)
        pair = Pair(Exchange("e"), Asset("ETH"), Asset("USDT"))
        one = Decimal(1)
        return Trade(HopperId("1"), TradeId(str(number)), pair, Side.BUY, one, one, one, one, Asset("USDT"), at)

    marks = marks_of([trade(n) for n in range(20)], asked("15", NOON + 900, since=NOON), UTC_ZONE, is_masked=False)
    assert [mark["id"] for mark in marks] == [str(n) for n in range(10, 20)]
    assert marks_of([trade(0)], asked("15", NOON, since=NOON - 900), UTC_ZONE, is_masked=False) == []
