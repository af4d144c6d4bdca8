"""What is left of numbers while amounts are masked."""

from decimal import Context, Decimal
from typing import TypeVar

_DIGITS = 6
_ROUNDED = Context(prec=_DIGITS)
T = TypeVar("T", float, Decimal)


def rough(number: T) -> T:
    """A number that was made of amounts, in six digits: enough to read, too few to find the amounts again.

    A price of 0.010306295285838674 that is a cost in satoshis divided by a quantity in steps of 1e-8 is so of one
    quantity alone, which a continued fraction tells; of 0.0103063 it is so of millions.
    """
    if isinstance(number, Decimal):
        return _ROUNDED.plus(number)
    return float(f"{number:.{_DIGITS}g}")
