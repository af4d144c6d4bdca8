"""What a currency is worth over time: the same as a plain look at what was told, and never made up."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.conversion import COIN_HELD, FRESH, NOTHING, Conversion, Tellings, Told, held, joined, worth
from cryptwire.domain.hopper import Asset

EUR, BTC, USD, USDT, ETH = map(Asset, ("EUR", "BTC", "USD", "USDT", "ETH"))
HOUR = 3600
T = 1_760_000_400  # a full hour


@dataclass(frozen=True)
class Word:
    at: int
    by: Told
    number: str


def tellings(words: list[Word]) -> Tellings:
    ordered = sorted(words, key=lambda word: (word.at, word.by))
    return Tellings(
        np.array([word.at for word in ordered], np.int64),
        np.array([word.by for word in ordered], np.int8),
        np.array([float(word.number) for word in ordered]),
        np.array([word.number.encode() for word in ordered], np.bytes_),
    )


def plainly(asset: Asset, words: list[Word], at: int) -> Fraction | None:
    """Dollars for one unit, by looking at every word."""
    if asset == USD:
        return Fraction(1)
    spoken = [word for word in words if word.at <= at and at - word.at < held(asset).total_seconds()]
    fresh = [word for word in spoken if at - word.at < min(held(asset), FRESH).total_seconds()]
    if fresh:
        best = min(fresh, key=lambda word: (word.by, -word.at))
    elif spoken:
        best = min(spoken, key=lambda word: (-word.at, word.by))
    else:
        return Fraction(1) if asset == USDT else None
    number = Fraction(best.number)
    return number if best.by is Told.LISTED else 1 / number


def conversion(
    source: Asset, of_source: list[Word], target: Asset, of_target: list[Word], since: int = T, until: int = T + 90_000
) -> Conversion:
    return Conversion(
        worth(source, tellings(of_source), since, until),
        worth(target, tellings(of_target), since, until),
        datetime.fromtimestamp(since, UTC),
        datetime.fromtimestamp(until, UTC),
    )


def moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def words(of: st.SearchStrategy[Told]) -> st.SearchStrategy[list[Word]]:
    one = st.builds(
        Word,
        st.integers(-80, 40).map(lambda quarter: T + quarter * 3_000),
        of,
        st.decimals("0.0000001", "9999999", places=7, allow_nan=False).map(str),
    )
    return st.lists(one, max_size=12, unique_by=lambda word: (word.at, word.by))


@given(
    st.sampled_from([EUR, BTC, USD, USDT]), words(st.sampled_from(Told)), st.sampled_from([ETH, USD]),
    words(st.sampled_from(Told)), st.integers(0, 90_000), st.integers(0, 90_000),
)  # fmt: skip
def test_a_rate_is_what_a_look_at_every_word_says(
    source: Asset, of_source: list[Word], target: Asset, of_target: list[Word], first: int, second: int
) -> None:
    since, until = T + min(first, second), T + max(first, second)
    told = conversion(source, of_source, target, of_target, since, until)
    steps, rates = told.steps(moment(since), moment(until))
    assert steps == sorted(set(steps))
    assert steps[0] == since
    if source != target:
        seconds, columns = told.columns(moment(since), moment(until))
        assert (seconds.tolist(), columns.numbers()) == (steps, rates)
    looked = [*range(since, until, 999), until]
    for at, rate in zip(looked, told.at(np.array(looked, np.int64)).tolist(), strict=True):
        a, b = plainly(source, of_source, at), plainly(target, of_target, at)
        exact = told.exactly(moment(at))
        assert told.exactly_at(np.array([at])) == [exact]
        assert exact == rates[max(n for n, step in enumerate(steps) if step <= at)]
        if source == target or a is None or b is None:
            assert (exact is None) == (source != target)
            assert np.isnan(rate) == (source != target)
            continue
        assert exact is not None
        assert abs(Fraction(exact) / (a / b) - 1) < Fraction(1, 10**19)
        assert rate == pytest.approx(float(a / b), rel=1e-14)


def test_a_listed_price_goes_before_others_while_its_source_speaks() -> None:
    listed = [Word(T, Told.LISTED, "100")]
    others = [Word(T + HOUR, Told.PUBLISHED, "0.02"), Word(T + 3 * HOUR, Told.TRADED, "0.04")]
    told = conversion(BTC, listed + others, USD, [])
    at = np.array([T - 1, T, T + 2 * HOUR - 1, T + 2 * HOUR, T + 3 * HOUR - 1, T + 3 * HOUR, T + 20 * HOUR])
    assert told.at(at).tolist()[1:] == [100, 100, 50, 50, 25, 25]
    assert np.isnan(told.at(at)[0]), "it was not asked for"


def test_the_last_word_stands_for_two_days_of_a_coin_and_thirty_of_money() -> None:
    for asset, days in ((BTC, 2), (EUR, 30)):
        told = conversion(asset, [Word(T, Told.PUBLISHED, "0.5")], USD, [], T - HOUR, T + 31 * 86_400)
        end = T + days * 86_400
        before, *known, after = told.at(np.array([T - 1, T, end - 1, end])).tolist()
        assert known == [2, 2]
        assert np.isnan([before, after]).all()
        assert told.steps(told.since, told.until) == ([T - HOUR, T, end], [None, Decimal(2), None])
        assert not told.is_known
    assert timedelta(days=2) == COIN_HELD


def test_a_coin_backed_by_dollars_is_one_where_nobody_tells_and_that_is_said() -> None:
    told = conversion(USDT, [Word(T + HOUR, Told.LISTED, "0.998")], EUR, [Word(T, Told.OF_THE_DAY, "0.9")])
    assert told.exactly(moment(T)) == Decimal("0.9")
    assert told.exactly(moment(T + HOUR)) == Decimal("0.8982")
    assert told.note == "where nobody tells its price USDT counts as one US dollar"
    assert told.is_known
    others = conversion(BTC, [Word(T, Told.TRADED_FOR_ONE, "0.00001")], USD, [])
    assert others.note == "BTC is priced in a coin that was taken as one US dollar"
    assert conversion(BTC, [Word(T, Told.TRADED, "0.00001")], USD, []).note is None
    assert conversion(USD, [], Asset("XYZ"), []).note == "nobody tells what XYZ is worth"


def test_a_currency_in_itself_is_one_and_needs_nobody() -> None:
    told = conversion(ETH, [], ETH, [])
    assert told.at(np.array([0, T, 2**40])).tolist() == [1, 1, 1]
    assert told.exactly(moment(0)) == 1
    assert told.steps(told.since, told.until) == ([T], [Decimal(1)])
    assert (told.published_at, told.note, told.is_known, told.is_identity) == (None, None, True, True)


def test_two_coins_meet_in_dollars_to_the_twentieth_digit() -> None:
    told = conversion(BTC, [Word(T, Told.LISTED, "97123.4567891234567")], ETH, [Word(T, Told.PUBLISHED, "0.0003")])
    assert told.exactly(moment(T)) == Decimal("29.13703703673703701")
    thirds = conversion(BTC, [Word(T, Told.PUBLISHED, "3")], USD, [])
    assert thirds.exactly(moment(T)) == Decimal("0.33333333333333333333")


def test_its_age_is_that_of_the_older_of_the_two_newest_words() -> None:
    euro = [Word(T + 2 * HOUR, Told.PUBLISHED, "0.9")]
    assert conversion(BTC, [Word(T + HOUR, Told.LISTED, "1")], EUR, euro).published_at == moment(T + HOUR)
    assert conversion(USD, [], EUR, euro).published_at == moment(T + 2 * HOUR)
    assert conversion(BTC, [], EUR, euro).published_at == moment(T + 2 * HOUR)


def test_parts_follow_each_other() -> None:
    parts = [tellings([Word(T + n, Told.LISTED, f"1{n}")]) for n in range(3)]
    assert joined([NOTHING, *parts]).texts.tolist() == [b"10", b"11", b"12"]
    assert joined([]) is NOTHING
