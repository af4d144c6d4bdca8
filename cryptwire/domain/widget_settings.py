"""Settings of a widget: what a value may be, and what it is when it is left out.

What types, options, bounds and patterns say the schema made of these checks (``codec/dashboard_schema.py``); what a
schema cannot say ``read`` does.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from cryptwire.domain.day_range import range_json, range_of
from cryptwire.errors import Invalid


@dataclass(frozen=True, slots=True)
class Choice:
    """One of ``options``."""

    options: tuple[str, ...]
    usual: str


@dataclass(frozen=True, slots=True)
class Choices:
    """Some of ``options``, one at least, each once, in the order in which they are shown."""

    options: tuple[str, ...]
    usual: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Switch:
    """On or off."""

    usual: bool


@dataclass(frozen=True, slots=True)
class Either:
    """On, off, or null for what the account has."""

    usual: None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number."""

    least: int
    most: int
    usual: int


@dataclass(frozen=True, slots=True)
class Number:
    """A number."""

    least: float
    most: float
    usual: float


@dataclass(frozen=True, slots=True)
class Note:
    """A text in lines."""

    most: int
    usual: str = ""


@dataclass(frozen=True, slots=True)
class Days:
    """A range of days (``cryptwire.domain.day_range``)."""

    usual: str = "30d"


@dataclass(frozen=True, slots=True)
class Form:
    """Text of a form, or null. ``pattern`` is a regular expression that Python and ECMAScript read alike, ``example``
    what it looks like.
    """

    pattern: str
    example: str
    usual: None = None


@dataclass(frozen=True, slots=True)
class Forms:
    """Texts of a form, each once, ``most`` at most."""

    pattern: str
    example: str
    most: int
    may_be_null: bool = False

    @property
    def usual(self) -> tuple[str, ...] | None:
        return None if self.may_be_null else ()


Setting: TypeAlias = Choice | Choices | Switch | Either | Whole | Number | Note | Days | Form | Forms

MEANINGS: Mapping[str, str] = {
    "hoppers": "Ids of hoppers; null: all of the kind.",
    "kind": "Whether hoppers that trade with real money or with play money are meant; they are never summed.",
    "range": "Over which days: a name, or dates, both among them; without until to today.",
    "currency": "In which amounts are shown; null: the account's.",
    "masked": "Whether amounts are hidden; null: as the account has it.",
    "table": "As a table instead of a chart.",
    "resolution": "How coarse the candles are, in TradingView's words.",
    "flow_adjusted": "The index, on which deposits and withdrawals leave no trace, instead of the value.",
    "flows": "Deposits and withdrawals as arrows.",
    "volume": "What was bought and sold, below the candles.",
    "logarithmic": "A logarithmic scale.",
    "figures": "Which figures, in this order.",
    "unit": "What one of the shown things stands for.",
    "measure": "What is measured.",
    "rows": "What makes a row.",
    "columns": "What makes a column.",
    "sort": "By what it is sorted.",
    "descending": "The largest first.",
    "chart": "What is drawn.",
    "count": "How many at most.",
    "by": "By what it is told.",
    "benchmarks": "What it is compared with.",
    "large": "From this market cap in USD on a coin is large.",
    "mid": "From this market cap in USD on a coin is of medium size.",
    "modes": "Rule sets in which mode.",
    "split": "Winners and losers apart.",
    "pair": "Exchange and pair; null: that of the largest position.",
    "marks": "One's own buys and sells.",
    "average_cost": "The average cost of what is held, as a line.",
    "stop": "The stop, as a line.",
    "pairs": "Exchanges and pairs.",
    "note": "Whatever one wants to remember.",
}
"""What each setting is, by its name."""


def read(setting: Setting, value: object) -> object:
    """A value that is of the setting's schema, in its one canonical form; raises Invalid for what no schema says."""
    match setting:
        case Whole():
            return int(_number(value))
        case Number():
            number = _number(value)
            if not math.isfinite(number):
                raise Invalid("is a finite number")
            return number
        case Days():
            return range_json(range_of(value))
        case Note():
            if not is_readable(str(value), in_lines=True):
                raise Invalid("is text that can be printed")
        case Form():
            if value is not None and not is_readable(str(value)):
                raise Invalid(f"is written as {setting.example}")
        case Forms() | Choices():
            texts = None if value is None else [str(each) for each in value]  # type: ignore[attr-defined]
            if isinstance(setting, Forms) and not all(map(is_readable, texts or ())):
                raise Invalid(f"are written as {setting.example}")
            return texts
        case _:
            pass
    return value


def _number(value: object) -> float:
    return float(value)  # type: ignore[arg-type]  # the schema says so


def is_readable(text: str, *, in_lines: bool = False) -> bool:
    """Whether a person can read it, and a database keep it."""
    return all(each.isprintable() or (in_lines and each == "\n") for each in text)
