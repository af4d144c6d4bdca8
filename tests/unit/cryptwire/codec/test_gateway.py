"""The gateway's values come back from the wire as they went."""

from datetime import timedelta
from decimal import Decimal

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.clock import EPOCH, MICROSECOND, from_us
from cryptwire.codec import gateway as codec
from cryptwire.domain.account import Order, OutputEntry, Reserved, Short
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, LinkedHopper, UserId
from cryptwire.domain.trade import Side
from cryptwire.errors import Invalid
from generated.wire.v1 import gateway_pb2 as pb

USER = UserId("7e1f27d4-0000-4000-8000-000000000001")
moments = st.integers(1, 2**52).map(from_us)
amounts = st.decimals(0, Decimal("1e18"), allow_nan=False, allow_infinity=False, places=12)
words = st.text(st.characters(codec="utf-8"), max_size=20)
assets = st.sampled_from([Asset("BTC"), Asset("USDT")])
hoppers = st.builds(
    Hopper,
    st.builds(HopperId, words),
    st.just(USER),
    words,
    st.builds(Exchange, words),
    assets,
    st.booleans(),
    st.timedeltas(timedelta(0), timedelta(days=1)),
)


@given(
    st.builds(
        LinkedHopper,
        hoppers,
        st.booleans(),
        words,
        st.none() | amounts,
        st.none() | moments,
        st.booleans(),
        st.booleans(),
        words,
    )
)
def test_a_hopper(hopper: LinkedHopper) -> None:
    assert codec.hopper_from_message(codec.hopper_to_message(hopper), USER) == hopper


@given(st.builds(Reserved, words, assets, assets, amounts, amounts, amounts, st.none() | moments))
def test_reserved_coins(reserved: Reserved) -> None:
    assert codec.reserved_from_message(codec.reserved_to_message(reserved)) == reserved


@given(st.builds(Short, words, assets, assets, amounts, amounts, amounts, st.none() | moments, st.booleans()))
def test_a_short_position(short: Short) -> None:
    assert codec.short_from_message(codec.short_to_message(short)) == short


@given(
    st.builds(
        Order,
        words,
        assets,
        assets,
        st.sampled_from(Side),
        st.booleans(),
        amounts,
        st.none() | amounts.filter(bool),
        words,
        st.none() | moments,
    )
)
def test_an_order(order: Order) -> None:
    assert codec.order_from_message(codec.order_to_message(order)) == order


def test_an_order_of_neither_side_is_none() -> None:
    with pytest.raises(Invalid):
        codec.order_from_message(pb.OpenOrder(id="1", quantity="1", rate="1"))


@given(st.builds(OutputEntry, moments, st.booleans(), words))
def test_a_line_of_the_log(entry: OutputEntry) -> None:
    assert codec.entry_from_message(codec.entry_to_message(entry)) == entry


def test_since_a_moment_is_not_from_before_it() -> None:
    assert codec.moment(Timestamp(nanos=1)) == EPOCH + MICROSECOND
    assert codec.moment(Timestamp(nanos=1000)) == EPOCH + MICROSECOND


def test_times_that_cannot_be_are_invalid() -> None:
    with pytest.raises(Invalid):
        codec.moment(Timestamp(seconds=2**62))
    with pytest.raises(Invalid):
        codec.span(Duration(seconds=2**62))
    assert codec.duration(timedelta(seconds=-1)) == Duration()
