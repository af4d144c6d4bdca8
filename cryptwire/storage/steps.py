"""Rates that a statement converts with: what one unit of a currency is worth from each of some moments on.

Two years are 17,000 of them. They travel as two texts, since making each a value of PostgreSQL's takes longer than the
sums over 50,000 trades that are converted with them.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from cryptwire.domain.conversion import Conversion

_NOBODY_KNOWS = "-"


class Steps(NamedTuple):
    """Words apart by blanks, of both as many: ``seconds``, whole ones since the epoch in order, at which a step begins,
    and its ``rates``, or that nobody knows.
    """

    seconds: str
    rates: str


def steps_of(conversion: Conversion, since: datetime, until: datetime) -> Steps | None:
    """Those that count somewhere in ``[since, until]``; None: nothing is converted."""
    if conversion.is_identity:
        return None
    return _steps(*conversion.steps(since, until))


def steps_at(conversion: Conversion, moments: Sequence[datetime]) -> Steps | None:
    """Those that count at some ``moments``, ascending."""
    if conversion.is_identity:
        return None
    seconds = sorted({int(moment.timestamp() // 1) for moment in moments})
    return _steps(seconds, conversion.exactly_at(np.array(seconds, np.int64)))


def _steps(seconds: Sequence[int], rates: Sequence[Decimal | None]) -> Steps:
    return Steps(" ".join(map(str, seconds)), " ".join(_NOBODY_KNOWS if rate is None else str(rate) for rate in rates))


def joined(number: int, at: str) -> str:
    """SQL that joins each row's step ``s``, the last one that began at or before ``at``; its ``rate`` is NULL where
    nobody knows, or no step has begun. ``number``: of the parameter that takes ``seconds``, before that of ``rates``.

    That numbers are distinct is plain to us; said, it tells the planner that no row becomes several.
    """
    return f"""
        LEFT JOIN (SELECT DISTINCT ON (number) number, rate
                     FROM unnest(string_to_array(${number + 1}, ' ', '{_NOBODY_KNOWS}')::numeric[])
                          WITH ORDINALITY AS told(rate, number)) s
               ON s.number = width_bucket(
                  {at}, ARRAY(SELECT to_timestamp(began::float8) FROM string_to_table(${number}, ' ') AS began))
    """  # noqa: S608 - parts of ours
