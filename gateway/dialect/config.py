"""A hopper's configuration: read without its secrets, changed in the fields that may be changed."""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from cryptwire.errors import Invalid, Unavailable
from gateway.dialect.envelopes import parsed
from gateway.dialect.scalars import coin, flag, number

_SECRET = re.compile(r"key|secret|passphrase|password|passwd|credential|token|private|^kraken_|^api_", re.IGNORECASE)
_SECRET_WITHIN = re.compile(_SECRET.pattern.replace("^", ""), re.IGNORECASE)
_MOST = 50  # fields at once
_COINS = 500


# ---- reading ----


def config(data: Any) -> dict[str, str]:
    """The flat configuration; what is not text as JSON. Fields named like keys and secrets are dropped, also within."""
    if data == []:
        return {}
    if not isinstance(data, dict):
        raise Unavailable("Cryptohopper's answer holds no configuration")
    inner = data.get("config")
    stripped = _stripped(inner if isinstance(inner, dict) and len(data) == 1 else data)
    return {name: value if isinstance(value, str) else _dumps(value) for name, value in stripped.items()}


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _stripped(inner) for name, inner in value.items() if not _SECRET.search(name)}
    if isinstance(value, list):
        return [_stripped(inner) for inner in value]
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):  # JSON within a text
        within = parsed(value.encode("utf-8", "replace"))
        if isinstance(within, dict | list):
            return _dumps(_stripped(within))
        return "" if _SECRET_WITHIN.search(value) else value
    return value


def _dumps(value: Any) -> str:
    return json.dumps(value, default=str, separators=(",", ":"))


# ---- changing ----


def config_changes(changes: Mapping[str, str]) -> dict[str, object]:
    """What upstream is sent for these changes.

    Raises Invalid, which names the field and what is wrong with it: it may not be changed, or not to this.
    """
    if not 0 < len(changes) <= _MOST:
        raise Invalid(f"1 to {_MOST} fields can be changed at once")
    sent: dict[str, object] = {}
    for name, value in changes.items():
        kind = CHANGEABLE.get(name)
        if kind is None:
            raise Invalid(f"the field {name[:60]!r} may not be changed")
        try:
            sent[name] = kind(value)
        except Invalid as error:
            raise Invalid(f"{name}: {error}") from None
    return sent


def _switch(value: str) -> str:
    word = value.strip().lower()
    if word not in ("0", "1", "true", "false", "on", "off", "yes", "no"):
        raise Invalid("1 or 0 is wanted")
    return "1" if flag(word) else "0"


def _between(least: str, most: str, unit: str) -> Callable[[str], str]:
    low, high = Decimal(least), Decimal(most)

    def read(value: str) -> str:
        found = number(value)
        if found is None or not low <= found <= high or len(f"{found:f}") > 40:
            raise Invalid(f"a number of {unit} from {least} to {most} is wanted")
        return f"{found:f}"

    return read


def _whole(least: int, most: int) -> Callable[[str], str]:
    def read(value: str) -> str:
        found = number(value)
        if found is None or found != found.to_integral_value() or not least <= found <= most:
            raise Invalid(f"a whole number from {least} to {most} is wanted")
        return str(int(found))

    return read


def _one_of(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in words:
            raise Invalid(f"one of {', '.join(words)} is wanted")
        return value

    return read


def _coins(value: str) -> list[str]:
    try:
        listed = json.loads(value)
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list) or not 0 < len(listed) <= _COINS:
        raise Invalid(f"1 to {_COINS} coins, as a list in JSON, are wanted")
    found = [coin(each) for each in listed]
    if None in found or len(set(found)) < len(found):
        raise Invalid("a coin has no name, or comes twice")
    return [str(each) for each in found]


_percent = _between("0", "100", "percent")
_gain = _between("0", "10000", "percent")
_amount = _between("0", "1000000000000", "the base currency")
_count = _whole(0, 10_000)
_minutes = _whole(0, 525_600)

CHANGEABLE: Mapping[str, Callable[[str], object]] = {
    # what is bought, and how much
    "allowed_coins": _coins,
    "perc_buy_amount": _percent,
    "min_buy_amount": _amount,
    "min_buy_amount_force": _switch,
    "max_amount_allocated": _amount,
    "max_open_positions": _count,
    "max_open_positions_per_coin": _count,
    "num_targets_per_buy": _count,
    "one_open_order": _switch,
    "only_when_positive": _switch,
    "min_buy_score": _count,
    "min_sell_score": _count,
    # how
    "buy_order_type": _one_of("limit", "market"),
    "sell_order_type": _one_of("limit", "market"),
    "max_open_time": _minutes,
    "max_open_time_buy": _minutes,
    "trailing_buy": _switch,
    "trailing_buy_percentage": _percent,
    # when it is sold
    "set_percentage": _gain,
    "sell_with_strategy": _switch,
    "stop_loss": _switch,
    "stop_loss_percentage": _percent,
    "stop_loss_trailing": _switch,
    "stop_loss_trailing_percentage": _percent,
    "stop_loss_trailing_arm": _gain,
    "stop_loss_trailing_only": _switch,
    "trailing_stop_loss_reset": _switch,
    "trailing_stop_loss_profit": _switch,
    "auto_close_positions": _switch,
    "auto_close_positions_time": _minutes,
    # buying more of what fell
    "auto_dca": _switch,
    "auto_dca_time": _minutes,
    "auto_dca_max": _count,
    "auto_dca_percentage": _percent,
    "dca_order_type": _one_of("limit", "market"),
    # rest after a trade
    "cooldown": _switch,
    "cooldown_count": _count,
}
"""The fields that may be changed, each with what reads its value. Keys, the exchange, names, live and paper trading,
and whatever else belongs to the account rather than to trading are not among them."""
