"""Packs of trades come back as they were, and what is none is said."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.codec.trade_pack import trade_pack_from_bytes, trade_pack_to_bytes
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.trade_columns import NEVER, TradeColumns
from cryptwire.errors import Corrupt, Invalid
from tests.unit.cryptwire.domain.trade_rows import TradeRow, columns_of, rows, rows_of

ONE = HopperId("1")
RESULTS = st.lists(rows(hoppers=("1",)), max_size=12)


@given(RESULTS)
def test_they_come_back_as_they_were(told: list[TradeRow]) -> None:
    there = [replace(one, has_result=True) for one in told]
    packed = trade_pack_to_bytes(columns_of(there))
    assert rows_of(trade_pack_from_bytes(packed, ONE)) == there
    assert packed == trade_pack_to_bytes(trade_pack_from_bytes(packed, ONE))


@given(RESULTS, st.data())
def test_what_is_cut_longer_or_of_another_version_is_no_pack(told: list[TradeRow], data: st.DataObject) -> None:
    packed = trade_pack_to_bytes(columns_of([replace(one, has_result=True) for one in told]))
    cut = packed[: data.draw(st.integers(0, len(packed) - 1))]
    other = packed.replace(b'"version":1', b'"version":2', 1)
    for wrong in (cut, packed + b"1", other, b"", b"\xff" * 40):
        with pytest.raises(Corrupt):
            trade_pack_from_bytes(wrong, ONE)


def test_trades_without_a_result_and_of_several_hoppers_are_not_packed() -> None:
    row = TradeRow("1", "1", 0)
    for wrong in ([replace(row, has_result=False)], [row, replace(row, hopper="2")]):
        with pytest.raises(Invalid, match="one hopper"):
            trade_pack_to_bytes(columns_of(wrong))


def test_nothing_is_a_pack_too() -> None:
    none = trade_pack_from_bytes(trade_pack_to_bytes(columns_of([])), ONE)
    assert isinstance(none, TradeColumns)
    assert len(none) == len(none.closed.trade) == 0


def test_large_numbers_keep_all_digits() -> None:
    row = TradeRow("1", "1", 5, total=Decimal("123456789012345678901234567890.123456789012345678"), opened_at=NEVER)
    (back,) = rows_of(trade_pack_from_bytes(trade_pack_to_bytes(columns_of([row])), ONE))
    assert back == row
