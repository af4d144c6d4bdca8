"""Figures, snapshots, wishes and leases come back as they were sent; nonsense is refused."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.clock import to_us
from cryptwire.codec.figure import (
    Lease,
    Wanted,
    keys_part,
    lease_from_wire,
    lease_to_wire,
    pair_snapshot_from_wire,
    pair_snapshot_to_wire,
    snapshot_from_wire,
    snapshot_to_wire,
    want_error_to_wire,
    wanted_from_wire,
    wanted_to_wire,
)
from cryptwire.domain.figure import Figure, FigureKey, PairSnapshot, Snapshot
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid
from generated.wire.v1 import figure_pb2 as pb

T = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
BTC = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))
RSI, BALANCE = FigureKey.of("rsi", "60"), FigureKey.of("balance")
FIGURES = {RSI: Figure(RSI, None, 3, T), BALANCE: Figure(BALANCE, 100.5, 1)}
SNAPSHOT = Snapshot(
    HopperId("1"), "s", 7, T, T, None, True, T, 60, 0.25, True, 3, Asset("USDT"), 100.5, None, 2, FIGURES
)  # fmt: skip


def test_snapshots_come_back() -> None:
    assert snapshot_from_wire(snapshot_to_wire(SNAPSHOT)) == SNAPSHOT
    assert SNAPSHOT.id == "s/7"
    pair = PairSnapshot(BTC, "s", 1, T, None, False, FIGURES)
    assert pair_snapshot_from_wire(pair_snapshot_to_wire(pair)) == pair


def test_keys_that_are_serialised_once_and_values_are_one_message() -> None:
    whole = pb.Figures.FromString(snapshot_to_wire(SNAPSHOT))
    keys = list(whole.figures.keys)
    whole.figures.ClearField("keys")
    joined = whole.SerializeToString() + keys_part([RSI, BALANCE])
    assert list(pb.Figures.FromString(joined).figures.keys) == keys
    assert snapshot_from_wire(joined) == SNAPSHOT


def test_wishes_and_leases_come_back() -> None:
    for wanted in (Wanted(HopperId("1"), ("rsi@60", "nonsense")), Wanted(BTC, ("price",))):
        assert wanted_from_wire(wanted_to_wire(wanted)) == wanted
    lease = Lease(T + timedelta(minutes=1), {"nonsense": "there is no such figure"})
    assert lease_from_wire(lease_to_wire(lease)) == lease
    with pytest.raises(Invalid, match="no sense"):
        lease_from_wire(want_error_to_wire("it makes no sense"))


@pytest.mark.parametrize(
    "damage",
    [
        {"hopper_id": ""},
        {"session": ""},
        {"base_currency": ""},
        {"balance": math.nan},
        {"unpriced_share": 1.5},
        {"unpriced_share": math.nan},
        {"at_us": 2**63 - 1},
    ],
)
def test_a_snapshot_that_cannot_be_is_refused(damage: dict[str, object]) -> None:
    message = pb.Figures.FromString(snapshot_to_wire(SNAPSHOT))
    for name, value in damage.items():
        setattr(message, name, value)
    with pytest.raises(Invalid):
        snapshot_from_wire(message.SerializeToString())


def test_columns_of_different_lengths_and_unknown_keys_are_refused() -> None:
    message = pb.Figures.FromString(snapshot_to_wire(SNAPSHOT))
    message.figures.values.append(1.0)
    with pytest.raises(Invalid, match="length"):
        snapshot_from_wire(message.SerializeToString())
    message = pb.Figures.FromString(snapshot_to_wire(SNAPSHOT))
    message.figures.keys[0] = "sharpe(length=3)"
    with pytest.raises(Invalid):
        snapshot_from_wire(message.SerializeToString())


@given(st.binary(max_size=200))
def test_noise_is_refused_or_makes_sense(noise: bytes) -> None:
    for read in (snapshot_from_wire, pair_snapshot_from_wire, wanted_from_wire, lease_from_wire):
        try:
            read(noise)
        except Invalid:
            continue


def test_a_moment_is_exact_to_the_microsecond() -> None:
    assert to_us(snapshot_from_wire(snapshot_to_wire(SNAPSHOT)).at) == to_us(T)
