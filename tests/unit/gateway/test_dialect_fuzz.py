"""Anything at all becomes a value of ours or an error of ours."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptwire.config import environment
from cryptwire.domain.hopper import Asset, Exchange, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.errors import CryptwireError, Invalid
from gateway import dialect

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SINCE = datetime(2020, 1, 1, tzinfo=UTC)
HOME = Pair(Exchange("kraken"), Asset(""), Asset("USDT"))
EXAMPLES = 5_000 if environment().get("CRYPTWIRE_FULL") else 150

_WORDS = """
    id name exchange hopper_id plan_name total_cur created base_currency buying_enabled selling_enabled enabled
    error_message config_error paper_trading pair currency amount rate buy_id buy_trigger percentage_profit
    stop_loss_percentage hold sold cost val trailing_percentage trailing_arm_percentage buy_time sell_time
    stop_loss_enabled tsl_enabled order_type order_trigger market_order open_time date type total fee fee_currency
    result trigger_strategy strategy_result strategy log_type log_output log_time data hoppers hopper trades results
    output config error status message code access_token refresh_token expires_in scope success
"""
FIELDS = _WORDS.split()
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**17, 10**80)
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["1", "0", "buy", "sell", "BTC", "BTCUSDT", "BTC/USDT", "2026-01-01 00:00:00", "1e999999", "NaN"])
)
NAMES = st.sampled_from(FIELDS) | st.text()
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=8), max_leaves=30
)
ROWS = st.lists(st.dictionaries(st.sampled_from(FIELDS), LEAVES), max_size=3)

READERS: dict[str, Callable[[Any], object]] = {
    "assets": dialect.assets,
    "config": dialect.config,
    "hoppers": lambda said: dialect.hoppers(said, UserId("u")),
    "hopper": lambda said: dialect.hopper(said, UserId("u"), HopperId("501")),
    "positions": lambda said: dialect.positions(said, HOME),
    "reserved": lambda said: dialect.reserved(said, HOME),
    "shorts": lambda said: dialect.shorts(said, HOME),
    "orders": lambda said: dialect.orders(said, HOME),
    "trades": lambda said: dialect.trades(said, HopperId("501"), HOME),
    "output": lambda said: dialect.output(said, SINCE),
    "said": dialect.said,
    "panic": dialect.panic_said,
    "config_said": dialect.config_said,
}


def survives(read: Callable[[], object]) -> None:
    with suppress(CryptwireError):
        repr(read())


def survive_all(data: Any) -> None:
    for read in READERS.values():
        survives(lambda read=read: read(data))  # type: ignore[misc]


@settings(max_examples=EXAMPLES, deadline=None)
@given(ANYTHING, st.sampled_from([200, 200, 200, 201, 302, 400, 401, 403, 429, 500]), st.text())
def test_any_json(said: Any, status: int, retry_after: str) -> None:
    for body in (json.dumps(said).encode(), json.dumps({"data": said}).encode()):
        survives(lambda body=body: dialect.grant(status, body))  # type: ignore[misc]
        survives(lambda body=body: dialect.done(status, body, retry_after, NOW))  # type: ignore[misc]
        try:
            found = dialect.answer(status, body, retry_after, NOW)
        except CryptwireError:
            continue
        survive_all(found)


@settings(max_examples=EXAMPLES, deadline=None)
@given(ROWS, st.sampled_from(["", "hoppers", "trades", "output", "map"]))
def test_any_rows(rows: list[Any], around: str) -> None:
    said: Any = rows
    if around == "map":
        said = {str(number): row for number, row in enumerate(rows)}
    elif around:
        said = {around: rows}
    survive_all(dialect.answer(200, json.dumps({"data": said}).encode(), None, NOW))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.binary(),
    st.sampled_from([200, 302, 400, 403, 500]),
    st.sampled_from([b"", b"[", b"{", b"stop_loss 0\n", b"<br>"]),
)
def test_any_bytes(noise: bytes, status: int, before: bytes) -> None:
    for body in (before + noise, before + noise + b'{"data":[]}', before + b'{"data":"' + noise + b'"}'):
        for read in (dialect.answer, dialect.done):
            survives(lambda read=read, body=body: read(status, body, None, NOW))  # type: ignore[misc]
        survives(lambda body=body: dialect.grant(status, body))  # type: ignore[misc]


WHOLE = json.dumps(
    {
        "data": [
            {"id": "7", "pair": "BTCUSDT", "currency": "BTC", "amount": "2", "rate": 10.5, "cost": None, "hold": "0"}
        ]
    }
).encode()


def test_a_body_that_is_cut_anywhere_is_no_answer() -> None:
    for end in range(len(WHOLE)):
        with pytest.raises(CryptwireError):
            dialect.answer(200, WHOLE[:end], None, NOW)
        with pytest.raises(CryptwireError):
            dialect.done(200, WHOLE[:end], None, NOW)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.binary(min_size=1, max_size=3), st.integers(0, len(WHOLE)), st.integers(0, 5))
def test_a_body_with_changed_bytes(noise: bytes, at: int, lost: int) -> None:
    body = WHOLE[:at] + noise + WHOLE[at + lost :]
    try:
        found = dialect.answer(200, body, None, NOW)
    except CryptwireError:
        return
    survive_all(found)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*dialect.CHANGEABLE, "api_key", ""]), st.text(st.characters()) | st.decimals().map(str)
    )
)
def test_any_change_of_a_configuration_is_sent_right_or_refused(changes: dict[str, str]) -> None:
    try:
        sent = dialect.config_changes(changes)
    except Invalid:
        return
    assert sent.keys() == changes.keys()
    json.dumps(sent)


@given(st.sampled_from(["amount", "rate", "cost"]), st.decimals("1e-12", "1e12", places=12))
def test_numbers_keep_every_digit_however_they_are_written(field: str, value: Decimal) -> None:
    for written in (json.dumps(str(value)), f"{value:f}"):
        row = '{"id":"7","pair":"BTCUSDT","amount":"1","rate":"1","cost":"1","%s":%s}' % (field, written)  # noqa: UP031
        data = dialect.answer(200, b'{"data":[' + row.encode() + b"]}", None, NOW)
        (found,) = dialect.positions(data, HOME).rows
        assert {"amount": found.quantity, "rate": found.rate, "cost": found.cost}[field] == value
