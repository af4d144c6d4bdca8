"""A configuration is read without its secrets, and changed only in fields and to values that are allowed."""

import json
from decimal import Decimal

import pytest

from cryptwire.errors import Invalid, Unavailable
from gateway import dialect


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


# ---- changes ----


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [
        ("stop_loss_percentage", "2.50", "2.50"),
        ("stop_loss_percentage", " 1e1 ", "10"),
        ("set_percentage", "150", "150"),
        ("perc_buy_amount", "0", "0"),
        ("min_buy_amount", "0.0001", "0.0001"),
        ("max_open_positions", "12.0", "12"),
        ("stop_loss", "true", "1"),
        ("stop_loss", "0", "0"),
        ("buy_order_type", "limit", "limit"),
        ("allowed_coins", '["btc", "ETH"]', ["BTC", "ETH"]),
    ],
)
def test_values_are_sent_as_upstream_wants_them(name: str, value: str, sent: object) -> None:
    assert dialect.config_changes({name: value}) == {name: sent}


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("stop_loss_percentage", "101", "from 0 to 100"),
        ("stop_loss_percentage", "-1", "from 0 to 100"),
        ("stop_loss_percentage", "", "a number of percent"),
        ("stop_loss_percentage", "NaN", "a number"),
        ("stop_loss_percentage", "1e-60", "a number"),
        ("max_open_positions", "1.5", "a whole number"),
        ("max_open_positions", "-1", "a whole number"),
        ("stop_loss", "2", "1 or 0"),
        ("buy_order_type", "Market", "one of limit, market"),
        ("allowed_coins", "BTC", "as a list in JSON"),
        ("allowed_coins", "[]", "1 to 500 coins"),
        ("allowed_coins", '["BTC", "btc"]', "comes twice"),
        ("allowed_coins", '["BTC", 5]', "has no name"),
        ("allowed_coins", "[" * 100_000, "as a list in JSON"),
    ],
)
def test_a_wrong_value_is_refused_and_named(name: str, value: str, wrong: str) -> None:
    with pytest.raises(Invalid, match=f"^{name}: .*{wrong}"):
        dialect.config_changes({name: value})


@pytest.mark.parametrize(
    "name",
    [
        *("api_key", "api_secret", "api_passphrase", "extra_api_key", "exchange", "live", "paper_trading"),
        *("paper_trading_account", "name", "collect_currency", "base_coins", "template_id", "strategy", "config", ""),
        *("send_trade_email", "advanced_ta_rsi", "STOP_LOSS", "stop_loss "),
    ],
)
def test_no_other_field_may_be_changed(name: str) -> None:
    with pytest.raises(Invalid, match="may not be changed"):
        dialect.config_changes({"stop_loss": "1", name: "1"})


def test_changes_are_neither_none_nor_many() -> None:
    with pytest.raises(Invalid, match="1 to 50"):
        dialect.config_changes({})
    with pytest.raises(Invalid, match="1 to 50"):
        dialect.config_changes({f"field_{number}": "1" for number in range(51)})


def test_nothing_that_may_be_changed_is_dropped_as_a_secret_when_it_is_read() -> None:
    assert dialect.config(dict.fromkeys(dialect.CHANGEABLE, "1")).keys() == dialect.CHANGEABLE.keys()
