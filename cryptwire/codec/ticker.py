"""Tickers and feeds on the wire."""

from datetime import timedelta

from google.protobuf.message import DecodeError

from cryptwire.clock import from_us, to_us
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.ticker import Feed, Pair, Ticker
from cryptwire.errors import Invalid
from generated.wire.v1 import ticker_pb2 as pb


def ticker_to_wire(ticker: Ticker) -> bytes:
    message = pb.Ticker(
        exchange=ticker.pair.exchange,
        base=ticker.pair.base,
        quote=ticker.pair.quote,
        last=ticker.last,
        bid=ticker.bid,
        ask=ticker.ask,
        exchange_at_us=None if ticker.exchange_at is None else to_us(ticker.exchange_at),
        received_at_us=to_us(ticker.received_at),
        session=ticker.session,
        sequence=ticker.sequence,
    )
    return message.SerializeToString()


def ticker_from_wire(payload: bytes) -> Ticker:
    """The ticker; raises Invalid."""
    try:
        message = pb.Ticker.FromString(payload)
    except DecodeError:
        raise Invalid("not a Ticker message") from None
    if not (message.exchange and message.base and message.quote):
        raise Invalid("a ticker without exchange or pair")
    try:
        return Ticker(
            Pair(Exchange(message.exchange), Asset(message.base), Asset(message.quote)),
            message.last,
            message.bid if message.HasField("bid") else None,
            message.ask if message.HasField("ask") else None,
            from_us(message.exchange_at_us) if message.HasField("exchange_at_us") else None,
            from_us(message.received_at_us),
            message.session,
            message.sequence,
        )
    except OverflowError:
        raise Invalid("a ticker of no possible time") from None


def feed_to_wire(feed: Feed) -> bytes:
    return pb.Feed(
        exchange=feed.exchange,
        session=feed.session,
        sequence=feed.sequence,
        last_frame_at_us=0 if feed.last_frame_at is None else to_us(feed.last_frame_at),
        interval_us=feed.interval // timedelta(microseconds=1),
    ).SerializeToString()


def feed_from_wire(payload: bytes) -> Feed:
    """The feed; raises Invalid."""
    try:
        message = pb.Feed.FromString(payload)
        if not message.exchange:
            raise Invalid("a feed of no exchange")
        return Feed(
            Exchange(message.exchange),
            message.session,
            message.sequence,
            from_us(message.last_frame_at_us) if message.last_frame_at_us else None,
            timedelta(microseconds=message.interval_us),
        )
    except DecodeError:
        raise Invalid("not a Feed message") from None
    except OverflowError:
        raise Invalid("a feed of no possible time") from None
