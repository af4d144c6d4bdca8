"""Candles come back from the wire as they went; what is no reply is refused."""

from datetime import UTC, datetime

import pytest

from cryptwire.codec.ohlcv import (
    CandlesRequest,
    Ohlcv,
    refusal_to_wire,
    reply_from_wire,
    reply_to_wire,
    request_from_wire,
    request_to_wire,
)
from cryptwire.errors import Invalid, Refused, Unavailable
from generated.wire.v1 import ohlcv_pb2 as pb

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_there_and_back() -> None:
    request = CandlesRequest("15m", AT, 1000)
    assert request_from_wire(request_to_wire(request)) == request
    candles = [Ohlcv(AT, 1.0, 3.0, 0.5, 2.0, 10.0), Ohlcv(AT.replace(minute=15), 2.0, 2.0, 2.0, 2.0, 0.0)]
    assert reply_from_wire(reply_to_wire(candles)) == candles
    assert reply_from_wire(reply_to_wire([])) == []


def test_an_error_is_raised_where_it_is_read() -> None:
    with pytest.raises(Unavailable, match="later"):
        reply_from_wire(refusal_to_wire("later", retryable=True))
    with pytest.raises(Refused, match="never"):
        reply_from_wire(refusal_to_wire("never", retryable=False))


@pytest.mark.parametrize(
    "payload",
    [
        b"\xff\xff",
        pb.CandlesReply(opened_at_us=[1]).SerializeToString(),
        pb.CandlesReply(
            opened_at_us=[1], open=[1], high=[1], low=[1], close=[float("nan")], volume=[1]
        ).SerializeToString(),
        pb.CandlesReply(opened_at_us=[2**62], open=[1], high=[1], low=[1], close=[1], volume=[1]).SerializeToString(),
    ],
)
def test_what_is_no_reply_is_invalid(payload: bytes) -> None:
    with pytest.raises(Invalid):
        reply_from_wire(payload)


@pytest.mark.parametrize("limit", [0, 1001])
def test_one_to_a_thousand_may_be_asked_for(limit: int) -> None:
    with pytest.raises(Invalid):
        request_from_wire(pb.CandlesRequest(timeframe="1m", limit=limit).SerializeToString())
