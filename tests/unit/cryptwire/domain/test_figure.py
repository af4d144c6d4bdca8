"""One figure has one key, and the key says all of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptwire.domain.figure import CATALOGUE, FigureKey, figure_key
from cryptwire.errors import Invalid
from tests.rule_sets import keys


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("balance", "balance"),
        ("rsi@60", "rsi(length=14)@60"),
        ("rsi(length=21)@D", "rsi(length=21)@1D"),
        ("rsi()@1W", "rsi(length=14)@1W"),
        ("macd.signal(signal=5)@240", "macd.signal(fast=12,slow=26,signal=5)@240"),
        ("bollinger.upper(deviations=2.5)@15", "bollinger.upper(length=20,deviations=2.5)@15"),
        ("bollinger.upper(deviations=2.0)@15", "bollinger.upper(length=20,deviations=2)@15"),
        ("change(minutes=5)", "change(minutes=5)"),
        ("drawdown(minutes=525600)", "drawdown(minutes=525600)"),
        ("keltner.upper(multiplier=1.23456789)@60", "keltner.upper(length=20,multiplier=1.23456789)@60"),
    ],
)
def test_what_is_left_out_is_usual(text: str, key: str) -> None:
    assert str(figure_key(text)) == key
    assert figure_key(key) == figure_key(text)


@settings(deadline=None)
@given(st.one_of(keys(of_pair=True), keys(of_pair=False)))
def test_a_key_is_written_so_that_it_is_read_as_the_same(key: FigureKey) -> None:
    assert figure_key(str(key)) == key


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no figure"),
        ("RSI@60", "is no figure"),
        ("rsi (length=14)@60", "is no figure"),
        ("rsi(length=14)@60\n", "is no figure"),
        ("x" * 121, "is no figure"),
        ("foo", "there is no figure 'foo'"),
        ("rsi(length=14)", "resolution"),
        ("rsi(length=14)@30", "resolution"),
        ("balance@60", "no resolution"),
        ("rsi(length=1)@60", "length of rsi is 2 to 500"),
        ("rsi(length=501)@60", "length of rsi is 2 to 500"),
        ("rsi(length=2.5)@60", "whole number"),
        ("rsi(length=nan)@60", "names no number"),
        ("rsi(length=inf)@60", "names no number"),
        ("rsi(length=1_4)@60", "names no number"),
        ("rsi(length)@60", "names no number"),
        ("rsi(14)@60", "names no number"),
        ("rsi(width=3)@60", "no parameter 'width'"),
        ("rsi(length=3,length=4)@60", "comes twice"),
        ("macd(fast=26,slow=26)@60", "fast of macd is below slow"),
        ("macd(fast=30)@60", "fast of macd is below slow"),
        ("positions(minutes=3)", "no parameter 'minutes'"),
    ],
)
def test_what_is_no_figure_is_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(Invalid, match="(?i)" + says.replace("(", r"\(")):
        figure_key(text)


def test_a_key_that_is_made_by_hand_is_held_to_the_same() -> None:
    with pytest.raises(Invalid, match="1 parameters, not 0"):
        FigureKey("rsi", (), "60")
    with pytest.raises(Invalid, match="2 to 500"):
        FigureKey("rsi", (float("nan"),), "60")
    with pytest.raises(Invalid, match="written 1D, not D"):
        FigureKey("rsi", (14.0,), "D")


@settings(deadline=None)
@given(st.text(max_size=130))
def test_any_text_is_a_figure_or_refused(text: str) -> None:
    try:
        key = figure_key(text)
    except Invalid:
        return
    assert figure_key(str(key)) == key


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_the_catalogue_keeps_its_own_limits(name: str) -> None:
    definition = CATALOGUE[name]
    assert definition.of_hoppers or definition.of_pairs
    assert definition.unit in {"price", "amount", "fraction", "percent", "count", "volume", "number"}
    for parameter in definition.parameters:
        assert parameter.least <= parameter.usual <= parameter.most
    key = FigureKey.of(name, "60" if definition.of_bars else "")
    assert figure_key(str(key)) == key
    assert len(str(key)) <= 120
