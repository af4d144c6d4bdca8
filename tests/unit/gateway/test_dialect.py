"""Whatever upstream answers becomes a value of ours or an error of ours."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.hopper import Asset, Exchange, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side
from cryptwire.errors import CryptwireError, Exhausted, Forbidden, Invalid, LinkAgain, NotFound, Unavailable
from gateway import dialect
from gateway.ports import Rows, TokenRefused

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
        '{"data":{"a":"1"},"error":0,"status":200,"message":"ok"}',
        '{"data":{"a":"1"},"error":false,"status":"success"}',
        '{"data":{"a":"1"},"error":null}',
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
    assert "aaa" not in repr(found)


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
    assert dialect.assets(data('{"data":{"BTC":NaN}}')) == {}


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


# ---- objects ----


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ([], {}),
        ({}, {}),
        ({"BTC": "0.5", "USDT": 3, "DOGE": "", "XRP": None, "ADA": "0", "LTC": "-1"}, {"BTC": "0.5", "USDT": "3"}),
        ({"btc": "1", "BTC": "2"}, {"BTC": "3"}),
    ],
)
def test_assets(said: object, found: dict[str, str]) -> None:
    assert dialect.assets(said) == {name: Decimal(value) for name, value in found.items()}


@pytest.mark.parametrize("said", [None, "text", ["BTC"], {"BTC": "many"}, {"BTC": []}, {"": "1"}])
def test_assets_that_cannot_be_read_are_no_empty_balance(said: object) -> None:
    with pytest.raises(Unavailable):
        dialect.assets(said)


ROW = {"id": "7", "pair": "BTCUSDT", "currency": "BTC", "amount": "2", "rate": "10", "cost": "21", "buy_time": ""}


def test_a_position() -> None:
    (found,) = dialect.positions([ROW], HOME).positions
    assert (found.id, found.base, found.quote) == ("7", "BTC", "USDT")
    assert (found.quantity, found.rate, found.cost) == (Decimal(2), Decimal(10), Decimal(21))
    assert found.opened_at is None


@pytest.mark.parametrize(
    ("other", "rate", "cost"),
    [
        ({"cost": None}, 10, 20),
        ({"cost": "", "val": "22"}, 10, 22),
        ({"rate": ""}, Decimal("10.5"), 21),
        ({"rate": None, "cost": None}, 0, 0),
    ],
)
def test_rate_and_cost_stand_in_for_each_other(other: dict[str, Any], rate: Decimal, cost: Decimal) -> None:
    (found,) = dialect.positions([ROW | other], HOME).positions
    assert (found.rate, found.cost) == (rate, cost)


def test_positions_as_a_map_and_none_and_sold_ones() -> None:
    assert len(dialect.positions({"0": ROW, "3": ROW}, HOME).positions) == 2
    assert dialect.positions([], HOME).positions == ()
    assert dialect.positions([ROW | {"sold": "1"}], HOME) == Rows((), 0)
    with pytest.raises(Unavailable):
        dialect.positions(None, HOME)


@pytest.mark.parametrize("other", [{"id": None}, {"amount": ""}, {"amount": "0"}, {"pair": "", "currency": ""}])
def test_a_position_that_cannot_be_read_is_skipped_and_counted(other: dict[str, Any]) -> None:
    listed = dialect.positions([ROW | other, ROW, "x"], HOME)
    assert len(listed.positions) == 1
    assert listed.skipped == 2


TRADE = {
    "id": 12,
    "exchange": "huobi",
    "currency": "BTC",
    "pair": "BTC/USDT",
    "type": "Sell",
    "date": "2026-03-01 10:20:30",
    "amount": "2",
    "rate": "10",
    "total": "",
    "fee": "0.02",
    "result": "1.5",
    "buy_id": "11",
    "trigger_strategy": "Trailing stop loss",
    "strategy_result": [],
}


def one(**other: Any) -> Any:
    (found,) = dialect.trades({"trades": [TRADE | other]}, HOPPER, HOME).trades
    return found


def test_a_trade() -> None:
    found = one()
    assert (found.id, found.hopper, found.side) == ("12", HOPPER, Side.SELL)
    assert found.pair == Pair(Exchange("htx"), Asset("BTC"), Asset("USDT"))
    assert (found.quantity, found.rate, found.total) == (2, 10, 20)
    assert (found.fee, found.fee_currency) == (Decimal("0.02"), "USDT")
    assert (found.buy_id, found.trigger, found.result) == ("11", "Trailing stop loss", Decimal("1.5"))
    assert found.at == datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("other", "field", "value"),
    [
        ({"buy_id": "0"}, "buy_id", None),
        ({"buy_id": ""}, "buy_id", None),
        ({"result": ""}, "result", None),
        ({"result": "2.5%"}, "result", Decimal("2.5")),
        ({"type": "buy"}, "result", None),
        ({"trigger_strategy": None}, "trigger", None),
        ({"fee": None}, "fee", Decimal(0)),
        ({"fee_currency": "bnb"}, "fee_currency", "BNB"),
        ({"rate": "", "total": "30"}, "rate", Decimal(15)),
        ({"exchange": ""}, "pair", Pair(Exchange("kraken"), Asset("BTC"), Asset("USDT"))),
    ],
)
def test_a_trade_with_holes(other: dict[str, Any], field: str, value: object) -> None:
    assert getattr(one(**other), field) == value


@pytest.mark.parametrize(
    "other",
    [
        {"id": ""},
        {"id": None},
        {"id": [1]},
        {"id": "a b"},
        {"type": "gift"},
        {"date": ""},
        {"amount": ""},
        {"rate": "", "total": ""},
        {"pair": "", "currency": ""},
    ],
)
def test_a_trade_that_cannot_be_read_is_skipped_and_counted(other: dict[str, Any]) -> None:
    page = dialect.trades({"trades": [TRADE | other, TRADE], "results": "2"}, HOPPER, HOME)
    assert (len(page.trades), page.skipped, page.length) == (1, 1, 2)


@pytest.mark.parametrize(
    ("said", "length", "is_last"),
    [
        ({"trades": [TRADE] * 500, "results": "500"}, 500, False),
        ({"trades": [TRADE] * 500, "results": 500}, 500, False),
        ({"trades": [TRADE] * 500}, 500, False),
        ({"trades": [TRADE] * 500, "results": "0"}, 500, False),
        ({"trades": [TRADE] * 20, "results": "20"}, 20, True),
        ({"trades": [], "results": "500"}, 500, True),
        ({"trades": [], "results": None}, 0, True),
        ([], 0, True),
    ],
)
def test_where_the_list_ends(said: object, length: int, is_last: bool) -> None:
    page = dialect.trades(said, HOPPER, HOME)
    assert (page.length, page.is_last) == (length, is_last)


def test_hoppers_in_three_forms() -> None:
    row = {"id": 5, "name": "A", "exchange": "okex", "base_currency": "eur", "paper_trading": 1, "plan_name": None}
    for said in ({"hoppers": [row]}, {"hoppers": {"0": row}}, [row]):
        (found,) = dialect.hoppers(said, USER)
        assert (found.hopper.id, found.hopper.exchange, found.hopper.base) == ("5", "okx", "EUR")
        assert found.hopper.is_paper
        assert not found.is_enabled
        assert (found.total, found.created_at) == (None, None)
    assert dialect.hoppers([], USER) == []
    assert dialect.hoppers([{"id": "../x"}], USER) == []
    with pytest.raises(Unavailable):
        dialect.hoppers(None, USER)


def test_an_answer_about_another_hopper_is_not_taken() -> None:
    assert dialect.hopper({"hopper": {"id": "501"}}, USER, HOPPER).hopper.id == HOPPER
    others: tuple[object, ...] = ({"hopper": {"id": "502"}}, {"hopper": []}, [], None)
    for said in others:
        with pytest.raises(Unavailable):
            dialect.hopper(said, USER, HOPPER)


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "api_secret",
        "api_passphrase",
        "extra_api_key",
        "extra_api_secret",
        "kraken_extra_key",
        "kraken_private_extra_key",
        "kraken_anything",
        "API_SECRET",
        "webhookSecret",
        "gdax_api_passphrase",
        "access_token",
        "password",
    ],
)
def test_a_field_named_like_a_secret_is_dropped(name: str) -> None:
    within_text = json.dumps({name: "hush", "a": 1})
    said: dict[str, object] = {
        name: "hush",
        "more": {name: "hush", "a": "1"},
        "list": [{name: "hush"}],
        "text": within_text,
        "cut": within_text[:-1],
    }
    found = dialect.config(said)
    assert "hush" not in json.dumps(found)
    assert found["more"] == '{"a":"1"}'


def test_a_configuration_is_text() -> None:
    said: dict[str, object] = {
        "name": "A",
        "coins": ["BTC"],
        "n": 1,
        "off": False,
        "none": None,
        "part": Decimal("0.1"),
    }
    assert dialect.config(said) == {
        "name": "A",
        "coins": '["BTC"]',
        "n": "1",
        "off": "false",
        "none": "null",
        "part": '"0.1"',
    }
    assert dialect.config({"config": {"name": "A"}}) == {"name": "A"}
    assert dialect.config([]) == {}
    with pytest.raises(Unavailable):
        dialect.config("text")


# ---- anything at all ----

_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["1", "buy", "BTC", "0"])
)
_NAMES = st.sampled_from([*TRADE, *ROW, "data", "trades", "results", "error", "status", "code", "hoppers"]) | st.text()
_ANYTHING = st.recursive(_LEAVES, lambda inner: st.lists(inner) | st.dictionaries(_NAMES, inner), max_leaves=20)
_READERS: tuple[Callable[[Any], object], ...] = (
    dialect.assets,
    dialect.config,
    lambda said: dialect.hoppers(said, USER),
    lambda said: dialect.hopper(said, USER, HOPPER),
    lambda said: dialect.positions(said, HOME),
    lambda said: dialect.trades(said, HOPPER, HOME),
)


@given(_ANYTHING, st.sampled_from([200, 200, 200, 302, 400, 401, 403, 429, 500]), st.text())
def test_anything_becomes_a_value_or_an_error_of_ours(said: Any, status: int, retry_after: str) -> None:
    for body in (json.dumps(said), json.dumps({"data": said})):
        try:
            found = data(body, status, retry_after)
        except CryptwireError:
            continue
        for read in _READERS:
            try:
                read(found)
            except CryptwireError:
                continue


@given(st.binary(), st.sampled_from([200, 400, 500]))
def test_any_bytes_at_all(body: bytes, status: int) -> None:
    for read in (lambda: data(body, status), lambda: dialect.grant(status, body)):
        try:
            read()
        except CryptwireError:
            continue
