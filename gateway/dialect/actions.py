"""What actions send, and what their answers mean."""

from collections.abc import Sequence
from typing import Any

from cryptwire.errors import Invalid, Unconfirmed
from gateway.dialect.scalars import text

_MOST = 500


def selling(positions: Sequence[str], *, is_market: bool) -> dict[str, object]:
    """The body of a sell. ``position_id`` has a singular name and a list for a value."""
    return {"position_id": _numbers("position", positions), "market_order": int(is_market)}


def cancelling(orders: Sequence[str]) -> dict[str, object]:
    """The body that cancels some orders."""
    return {"order_ids": _numbers("order", orders)}


def _numbers(what: str, ids: Sequence[str]) -> list[int]:
    """Ids as upstream wants them. Raises Invalid for none, too many, one that is no number, or one that comes twice."""
    if not 0 < len(ids) <= _MOST:
        raise Invalid(f"1 to {_MOST} {what}s can be named at once")
    found = [int(each) for each in ids if each.isascii() and each.isdigit() and len(each) <= 18]
    if len(found) < len(ids):
        raise Invalid(f"a {what}'s id is a number")
    if len(set(found)) < len(found):
        raise Invalid(f"a {what} is named twice")
    return found


def said(data: Any) -> str:
    """The words of an answer, 200 characters at most. Raises Unconfirmed when it is none."""
    if isinstance(data, dict) and data.get("success") is True:
        return "success"
    if not isinstance(data, str):
        raise Unconfirmed("Cryptohopper's answer makes no sense; whether it was done is not known")
    return text(data)


def panic_said(data: Any) -> str:
    """The words of an answer to starting panic mode, which name it when it has begun. Raises Invalid for others."""
    words = said(data)
    if "panic mode" not in str(data).lower():
        raise Invalid("Cryptohopper did not start panic mode")
    return words


def config_said(data: Any) -> str:
    """Words for the answer to a change, which is the whole configuration: it holds keys and goes no further."""
    if isinstance(data, str):
        return text(data)
    if not isinstance(data, dict) or not data:
        raise Unconfirmed("Cryptohopper's answer makes no sense; whether it was done is not known")
    return "configuration changed"
