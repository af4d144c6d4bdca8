"""No amount is told when amounts are masked: in whatever type below Analytics it stands."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

import pytest
import strawberry
from graphql import GraphQLList, GraphQLNonNull, GraphQLObjectType, get_named_type
from hypothesis import given
from hypothesis import strategies as st
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from api.schema import SCHEMA
from api.schema.analytics.parts import Money, Ratio, amount, is_amount, is_quotient, masked, plain, quotient

_BACK = GraphQLCoreConverter.DEFINITION_BACKREF


def below(name: str) -> Iterator[tuple[GraphQLObjectType, str, StrawberryField]]:
    """Every field of the types that can be reached from one, with its declaration."""
    seen, todo = set(), [SCHEMA._schema.type_map[name]]
    while todo:
        kind = todo.pop()
        if not isinstance(kind, GraphQLObjectType) or kind.name in seen:
            continue
        seen.add(kind.name)
        for field, one in kind.fields.items():
            declared = (one.extensions or {}).get(_BACK)
            assert isinstance(declared, StrawberryField)
            yield kind, field, declared
            todo.append(get_named_type(one.type))


@pytest.mark.parametrize(
    "root", ["Analytics", "ResultConnection", "TradeConnection", "FlowConnection", "DailyStatistics"]
)
def test_every_amount_below_can_be_null(root: str) -> None:
    cannot = []
    for kind, name, declared in below(root):
        if not is_amount(declared):
            continue
        type_ = kind.fields[name].type
        if isinstance(type_, GraphQLNonNull) and isinstance(type_.of_type, GraphQLList):
            type_ = type_.of_type.of_type  # a column: its rows can be null
        if isinstance(type_, GraphQLNonNull):
            cannot.append(f"{kind.name}.{name}")
    assert cannot == []


def test_no_amount_hides_behind_a_resolver_of_its_own() -> None:
    """What is computed when it is asked for would pass by masking, which looks at what was given."""
    hidden = [
        f"{kind.name}.{name}"
        for kind, name, declared in below("Analytics")
        if kind.name != "Analytics" and declared.base_resolver is not None
    ]
    assert hidden == []


@strawberry.type
class Row:
    worth: Decimal | None
    price: Decimal | None = plain("A price.")
    guess: float | None = amount("A guess.")
    share: float | None = None
    mean_price: Decimal | None = quotient("A price that a cost was divided for.")
    shares: list[float | None] = strawberry.field(default_factory=list)


@strawberry.type
class Table:
    rows: list[Row]
    best: Row | None
    column: list[Decimal | None]
    guesses: list[float | None] = amount("Guesses.")
    money: Money | None = None
    ratio: Ratio | None = None


def test_what_is_masked_has_its_shape_and_none_of_its_amounts() -> None:
    row = Row(worth=Decimal(5), price=Decimal(2), guess=1.5, share=0.5, mean_price=None)
    money = Money(amount=Decimal(3), currency="EUR", sample_size=2, definition="d", as_of=None, note=None)
    ratio = Ratio(value=0.5, sample_size=2, definition="d", as_of=None, note=None)
    table = Table(
        rows=[row, row], best=row, column=[Decimal(1), None], guesses=[1.0, 2.0, None], money=money, ratio=ratio
    )
    hidden = masked(table)
    assert [(one.worth, one.price, one.guess, one.share) for one in [*hidden.rows, hidden.best]] == [
        (None, Decimal(2), None, 0.5)
    ] * 3
    assert hidden.column == [None, None]
    assert hidden.guesses == [None, None, None]
    assert (hidden.money.amount, hidden.money.currency) == (None, "EUR")
    assert hidden.ratio.value == 0.5
    assert hidden.ratio.sample_size == 2
    assert table.best is row
    assert row.worth == Decimal(5), "what others read is as it was"
    assert masked([table])[0].best.worth is None
    assert masked(None) is None
    assert masked(7) == 7


def test_what_amounts_were_divided_for_is_told_in_six_digits() -> None:
    row = Row(
        worth=None,
        price=Decimal("0.010306295285838674"),
        guess=None,
        share=-0.001319540771785774,
        mean_price=Decimal("0.010306295285838674"),
        shares=[1 / 3, None, 0.0],
    )
    hidden = masked(row)
    assert (hidden.share, hidden.mean_price) == (-0.00131954, Decimal("0.0103063"))
    assert hidden.shares == [0.333333, None, 0.0]
    assert hidden.price == row.price, "prices of the market are nobody's amounts"


@given(st.integers(10**8, 10**9), st.integers(10**8, 10**9))
def test_no_quantity_is_found_in_a_masked_price(cost: int, quantity: int) -> None:
    """Both in steps of 1e-8, as exchanges count: eighteen decimals of their quotient tell them, in lowest terms."""
    price = (Decimal(cost) / Decimal(quantity)).quantize(Decimal("1e-18"))
    row = Row(worth=None, price=None, guess=None, mean_price=price, share=cost / quantity)
    assert lowest(row.mean_price) == Fraction(cost, quantity), "where nothing is hidden it is found"
    hidden = masked(row)
    for told in (hidden.mean_price, hidden.share):
        assert lowest(told).denominator <= 10**6, "as many fractions are near as there are quantities"


def lowest(price: Decimal | float | None) -> Fraction:
    """What somebody finds who looks for the fraction that a price is nearest to."""
    return Fraction(repr(price) if isinstance(price, float) else price or 0).limit_denominator(10**9)


def test_every_number_that_results_were_divided_for_says_so() -> None:
    said = {f"{kind.name}.{name}" for kind, name, one in below("Analytics") if is_quotient(one)}
    said |= {f"{kind.name}.{name}" for kind, name, one in below("ResultConnection") if is_quotient(one)}
    assert {"RankedResult.entryPrice", "RankedResult.exitPrice", "RankedResult.share"} <= said
    assert {"Result.entryPrice", "Result.exitPrice", "Result.gain"} <= said
    assert {"AnalyticsDays.return", "AnalyticsDays.usage", "Ratio.value"} <= said
