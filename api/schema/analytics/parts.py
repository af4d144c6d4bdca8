"""What the groups of figures have in common: a scope, what was read for it, and masking, which is done here alone."""

import copy
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache, wraps
from typing import Any, TypeVar

import strawberry
from strawberry.types.base import StrawberryContainer, StrawberryObjectDefinition, get_object_definition
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from api.handlers.analytics.reading import Reading
from api.handlers.analytics.scope import Scope
from api.schema.rules import covered, field
from cryptwire.domain.definitions import DEFINITIONS
from cryptwire.domain.masking import rough
from cryptwire.errors import Invalid

_AMOUNT, _QUOTIENT, _TRADED_AT = "amount", "quotient", "traded at"
Resolver = TypeVar("Resolver", bound=Callable[..., Awaitable[Any]])


@strawberry.type
class Part:
    """Base of the groups that ``Analytics`` is made of."""

    scope: strawberry.Private[Scope]
    reading: strawberry.Private[Reading]


def analytic(action: str, resource: str, description: str, **more: Any) -> Callable[[Resolver], Any]:
    """A field below ``Analytics``: what its resolver gives is told without amounts when the scope is masked."""

    def make(resolver: Resolver) -> Any:
        @wraps(resolver)
        async def told(self: Part, *arguments: Any, **named: Any) -> Any:
            answer = await resolver(self, *arguments, **named)
            return masked(answer) if self.scope.is_masked else answer

        return field(action, resource, description, **more)(told)

    return make


def amount(description: str, **more: Any) -> Any:
    """A field that is a float and yet money or units: it must be nullable, and is masked as a Decimal is."""
    return strawberry.field(description=description, metadata={_AMOUNT: True}, **more)


def plain(description: str, **more: Any) -> Any:
    """A field that is a Decimal and neither money nor units: a price, a percentage. It is told also when masked."""
    return strawberry.field(description=description, metadata={_AMOUNT: False}, **more)


def quotient(description: str, **more: Any) -> Any:
    """A field that is a Decimal and was made by dividing amounts: told in six digits when masked, as every float is."""
    return strawberry.field(description=description, metadata={_AMOUNT: False, _QUOTIENT: True}, **more)


def traded_at(description: str) -> Any:
    """A field that may be the moment of a single trade: who has a link is told the beginning of its day.

    By second and price the public tape of an exchange tells how much was traded.
    """
    said = f"{description.rstrip('.')}; for who has a link the beginning of that day, by its owner's clock."
    return strawberry.field(description=said, metadata={_TRADED_AT: True})


def is_traded_at(one: StrawberryField) -> bool:
    """Whether a field may be the moment of a single trade."""
    return bool(one.metadata.get(_TRADED_AT))


def is_amount(one: StrawberryField) -> bool:
    """Whether a field holds money or units: every Decimal does that does not say otherwise, and what says so."""
    return bool(one.metadata.get(_AMOUNT, leaf_of(one) is Decimal))


def is_quotient(one: StrawberryField) -> bool:
    """Whether a field may hold a number that amounts were divided for: every float may."""
    return bool(one.metadata.get(_QUOTIENT, leaf_of(one) is float))


def masked(answer: Any) -> Any:
    """The same without amounts: null in their place, in columns for each of their rows.

    What amounts were divided for is told in six digits: all of them would tell the amounts.
    """
    if isinstance(answer, list | tuple):
        return [masked(one) for one in answer]
    definition = get_object_definition(type(answer))
    if definition is None:
        return answer
    shown = copy.copy(answer)
    for name, left in _held(definition):
        value = getattr(shown, name)
        if value is not None:
            setattr(shown, name, left(value))
    return shown


@cache
def _held(definition: StrawberryObjectDefinition) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """The fields of a type that masking looks at, and what it leaves of them; others are left alone."""
    found: list[tuple[str, Callable[[Any], Any]]] = []
    for one in definition.fields:
        if one.base_resolver is not None:
            continue
        if is_amount(one):
            found.append((one.python_name, _nothing))
        elif is_quotient(one):
            found.append((one.python_name, _roughly))
        elif get_object_definition(leaf_of(one)) is not None:
            found.append((one.python_name, masked))
    return tuple(found)


def _nothing(value: Any) -> Any:
    return [None] * len(value) if isinstance(value, list) else None


def _roughly(value: Any) -> Any:
    if isinstance(value, list):
        return [None if one is None else rough(one) for one in value]
    return rough(value)


def leaf_of(one: StrawberryField) -> Any:
    """The type of a field without what says that it is a list or may be null."""
    kind: Any = one.type
    while isinstance(kind, StrawberryContainer):
        kind = kind.of_type
    return kind


@strawberry.input(description="From least to most, both among them; null: no bound. What is unknown is not between.")
class Between:
    least: Decimal | None = strawberry.field(default=None, description="The lower bound.")
    most: Decimal | None = strawberry.field(default=None, description="The upper bound.")

    def holds(self, value: Decimal | float | None) -> bool:
        """Whether a value is between; a float counts as it is told."""
        if value is None:
            return False
        told = Decimal(repr(value)) if isinstance(value, float) else value
        return (self.least is None or self.least <= told) and (self.most is None or told <= self.most)

    def coarse(self) -> "Between":
        """The same for what amounts were divided for, while they are masked: no finer than what is told of it."""
        least, most = (None if bound is None else rough(bound) for bound in (self.least, self.most))
        return Between(least=least, most=most)


def refuse_bounds(amounts: Mapping[str, Between | None]) -> None:
    """Refuse bounds of what is masked, by their names in Python: it could be found by asking again and again."""
    hidden = [to_camel_case(name) for name, said in amounts.items() if said is not None]
    if hidden:
        raise Invalid(f"amounts are masked: leave {', '.join(hidden)} out of the filter, or ask with masked: false")


@covered("view", "statistics")
@strawberry.type(
    description="A figure that is a number without unit: a ratio, a percentage as a fraction, a count of days."
)
class Ratio:
    value: float | None = strawberry.field(description="Null when it cannot be told; `note` says why.")
    sample_size: int = strawberry.field(description="From how many days, trades or results it is made.")
    definition: str = strawberry.field(description="What it is, in a sentence.")
    as_of: datetime | None = traded_at("How new what it is made of is; null: nothing is.")
    note: str | None = strawberry.field(description='What to know about it, such as "too short".')


@covered("view", "statistics")
@strawberry.type(description="A figure that is money.")
class Money:
    amount: Decimal | None = strawberry.field(description="Null when it cannot be told, or amounts are masked.")
    currency: str = strawberry.field(description="In which it is told.")
    sample_size: int = strawberry.field(description="From how many days, trades or results it is made.")
    definition: str = strawberry.field(description="What it is, in a sentence.")
    as_of: datetime | None = traded_at("How new what it is made of is; null: nothing is.")
    note: str | None = strawberry.field(description="What to know about it.")


def ratio(
    name: str, value: float | None, sample_size: int, as_of: datetime | None = None, note: str | None = None
) -> Ratio:
    """A figure by its name in ``cryptwire.domain.definitions``."""
    return Ratio(value=value, sample_size=sample_size, definition=DEFINITIONS[name], as_of=as_of, note=note)


def money(
    scope: Scope,
    name: str,
    sum_of_money: Decimal | None,
    sample_size: int,
    as_of: datetime | None = None,
    note: str | None = None,
) -> Money:
    """The same for an amount in the currency of ``scope``."""
    return Money(
        amount=sum_of_money,
        currency=scope.currency,
        sample_size=sample_size,
        definition=DEFINITIONS[name],
        as_of=as_of,
        note=note,
    )
