"""No name, however it is spelled, breaks out of its token; and every service may do what it does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.messaging.subjects import LIVE, SERVICES, World, permissions, replay_world

WILD = ["..", "*", ">", "a.b", " ", "\t", "\r\n", "Ä", "₿", "İ", "=", "=2E", "", "x" * 300, "\x00", "a b"]
texts = st.one_of(st.sampled_from(WILD), st.text(st.characters(exclude_categories=["Cs"])))


def matches(pattern: str, subject: str) -> bool:
    wanted, tokens = pattern.split("."), subject.split(".")
    for number, token in enumerate(wanted):
        if token == ">":
            return len(tokens) > number
        if number >= len(tokens) or token not in ("*", tokens[number]):
            return False
    return len(wanted) == len(tokens)


def test_the_subjects_of_the_design() -> None:
    btc = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))
    one = HopperId("101")
    assert LIVE.ticker(btc) == "ticker.binance.usdt.btc"
    assert LIVE.feed(Exchange("binance")) == "feed.binance"
    assert LIVE.trade(Exchange("binance"), one) == "trade.binance.101"
    assert (LIVE.live(one), LIVE.closed(one)) == ("portfolio.101.live", "portfolio.101.closed")
    assert LIVE.candles(btc) == "candles.binance.usdt.btc"
    assert replay_world("r1").ticker(btc) == "replay.r1.ticker.binance.usdt.btc"


@given(texts, texts, texts)
def test_a_name_is_one_token_without_what_nats_would_read(exchange: str, base: str, quote: str) -> None:
    subject = LIVE.ticker(Pair(Exchange(exchange), Asset(base), Asset(quote)))
    tokens = subject.split(".")
    assert len(tokens) == 4
    assert all(tokens)
    assert subject.isascii()
    assert subject.isprintable()
    assert not set(subject) & set("*> \t\r\n")
    assert matches(LIVE.all_tickers, subject)
    assert len(LIVE.live(HopperId(base)).split(".")) == 3
    assert len(replay_world(base).prefix.split(".")) == 3


@given(texts, texts)
def test_different_names_are_different_tokens_but_for_their_case(one: str, other: str) -> None:
    same = LIVE.live(HopperId(one)) == LIVE.live(HopperId(other))
    assert same == (one.lower() == other.lower())


def test_a_replay_is_heard_by_no_live_service() -> None:
    btc = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))
    world = replay_world("run")
    subjects = [
        world.ticker(btc),
        world.feed(btc.exchange),
        world.trade(btc.exchange, HopperId("1")),
        world.live(HopperId("1")),
        world.closed(HopperId("1")),
    ]
    for service in SERVICES:
        if service != "replay":
            heard = [pattern for pattern in permissions(service)[1] for s in subjects if matches(pattern, s)]
            assert heard == []


def every(world: World) -> dict[str, str]:
    btc = Pair(Exchange("binance"), Asset("BTC.X"), Asset("USDT"))
    one = HopperId("10.1")
    return {
        "ticker": world.ticker(btc),
        "feed": world.feed(btc.exchange),
        "trade": world.trade(btc.exchange, one),
        "live": world.live(one),
        "closed": world.closed(one),
        "candles": world.candles(btc),
    }


@pytest.mark.parametrize(
    ("service", "publishes", "subscribes"),
    [
        ("streamer", ["ticker", "feed"], ["candles"]),
        ("tracker", ["live", "closed"], ["ticker", "feed", "trade"]),
        ("webhook", ["trade"], []),
        ("processor", ["trade", "candles"], ["live", "trade"]),
        ("datafeed", ["candles"], ["live", "closed", "trade", "ticker", "feed"]),
        ("api", [], ["live", "trade"]),
        ("replay", [], []),
    ],
)
def test_a_service_may_do_what_it_does_and_little_else(
    service: str, publishes: list[str], subscribes: list[str]
) -> None:
    may_publish, may_subscribe = permissions(service)
    for name, subject in every(LIVE).items():
        assert any(matches(pattern, subject) for pattern in may_publish) == (name in publishes), name
        assert any(matches(pattern, subject) for pattern in may_subscribe) == (name in subscribes), name
    assert any(matches(pattern, f"_INBOX_{service}.x.y") for pattern in may_subscribe)
    for other in SERVICES:
        if other != service:
            assert not any(matches(pattern, f"_INBOX_{other}.x.y") for pattern in may_subscribe)


def test_a_replay_may_do_everything_in_its_own_world() -> None:
    may_publish, may_subscribe = permissions("replay")
    for subject in every(replay_world("r")).values():
        assert any(matches(pattern, subject) for pattern in may_publish)
        assert any(matches(pattern, subject) for pattern in may_subscribe)
