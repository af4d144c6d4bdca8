"""What rules may be about: every figure there is, and the form of a rule set."""

from typing import Self

import strawberry

from api.schema.context import Info
from api.schema.rules import covered, field
from api.schema.scalars import Json
from cryptwire.codec import rule_set
from cryptwire.domain import figure
from cryptwire.domain.bar import Resolution


@covered("view", "rules")
@strawberry.type(description="A number of a figure.")
class FigureParameter:
    name: str = strawberry.field(description="As it stands in the figure's text.")
    usual: float = strawberry.field(description="What it is when it is left out.")
    least: float = strawberry.field(description="The least it may be.")
    most: float = strawberry.field(description="The most it may be.")
    is_whole: bool = strawberry.field(description="True when it is a whole number.")


@covered("view", "rules")
@strawberry.type(description="Something that is measured of a hopper or a pair, written as rsi(length=14)@60.")
class FigureDefinition:
    name: str = strawberry.field(description="How its text begins.")
    meaning: str = strawberry.field(description="What it is.")
    unit: str = strawberry.field(
        description="price (a hopper's base currency, a pair's quote), amount (base currency), fraction (0.05 is 5 %),"
        " percent (0 to 100), count, volume or number."
    )
    parameters: list[FigureParameter] = strawberry.field(description="In this order.")
    is_of_bars: bool = strawberry.field(description="True when its text ends with @ and a resolution.")
    is_of_hoppers: bool = strawberry.field(description="True when it is told of hoppers.")
    is_of_pairs: bool = strawberry.field(description="True when it is told of pairs.")
    needs_volume: bool = strawberry.field(description="True when there is none without volume.")

    @classmethod
    def of(cls, name: str, one: figure.Definition) -> Self:
        return cls(
            name=name,
            meaning=one.meaning,
            unit=one.unit,
            parameters=[
                FigureParameter(
                    name=each.name, usual=each.usual, least=each.least, most=each.most, is_whole=each.is_whole
                )
                for each in one.parameters
            ],
            is_of_bars=one.of_bars,
            is_of_hoppers=one.of_hoppers,
            is_of_pairs=one.of_pairs,
            needs_volume=one.needs_volume,
        )


@covered("view", "rules")
@strawberry.type(description="Every figure there is.")
class FigureCatalogue:
    figures: list[FigureDefinition] = strawberry.field(description="By name.")
    resolutions: list[str] = strawberry.field(description="What may stand behind the @, the finest first.")


@strawberry.type
class FigureQuery:
    @field("view", "rules", "Every figure that a rule may be about.")
    async def figure_catalogue(self, info: Info) -> FigureCatalogue:
        return FigureCatalogue(
            figures=[FigureDefinition.of(name, one) for name, one in sorted(figure.CATALOGUE.items())],
            resolutions=[each.value for each in Resolution],
        )

    @field("view", "rules", "The JSON schema of a rule set's body (draft 2020-12), by which it is checked here, too.")
    async def rule_set_schema(self, info: Info) -> Json:
        return Json(rule_set.schema())
