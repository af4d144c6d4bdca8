"""No amount is told when amounts are masked: in whatever type below Analytics it stands."""

from collections.abc import Iterator
from decimal import Decimal

import strawberry
from graphql import GraphQLList, GraphQLNonNull, GraphQLObjectType, get_named_type
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from api.schema import SCHEMA
from api.schema.analytics.parts import Money, Ratio, amount, is_amount, masked, plain

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


def test_every_amount_below_analytics_can_be_null() -> None:
    cannot = []
    for kind, name, declared in below("Analytics"):
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


@strawberry.type
class Table:
    rows: list[Row]
    best: Row | None
    column: list[Decimal | None]
    guesses: list[float | None] = amount("Guesses.")
    money: Money | None = None
    ratio: Ratio | None = None


def test_what_is_masked_has_its_shape_and_none_of_its_amounts() -> None:
    row = Row(worth=Decimal(5), price=Decimal(2), guess=1.5, share=0.5)
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
    assert hidden.ratio == ratio
    assert table.best is row
    assert row.worth == Decimal(5), "what others read is as it was"
    assert masked([table])[0].best.worth is None
    assert masked(None) is None
    assert masked(7) == 7
