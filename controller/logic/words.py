"""Numbers as people read them."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from cryptwire.domain.figure import FigureKey
from cryptwire.domain.hopper import Asset

Text: TypeAlias = str | Callable[[], str]
"""Words, or what makes them when somebody reads them: of thousands of verdicts a second few are read."""


def money(amount: float, base: Asset) -> str:
    """``10,450 USDT``; as many digits as a price of that size needs."""
    return f"{number(amount)} {base}"


def number(value: float) -> str:
    """Whole above a thousand, two digits above one, then four that count."""
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:,.2f}".rstrip("0").rstrip(".") if size >= 1 else f"{value:.4g}"


def percent(share: float) -> str:
    """0.031 is ``3.1 %``."""
    return f"{share * 100:.4g} %" if abs(share) >= 0.0995 else f"{share * 100:.2g} %"


def figure_value(key: FigureKey, value: float, base: Asset) -> str:
    """A figure's value in its unit."""
    match key.definition.unit:
        case "fraction":
            return percent(value)
        case "percent":
            return f"{number(value)} %"
        case "amount":
            return money(value, base)
        case _:
            return number(value)


def duration(seconds: float) -> str:
    """The largest whole unit: ``90 minutes``, ``1 hour``, ``3 days``."""
    for name, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            return counted(int(seconds // size), name)
    return counted(seconds, "second")


def counted(count: float, name: str) -> str:
    return f"{count:g} {name}{'' if count == 1 else 's'}"


def listed(words: Iterable[str], last: str = "and") -> str:
    """``a, b and c``."""
    *most, end = list(words) or [""]
    return f"{', '.join(most)} {last} {end}" if most else end
