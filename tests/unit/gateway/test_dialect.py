"""Whatever upstream answers becomes a value of ours or an error of ours."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cryptwire.domain.hopper import Asset, Exchange, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.errors import CryptwireError, Exhausted, Forbidden, Invalid, LinkAgain, NotFound, Unavailable
from gateway import dialect
from gateway.ports import TokenRefused

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOME = Pair(Exchange("kraken"), Asset(""), Asset("USDT"))
HOPPER = HopperId("501")
USER = UserId("u")


def data(body: bytes | str, status: int = 200, retry_after: str | None = None) -> Any:
    return dialect.answer(status, body.encode() if isinstance(body, str) else body, retry_after, NOW)


# ---- envelopes ----


@pytest.mark.parametrize(
    "body",
    [
        '{"data":{"a":"1"}}',
        '\ufeff \n{"data":{"a":"1"}}',
        'stop_loss 0.000000\n{"data":{"a":"1"}}',
        '{"data":{"a":"1"}}\n<!-- cached -->',
        'sl {0} {"x":1}\n{"data":{"a":"1"}}',
        '<br />\n<b>Notice</b>: Undefined index {x} in a.php\n{"data":{"a":"1"}}',
        '{"data":{"a":"1"},"error":0,"status":200,"message":"ok"}',
        '{"data":{"a":"1"},"error":false,"status":"success"}',
        '{"data":{"a":"1"},"error":null}',
        '{"data":{"a":"1"},"error":"False"}',
    ],
)
def test_data_are_found(body: str) -> None:
    assert data(body) == {"a": "1"}


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, '{"error":401,"message":"x"}', TokenRefused),
        (200, '{"status":401,"message":"x"}', TokenRefused),
        (402, '{"status":402,"error":1}', Forbidden),
        (403, '{"message":"scope"}', Forbidden),
        (403, "<html>{blocked}</html>", Unavailable),
        (403, "", Unavailable),
        (404, '{"error":{"code":404,"message":"x"}}', NotFound),
        (200, '{"error":{"code":404,"message":"x"}}', NotFound),
        (200, '{"error":"404","message":"x"}', NotFound),
        (400, "{}", Invalid),
        (409, "{}", Invalid),
        (422, "{}", Invalid),
        (429, "", Exhausted),
        (200, '{"status":429,"message":"Too many"}', Exhausted),
        (200, '{"status":"429","error":1,"code":"normal"}', Exhausted),
        (200, '{"error":1,"status":404,"code":0}', NotFound),
        (200, '{"error":1,"message":"x","code":0}', Unavailable),
        (200, '{"data":"text","error":500}', Unavailable),
        (200, '{"message":"Internal"}', Unavailable),
        (405, '{"message":"Missing Authentication Token"}', Unavailable),
        (500, "oops", Unavailable),
        (502, "<html></html>", Unavailable),
        (503, '{"data":{}}', Unavailable),
        (302, "", Unavailable),
        (200, "", Unavailable),
        (200, "<html>{}</html>", Unavailable),
        (200, '<html><script>x = {"data":{"BTC":"1"}}</script></html>', Unavailable),
        (200, '{"Message":"forbidden"}', Unavailable),
        (200, '{"data":{"trades":[{"id":"1","status":"ok"},{"id"', Unavailable),
        (200, '[{"data":1}]', Unavailable),
        (200, "{}", Unavailable),
        (200, "null", Unavailable),
        (200, "[" * 100_000, Unavailable),
        (200, '{"data":' + "9" * 10_000 + "}", Unavailable),
    ],
)
def test_errors_are_found_whatever_the_status_says(status: int, body: str, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        data(body, status)
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 5),
        ("", 5),
        ("30", 30),
        ("0", 1),
        ("-5", 1),
        ("99999", 300),
        ("Thu, 01 Jan 2026 00:00:20 GMT", 20),
        ("soon", 5),
        ("NaN", 5),
    ],
)
def test_how_long_to_wait(header: str | None, seconds: float) -> None:
    with pytest.raises(Exhausted) as raised:
        data("{}", 429, header)
    assert raised.value.retry_after == seconds


def test_no_error_repeats_what_upstream_said() -> None:
    for status in (200, 400, 401, 402, 403, 404, 429, 500):
        with pytest.raises(CryptwireError) as raised:
            data('{"error":1,"message":"the token abcdef is bad"}', status)
        assert "abcdef" not in f"{raised.value!r}"


# ---- sign-in ----


def test_a_grant() -> None:
    said = {"access_token": "a" * 40, "refresh_token": "r", "expires_in": "60", "scope": "read,trade read"}
    found = dialect.grant(200, json.dumps(said).encode())
    assert (found.access, found.refresh, found.scopes) == ("a" * 40, "r", ("read", "trade"))
    assert found.lives == timedelta(seconds=60)
    assert "a" * 40 not in repr(found)


@pytest.mark.parametrize(
    ("lives", "seconds"), [(None, 86_400), ("", 86_400), (-1, 0), (1e15, 10 * 31_556_952), (31556952, 31_556_952)]
)
def test_the_life_of_a_grant(lives: object, seconds: float) -> None:
    found = dialect.grant(200, json.dumps({"access_token": "a", "expires_in": lives}).encode())
    assert found.lives.total_seconds() == seconds
    assert found.refresh is None


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, '{"error":"invalid_grant","error_description":"x"}', LinkAgain),
        (401, '{"error":"invalid_grant"}', LinkAgain),
        (200, '{"error":"invalid_grant"}', LinkAgain),
        (401, '{"error":"invalid_client"}', Unavailable),
        (400, '{"error":{"code":1}}', Unavailable),
        (429, "{}", Unavailable),
        (503, "<html>", Unavailable),
        (200, '{"access_to', Unavailable),
        (200, "{}", Unavailable),
        (200, '{"access_token":"a\\nb"}', Unavailable),
        (200, '{"access_token":5}', Unavailable),
    ],
)
def test_only_invalid_grant_ends_a_link(status: int, body: str, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        dialect.grant(status, body.encode())
    assert type(raised.value) is error


# ---- scalars ----


@pytest.mark.parametrize(
    ("value", "found"),
    [("1.50", "1.50"), (2, "2"), (" 3 ", "3"), ("1e-8", "1E-8"), (Decimal("0.1"), "0.1"), ("-4", "-4")],
)
def test_numbers(value: object, found: str) -> None:
    assert str(dialect.number(value)) == found


@pytest.mark.parametrize("value", ["", None, "abc", True, [], {}, "NaN", "Infinity", "1e99", "1,5"])
def test_what_is_no_number(value: object) -> None:
    assert dialect.number(value) is None


def test_numbers_of_json_keep_every_digit() -> None:
    assert dialect.assets(data('{"data":{"BTC":0.12345678901234567890}}')) == {"BTC": Decimal("0.12345678901234567890")}
    with pytest.raises(Unavailable):
        dialect.assets(data('{"data":{"BTC":NaN}}'))


@pytest.mark.parametrize(
    "value", ["2026-03-01 10:20:30", "2026-03-01T10:20:30Z", "2026-03-01T12:20:30+02:00", 1772360430, "1772360430000"]
)
def test_moments_are_utc(value: object) -> None:
    assert dialect.moment(value) == datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "",
        None,
        "0000-00-00 00:00:00",
        "0",
        0,
        -1,
        "soon",
        True,
        10**29,
        "2026-57-01 00:00:00",
        "0001-01-01T00:00+14:00",
    ],
)
def test_what_is_no_moment(value: object) -> None:
    assert dialect.moment(value) is None


@pytest.mark.parametrize(
    ("spelled", "currency", "base", "quote"),
    [
        ("BTCUSDT", "BTC", "BTC", "USDT"),
        ("BTC/USDT", "BTC", "BTC", "USDT"),
        ("BTC-USDT", None, "BTC", "USDT"),
        ("btc_usdt", "btc", "BTC", "USDT"),
        ("USDT_BTC", "BTC", "BTC", "USDT"),
        ("BTC/USDT:USDT", "BTC", "BTC", "USDT"),
        ("BTC-USDT-SWAP", "BTC", "BTC", "USDT"),
        ("ETHBTC", "ETH", "ETH", "BTC"),
        ("USDTDAI", "USDT", "USDT", "DAI"),
        ("BTCETH", "ETH", "ETH", "BTC"),
        ("BTC", "BTC", "BTC", "USDT"),
        ("", "SOL", "SOL", "USDT"),
        (None, "SOL", "SOL", "USDT"),
        ("SOLUSDT", "", "SOL", "USDT"),
        ("SOLEUR", None, "SOL", "EUR"),
        ("1000PEPEUSDT", "1000PEPE", "1000PEPE", "USDT"),
    ],
)
def test_pairs_in_every_spelling(spelled: Any, currency: Any, base: str, quote: str) -> None:
    assert dialect.pair_of(spelled, currency, HOME) == Pair(Exchange("kraken"), Asset(base), Asset(quote))


@pytest.mark.parametrize(
    ("spelled", "currency"), [("", ""), (None, None), ("USDT", None), ("XYZABC", None), ("USDT", "USDT"), (5, [])]
)
def test_what_is_no_pair(spelled: Any, currency: Any) -> None:
    assert dialect.pair_of(spelled, currency, HOME) is None


def test_the_hoppers_base_currency_decides_where_the_pair_alone_does_not() -> None:
    home = HOME._replace(quote=Asset("BTC"))
    assert dialect.pair_of("XMRBTC", None, home) == Pair(Exchange("kraken"), Asset("XMR"), Asset("BTC"))


@pytest.mark.parametrize(
    ("said", "ours"),
    [("gdax", "coinbase"), ("huobi", "htx"), ("okex", "okx"), ("crypto", "cryptocom"), ("Binance", "binance")],
)
def test_exchanges_have_ccxts_names(said: str, ours: str) -> None:
    assert dialect.exchange(said) == ours
