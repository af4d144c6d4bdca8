"""What webhooks say of what happens to hoppers, in both forms."""

import hashlib
import hmac

from simulator.cryptohopper.trades import shown
from simulator.cryptohopper.webhook_rules import Told
from simulator.worlds.books import Trade
from simulator.worlds.commands import Command
from simulator.worlds.demo import Hopper

TOPICS = (
    "config_error", "on_first_start", "on_trigger", "on_panic_start", "on_panic_end", "order_placed",
    "trade_completed", "order_cancelled",
)  # fmt: skip
_OF_COMMAND = {
    "panic": ("on_panic_start", "Panic mode started"),
    "calm": ("on_panic_end", "Panic mode ended"),
    "order": ("order_placed", "Order placed"),
    "sell": ("order_placed", "Sell order placed"),
    "dca": ("order_placed", "Buy order placed"),
    "cover": ("order_placed", "Short position is closed"),
    "short": ("order_placed", "Short position is opened"),
    "cancel": ("order_cancelled", "Order cancelled"),
    "create": ("on_first_start", "Hopper started"),
}
_WITHOUT_COIN = "-"


def signature(body: bytes, secret: str) -> str:
    """Lower-case hex HMAC-SHA512 of the raw body under the app's secret: header ``X-Hub-Signature``."""
    return hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()


def shared_signature(body: bytes, secret: str) -> str:
    """Lower-case hex HMAC-SHA256 of the raw body under the shared secret: header ``X-Cryptohopper-Signature``."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def message(hopper: Hopper, trade: Trade) -> dict[str, object]:
    """``trade_completed``; some hoppers' messages do not say whose they are."""
    done = "Bought" if trade.kind == "buy" else "Sold"
    return {
        "type": "trade_completed",
        "title": f"Hop completed for {trade.coin}",
        "message": f"{done} {trade.amount:f} {trade.coin} at {trade.rate:f} {hopper.base}",
        "data": {"coin": trade.coin, **_whose(hopper), **shown(hopper, trade)},
    }


def of_trade(hopper: Hopper, trade: Trade) -> Told:
    """A fill, in both forms."""
    payload = {
        "market": f"{trade.coin}/{hopper.base}",
        "type": trade.kind,
        "amount": float(trade.amount),
        "price": float(trade.rate),
        "id": int(trade.id),
        **_whose(hopper),
    }
    return Told(
        "trade_completed", hopper.id, message(hopper, trade), {"event": "order_filled", "payload": payload}
    )  # fmt: skip


def of_command(hopper: Hopper, command: Command) -> Told | None:
    """What a user told his hopper; None for what no webhook tells."""
    found = _OF_COMMAND.get(command.kind)
    if found is None:
        return None
    topic, text = found
    words = command.value.split(" ")
    coin = words[1] if command.kind == "order" and len(words) > 1 else _WITHOUT_COIN
    return of_topic(hopper, topic, text, {"coin": coin})


def of_topic(hopper: Hopper, topic: str, text: str, data: dict[str, object]) -> Told:
    """Any topic; the second form knows ``order_cancelled`` alone of these."""
    event: dict[str, object] | None = None
    if topic == "order_cancelled":
        event = {"event": topic, "payload": {"market": f"{data.get('coin')}/{hopper.base}", **_whose(hopper)}}
    said = {"type": topic, "title": text, "message": f"{text}: {hopper.name}", "data": {**data, **_whose(hopper)}}
    return Told(topic, hopper.id, said, event)


def _whose(hopper: Hopper) -> dict[str, object]:
    return {"hopper_id": hopper.id} if hopper.tells_hopper else {}
