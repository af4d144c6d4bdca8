"""CSV as it is written here (RFC 4180): UTF-8, commas, CRLF, a head, a decimal point, nothing for what is not known.

Text that came from outside is kept from being a formula (cryptwire/domain/formula.py). Numbers are ours.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from cryptwire.domain.formula import FORMULA
from cryptwire.domain.masking import rough

_FORMULA = re.compile(FORMULA)


class Kind(Enum):
    """What a column holds, and how it is written."""

    TEXT = "text"
    """From outside."""
    WORD = "word"
    """One of ours."""
    NUMBER = "number"
    """A count, a ratio, a price."""
    RATIO = "ratio"
    """A number that amounts were divided for: in six digits when they are masked."""
    AMOUNT = "amount"
    """Money or units: empty when amounts are masked."""
    AMOUNTS = "amounts"
    """Several, with the names of coins from outside: empty when amounts are masked."""
    UTC = "UTC"
    """A moment, such as 2026-03-01T23:00:00Z."""
    LOCAL = "local time"
    """The same moment by the user's clock, such as 2026-03-02 00:00:00."""
    DATE = "date"
    TRUTH = "true or false"


@dataclass(frozen=True, slots=True)
class Column:
    """``meaning``: a sentence, for the documentation."""

    name: str
    kind: Kind
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """A kind of file: what it is called and holds."""

    name: str
    meaning: str
    columns: tuple[Column, ...]

    def head(self) -> bytes:
        """The first line."""
        return _lines([[column.name for column in self.columns]])

    def writer(self, zone: ZoneInfo, *, is_masked: bool) -> Callable[[Iterable[Sequence[Any]]], bytes]:
        """What makes lines of rows, whose cells are in the order of the columns; None is an empty cell."""
        cells = [_cell(column.kind, zone, is_masked=is_masked) for column in self.columns]

        def write(rows: Iterable[Sequence[Any]]) -> bytes:
            return _lines(
                [
                    "" if value is None else cell(value)
                    for cell, value in zip(cells, row, strict=True)  # a row that lacks a cell is a fault of ours
                ]
                for row in rows
            )

        return write


def plain(text: str) -> str:
    """Text from outside, so that no spreadsheet takes any of it for a formula."""
    return _FORMULA.sub("'", text)


def number(value: Decimal | float) -> str:
    """Digits and a decimal point, never an exponent; empty for what is no number."""
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not exact.is_finite():
        return ""
    text = format(exact, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _cell(kind: Kind, zone: ZoneInfo, *, is_masked: bool) -> Callable[[Any], str]:
    if kind in (Kind.AMOUNT, Kind.AMOUNTS) and is_masked:
        return _nothing
    if kind is Kind.RATIO and is_masked:
        return lambda value: number(rough(value))
    if kind is Kind.LOCAL:
        return lambda moment: _local(moment, zone)
    return _CELLS[kind]


def _nothing(_: object) -> str:
    return ""


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).replace(tzinfo=None).isoformat(" ", "seconds")


def _number(value: Decimal | float) -> str:
    return str(value) if isinstance(value, int) else number(value)


def _date(day: date) -> str:
    return day.isoformat()


def _truth(is_so: bool) -> str:
    return "true" if is_so else "false"


_CELLS: dict[Kind, Callable[[Any], str]] = {
    Kind.TEXT: plain,
    Kind.WORD: str,
    Kind.NUMBER: _number,
    Kind.RATIO: number,
    Kind.AMOUNT: _number,
    Kind.AMOUNTS: plain,
    Kind.UTC: _utc,
    Kind.DATE: _date,
    Kind.TRUTH: _truth,
}


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()
