"""``/v1/hopper`` and what hangs below it but positions and trades: numbers as text, types that vary."""

from decimal import Decimal

from starlette.responses import Response

from simulator.clock import spoken
from simulator.cryptohopper.access import Call, data
from simulator.worlds.demo import Hopper
from simulator.worlds.trader import Trader

_YEAR = 31_556_952_000
_PRODUCTS = {"Pioneer": "0", "Explorer": "29", "Adventurer": "69", "Hero": "129"}


async def hoppers(call: Call) -> Response:
    """The caller's hoppers; ``name``, ``exchange`` and ``enabled`` narrow them."""
    query = call.request.query_params
    found = [
        shown(call, trader, is_listed=True)
        for trader in call.world.of(call.grant.user)
        if query.get("name", "").lower() in trader.name.lower()
        and query.get("exchange", trader.hopper.exchange) == trader.hopper.exchange
        and query.get("enabled", flag(trader.is_enabled)) == flag(trader.is_enabled)
    ]
    return data({"hoppers": found})


async def hopper(call: Call) -> Response:
    """One hopper. ``enabled`` and its like are numbers in the list and text here."""
    return data({"hopper": shown(call, call.trader(), is_listed=False)})


async def assets(call: Call) -> Response:
    """Currency to amount, the whole balance of each coin; an empty map is an empty list, as PHP has it."""
    trader = call.trader()
    _, state = call.snapshot(trader)
    held = state.reserved if call.request.query_params.get("reserved") == "1" else state.balances
    return data({coin: f"{amount:f}" for coin, amount in held.items() if amount} or [])


async def activity(call: Call) -> Response:
    """What it is doing just now."""
    trader = call.trader()
    _, state = call.snapshot(trader)
    task = "Panic mode" if state.is_panicking else "Checking positions" if state.positions else "Looking for targets"
    start = call.now // 60_000 * 60
    return data({"task": task if trader.is_enabled else "Stopped", "start": start, "time": spoken(start * 1000)})


async def ipwhitelist(call: Call) -> Response:
    """Addresses that its exchange must let in."""
    call.trader()
    shown = "192.0.2.10, 192.0.2.11"
    return data({"ip_addresses": ["192.0.2.10", "192.0.2.11"], "show_ip_addresses": shown, "copy_ip_addresses": shown})


async def troubleshooter(call: Call) -> Response:
    """Why it may not trade."""
    trader = call.trader()
    checks = (
        ("Hopper enabled", trader.is_enabled, "Enable your hopper."),
        ("Buying enabled", trader.buys, "Enable buying."),
        ("Selling enabled", trader.sells, "Enable selling."),
        ("Not in panic mode", not trader.is_panicking, "End panic mode."),
    )
    rows = [
        {
            "title": title,
            "status": "ok" if is_well else "error",
            "description": "" if is_well else advice,
            "readmore": "",
        }
        for title, is_well, advice in checks
    ]
    return data({"troubleshooter": rows})


async def signals(call: Call) -> Response:
    """No hopper of this world listens to signals."""
    call.trader()
    return data({"signals": []})


async def last_signal(call: Call) -> Response:
    call.trader()
    return data("")


async def subscription(call: Call) -> Response:
    hopper = call.trader().hopper
    return data({"subscription": {"hopper_id": int(hopper.id), **plan_of(call, hopper)}})


def plan_of(call: Call, hopper: Hopper) -> dict[str, object]:
    """The subscription of a hopper; its plan is the one whose snapshots are as old."""
    return {
        "subscription_id": "9" + hopper.id,
        "start_time": spoken(call.world.began_at),
        "end_time": spoken(call.world.began_at + _YEAR),
        "subscription_status": "active",
        "auto_renewal": "1",
        "plan_name": hopper.plan_name,
        "plan_description": f"{hopper.plan_name}, billed yearly",
        "payment_term": "yearly",
        "payment_method_id": "1",
    }


def shown(call: Call, trader: Trader, is_listed: bool) -> dict[str, object]:
    """A hopper; ``enabled`` and its like are numbers when it is listed and text when it is alone."""
    hopper, (at, state) = trader.hopper, call.snapshot(trader)

    def switch(value: bool) -> object:
        return int(value) if is_listed else flag(value)

    return {
        "id": hopper.id,
        "name": trader.name,
        "exchange": hopper.exchange,
        "hopper_id": hopper.id,
        "subscription_id": int("9" + hopper.id) if is_listed else "9" + hopper.id,
        "subscription": hopper.plan_name,
        **{name: value for name, value in plan_of(call, hopper).items() if name != "subscription_id"},
        "product_id": _PRODUCTS[hopper.plan_name],
        "last_loaded_config": False if is_listed else "",
        "image": "",
        "base_currency": hopper.base,
        "buying_enabled": switch(trader.buys),
        "selling_enabled": switch(trader.sells),
        "enabled": switch(trader.is_enabled),
        "set_default": flag(trader is call.world.of(hopper.user)[0]),
        "error_message": None if is_listed else False,
        "last_signal": "",
        "last_signal_encoding": "",
        "total_cur": f"{call.world.value(trader, state, at):f}",
        "config_error": trader.complaint or "0",
        "created": spoken(trader.began_at),
        "bot_type": "0",
        "user_id": hopper.user,
        "allowed_coins": list(hopper.coins),
        "paper_trading": switch(True) if trader.is_paper else "0",
        "start_balance": f"{hopper.start:f}",
        "open_positions_count": str(len(state.positions)),
    }


def in_btc(call: Call, trader: Trader, coin: str, amount: Decimal, at: int) -> str:
    """What so much of a coin is worth in BTC."""
    hopper = trader.hopper
    value = amount * call.world.rate(hopper.exchange, coin, hopper.base, at)
    if hopper.base != "BTC":
        price = call.world.rate(hopper.exchange, "BTC", hopper.base, at)
        value = value / price if price else Decimal(0)
    return f"{value:.8f}"


def flag(value: bool) -> str:
    """A switch as text."""
    return "1" if value else "0"
