"""Columns of exact numbers against Decimals and fractions, one by one."""

from decimal import Context, Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.exact_column import BASE, ExactColumn, joined

D = Decimal
EXACT = Context(prec=5000)
NUMBERS = st.none() | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)
COLUMNS = st.lists(NUMBERS, max_size=30)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=20)
GROUPED = st.lists(st.tuples(NUMBERS, st.integers(0, 4)), max_size=40)


def apart(pairs: list[tuple[Decimal | None, Decimal | None]]) -> tuple[ExactColumn, ExactColumn]:
    return ExactColumn.of(one for one, _ in pairs), ExactColumn.of(two for _, two in pairs)


def total(column: ExactColumn) -> Decimal:
    return column.sums(np.zeros(len(column), np.int64), 1)[0]


@given(COLUMNS)
def test_numbers_come_back_as_they_were(numbers: list[Decimal | None]) -> None:
    column = ExactColumn.of(numbers)
    assert len(column) == len(numbers)
    assert column.numbers() == column.carried().numbers() == numbers


@given(COLUMNS)
def test_signs_and_floats(numbers: list[Decimal | None]) -> None:
    column = ExactColumn.of(numbers)
    assert column.signs().tolist() == [0 if one is None else (one > 0) - (one < 0) for one in numbers]
    assert column.signed(column.signs()).numbers() == [None if one is None else EXACT.abs(one) for one in numbers]
    expected = [np.nan if one is None else float(one) for one in numbers]
    np.testing.assert_allclose(column.about(), expected, rtol=1e-14, atol=0)


@given(PAIRS, st.lists(NUMBERS, min_size=20, max_size=20))
def test_products_and_sums_are_exact(
    pairs: list[tuple[Decimal | None, Decimal | None]], more: list[Decimal | None]
) -> None:
    one, two = apart(pairs)
    three = ExactColumn.of(more[: len(pairs)])
    with localcontext(EXACT):
        products = [None if a is None or b is None else a * b for a, b in pairs]
        of_three = [None if p is None or c is None else p * c for p, c in zip(products, more, strict=False)]
        added = [None if a is None or b is None else a + b for a, b in pairs]
        both = [None if p is None or s is None else p + s for p, s in zip(products, added, strict=True)]
    assert one.times(two).numbers() == products
    assert one.times(two).times(three).numbers() == three.times(two.times(one)).numbers() == of_three
    assert one.plus(two).numbers() == added
    assert one.times(two).plus(one.plus(two)).numbers() == both
    for column, exact in ((one.times(two), products), (one.plus(two), added)):
        floats = [np.nan if each is None else float(each) for each in exact]
        np.testing.assert_allclose(column.about(), floats, rtol=1e-14, atol=0)


@given(GROUPED)
def test_sums_by_groups(rows: list[tuple[Decimal | None, int]]) -> None:
    groups = np.array([group for _, group in rows], np.int64)
    expected = [
        sum((Fraction(one) for one, group in rows if one is not None and group == each), Fraction(0))
        for each in range(5)
    ]
    column = ExactColumn.of(one for one, _ in rows)
    for same in (column, column.carried(), column.times(ExactColumn.of([D(1)] * len(rows)))):
        assert list(map(Fraction, same.sums(groups, 5))) == expected
    assert Fraction(total(column)) == sum(expected)


def test_digits_that_could_become_too_large_are_carried_over_before() -> None:
    nines = D("99999999999999999999.99999999999999999999")
    column = ExactColumn.of([nines, -nines, None])
    power, expected = column, nines
    for _ in range(6):
        power = power.times(column)
        expected = EXACT.multiply(expected, nines)
        assert power.most < 2**53
        assert power.numbers()[0] == expected
    many = ExactColumn.of([D("9999")] * 50_000)
    squares = many.times(many).times(many)  # each digit as large as it gets
    assert total(squares) == 50_000 * D("9999") ** 3
    sum_of_many = squares
    for _ in range(15):
        sum_of_many = sum_of_many.plus(sum_of_many)
    assert total(sum_of_many) == 2**15 * 50_000 * D("9999") ** 3


def test_too_many_digits_are_said_and_not_rounded() -> None:
    too_long = ExactColumn(np.zeros((400_000_000, 0)), 0, np.ones(0, np.bool_), BASE / 2)
    with pytest.raises(OverflowError, match="too many digits"):
        too_long.times(too_long)


@given(st.lists(COLUMNS, max_size=4))
def test_parts_are_joined_chosen_and_left_out(parts: list[list[Decimal | None]]) -> None:
    numbers = [one for part in parts for one in part]
    column = joined([ExactColumn.of(part) for part in parts])
    assert column.numbers() == numbers
    odd = np.arange(len(numbers)) % 2 == 1
    assert column.at(odd).numbers() == column.at(np.flatnonzero(odd)).numbers() == numbers[1::2]
    assert column.only(odd).numbers() == [one if number % 2 else None for number, one in enumerate(numbers)]
    assert column.or_zero(odd).numbers() == [D(0) if number % 2 else one for number, one in enumerate(numbers)]


def test_zeros_at_the_end_are_not_told() -> None:
    told = ExactColumn.of([D("1.500"), D("1200"), D("-0.00"), D("1E+3")]).numbers()
    assert list(map(str, told)) == ["1.5", "1200", "0", "1000"]
