"""Quotients in columns against Decimal's, one by one."""

from decimal import Context, Decimal

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from cryptwire.domain.quotients import Scaled, quotients, scaled, times

D = Decimal
ROUNDED = Context(prec=20)
NUMBERS = st.tuples(st.integers(1, 10**15 - 1), st.integers(0, 18))
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=20)


def apart(numbers: list[tuple[int, int]]) -> Scaled:
    return Scaled(*(np.array([each[place] for each in numbers], np.int64) for place in (0, 1)))


def number(told: tuple[int, int]) -> Decimal:
    return D(told[0]).scaleb(-told[1])


@given(PAIRS)
@example([((1, 0), (3, 0)), ((2, 0), (3, 0)), ((999_999_999_999_999, 0), (1, 18)), ((1, 18), (999_999_999_999_999, 0))])
@example([((10**15 - 1, 3), (10**15 - 2, 3)), ((5, 0), (5, 7)), ((1, 0), (2**49, 0))])
def test_they_are_rounded_as_decimals_are(pairs: list[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    is_known = np.arange(len(pairs)) % 3 != 1
    found = quotients(apart([one for one, _ in pairs]), apart([two for _, two in pairs]), is_known)
    assert found is not None
    expected = [
        ROUNDED.divide(number(one), number(two)) if known else None
        for (one, two), known in zip(pairs, is_known, strict=True)
    ]
    assert found.numbers() == expected


def test_half_goes_to_even_and_nines_are_carried() -> None:
    # 2^n in the denominator ends exactly: the twenty-first digit can be a five with nothing behind it
    pairs = [((numerator, 0), (2**power, 0)) for power in range(6, 12) for numerator in range(10**14 + 1, 10**14 + 60)]
    found = quotients(apart([one for one, _ in pairs]), apart([two for _, two in pairs]), np.ones(len(pairs), np.bool_))
    assert found is not None
    exact = [Context(prec=60).divide(number(one), number(two)).as_tuple().digits for one, two in pairs]
    assert {digits[19] % 2 for digits in exact if len(digits) == 21 and digits[20] == 5} == {0, 1}
    assert found.numbers() == [ROUNDED.divide(number(one), number(two)) for one, two in pairs]
    nines = [((999_999_999_999_999, 0), (10**k, 0)) for k in range(15)]
    found = quotients(apart([one for one, _ in nines]), apart([two for _, two in nines]), np.ones(15, np.bool_))
    assert found is not None
    assert found.numbers() == [ROUNDED.divide(number(one), number(two)) for one, two in nines]


@given(st.lists(NUMBERS, max_size=10))
def test_texts_are_read(numbers: list[tuple[int, int]]) -> None:
    texts = [format(number(one), "f") for one in numbers]
    read = scaled(np.array(texts, np.bytes_))
    if read is None:
        assert any(len(text.replace(".", "")) > 18 for text in texts)
    else:
        assert [D(w).scaleb(-s) for w, s in zip(read.whole.tolist(), read.scale.tolist(), strict=True)] == [
            D(text) for text in texts
        ]


def test_what_is_no_plain_number_or_too_long_is_left_to_others() -> None:
    for text in (b"1E-7", b"-1", b"1 ", b"0." + b"1" * 19):
        assert scaled(np.array([b"1", text])) is None
    one, none, long = Scaled(*np.ones((2, 1), np.int64)), Scaled(*np.zeros((2, 1), np.int64)), apart([(10**15, 0)])
    known = np.ones(1, np.bool_)
    assert quotients(one, none, known) is quotients(none, one, known) is quotients(long, one, known) is None
    assert times(apart([(10**8, 0)]), apart([(10**7, 0)])) is None
    assert times(apart([(10**8, 3)]), apart([(10**6, 2)])) is not None
