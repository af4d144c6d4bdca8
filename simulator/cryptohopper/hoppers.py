"""``/v1/hopper`` and what hangs below it but positions and trades: numbers as text, types that vary."""

from decimal import Decimal

from starlette.responses import Response

from simulator.clock import spoken
from simulator.cryptohopper.access import Call, data
from simulator.worlds.trader import Trader

_PLAN = "Hero"
_YEAR = 31_556_952_000


async def hoppers(call: Call) -> Response:
    """The caller's hoppers; ``name``, ``exchange`` and ``enabled`` narrow them."""
    query = call.request.query_params
    found = [
        _hopper(call, trader, is_listed=True)
        for trader in call.world.of(call.grant.user)
        if query.get("name", "").lower() in trader.hopper.name.lower()
        and query.get("exchange", trader.hopper.exchange) == trader.hopper.exchange
        and query.get("enabled", _flag(trader.is_enabled)) == _flag(trader.is_enabled)
    ]
    return data({"hoppers": found})


async def hopper(call: Call) -> Response:
    """One hopper. ``enabled`` and its like are numbers in the list and text here."""
    return data({"hopper": _hopper(call, call.trader(), is_listed=False)})


async def assets(call: Call) -> Response:
    """Currency to amount, the whole balance of each coin; an empty map is an empty list, as PHP has it."""
    trader = call.trader()
    _, state = call.world.snapshot(trader, call.now)
    held = state.reserved if call.request.query_params.get("reserved") == "1" else state.balances
    return data({coin: f"{amount:f}" for coin, amount in held.items() if amount} or [])


async def reserved(call: Call) -> Response:
    trader = call.trader()
    hopper, (at, state) = trader.hopper, call.world.snapshot(trader, call.now)
    rows = []
    for number, (coin, amount) in enumerate(state.reserved.items()):
        rate = call.world.rate(hopper.exchange, coin, hopper.base, trader.began_at)
        rows.append(
            {
                "id": str(int(hopper.id) * 10 + number),
                "pair": coin + hopper.base,
                "exchange": hopper.exchange,
                "currency": coin,
                "amount": f"{amount:f}",
                "rate": f"{rate:f}",
                "val": f"{amount * rate:.8f}",
                "btc": _in_btc(call, trader, coin, amount, at),
                "sell_time": "",
                "buy_time": spoken(trader.began_at),
                "base": hopper.base,
            }
        )
    return data(rows)


async def shorts(call: Call) -> Response:
    """No hopper of this world goes short; the line of debugging output before the JSON is the real one's."""
    call.trader()
    return Response(b'stop_loss 0.000000\n{"data":[]}', media_type="application/json")


async def orders(call: Call) -> Response:
    """Open orders: none, for every order of this world is filled at once."""
    call.trader()
    return data([])


async def config(call: Call) -> Response:
    """Flat, nearly all text, secrets included: whoever reads it must drop ``api_key`` and its like."""
    trader = call.trader()
    hopper = trader.hopper
    return data(
        {
            "name": hopper.name,
            "live": "0" if hopper.paper else "1",
            "exchange": hopper.exchange,
            "collect_currency": hopper.base,
            "base_coins": [hopper.base],
            "allowed_coins": list(hopper.coins),
            "allow_all_coins": "0",
            "api_key": "simulated-api-key-" + hopper.id,
            "api_secret": "simulated-api-secret-" + hopper.id,
            "api_passphrase": "simulated-passphrase" if hopper.exchange == "kucoin" else "",
            "extra_api_key": "",
            "extra_api_secret": "simulated-extra-secret",
            "perc_buy_amount": f"{hopper.share * 100:f}",
            "min_buy_amount": "0.0001" if hopper.base == "BTC" else "10",
            "min_buy_amount_force": "0",
            "max_amount_allocated": "",
            "max_open_positions": str(hopper.most_positions),
            "max_open_positions_per_coin": str(hopper.most_per_coin),
            "num_targets_per_buy": 1,
            "stop_buying": _flag(not trader.buys),
            "stop_selling": _flag(not trader.sells),
            "paper_trading": _flag(hopper.paper),
            "paper_trading_account": [] if not hopper.paper else {hopper.base: f"{hopper.start:f}"},
            "set_percentage": f"{hopper.take_profit * 100:g}",
            "strategy": {"dips": "Buy the dip", "cross": "Moving averages", "average": "Dollar cost"}[hopper.style],
            "sell_with_strategy": "0",
            "max_open_time": "0",
            "one_open_order": "1",
            "only_when_positive": "0",
            "cooldown": "1",
            "buy_order_type": "market",
            "sell_order_type": "market",
            "trading_fees": {"maker": "0.1", "taker": "0.1"},
            "stop_loss": "1",
            "stop_loss_percentage": f"{hopper.stop_loss * 100:g}",
            "stop_loss_trailing": "1",
            "stop_loss_trailing_percentage": f"{hopper.trail * 100:g}",
            "stop_loss_trailing_arm": f"{hopper.arm * 100:g}",
            "stop_loss_trailing_only": False,
            "trailing_buy": "0",
            "trailing_buy_percentage": None,
            "auto_close_positions": "1",
            "auto_close_positions_time": str(hopper.patience * 300 // 3600),
            "auto_dca": "1",
            "auto_dca_max": "",
            "automatic_shorting": "0",
            "ticker_type": "last",
            "template_id": "0",
            "last_loaded_config": False,
        }
    )


async def subscription(call: Call) -> Response:
    hopper = call.trader().hopper
    return data(
        {
            "subscription": {
                "hopper_id": int(hopper.id),
                "subscription_id": "9" + hopper.id,
                "start_time": spoken(call.world.began_at),
                "end_time": spoken(call.world.began_at + _YEAR),
                "subscription_status": "active",
                "auto_renewal": "1",
                "plan_name": _PLAN,
                "plan_description": "Hero, billed yearly",
                "payment_term": "yearly",
                "payment_method_id": "1",
            }
        }
    )


async def user(call: Call) -> Response:
    known = call.world.users[call.grant.user]
    return data(
        {
            "id": known.id,
            "name": known.full_name,
            "username": known.name,
            "email": f"{known.name}@example.com",
            "website": "",
            "region": "",
            "postal_code": "",
            "phone": "",
            "country": "NL",
            "city": "",
            "address1": "",
            "address2": "",
            "enabled_2fa": False,
            "is_trial_user": "0",
        }
    )


def _hopper(call: Call, trader: Trader, is_listed: bool) -> dict[str, object]:
    hopper, (at, state) = trader.hopper, call.world.snapshot(trader, call.now)

    def switch(value: bool) -> object:
        return int(value) if is_listed else _flag(value)

    return {
        "id": hopper.id,
        "name": hopper.name,
        "exchange": hopper.exchange,
        "hopper_id": hopper.id,
        "subscription_id": int("9" + hopper.id) if is_listed else "9" + hopper.id,
        "payment_term": "yearly",
        "payment_method_id": "1",
        "start_time": spoken(call.world.began_at),
        "end_time": spoken(call.world.began_at + _YEAR),
        "subscription_status": "active",
        "auto_renewal": "1",
        "subscription": "Hero",
        "plan_name": _PLAN,
        "plan_description": "Hero, billed yearly",
        "product_id": "129",
        "last_loaded_config": False if is_listed else "",
        "image": "",
        "base_currency": hopper.base,
        "buying_enabled": switch(trader.buys),
        "selling_enabled": switch(trader.sells),
        "enabled": switch(trader.is_enabled),
        "set_default": _flag(trader is call.world.of(hopper.user)[0]),
        "error_message": None if is_listed else False,
        "last_signal": "",
        "last_signal_encoding": "",
        "total_cur": f"{call.world.value(trader, state, at):f}",
        "config_error": "0",
        "created": spoken(trader.began_at),
        "bot_type": "0",
        "user_id": hopper.user,
        "allowed_coins": list(hopper.coins),
        "paper_trading": switch(hopper.paper) if hopper.paper else "0",
        "start_balance": f"{hopper.start:f}",
        "open_positions_count": str(len(state.positions)),
    }


def _in_btc(call: Call, trader: Trader, coin: str, amount: Decimal, at: int) -> str:
    hopper = trader.hopper
    value = amount * call.world.rate(hopper.exchange, coin, hopper.base, at)
    if hopper.base != "BTC":
        price = call.world.rate(hopper.exchange, "BTC", hopper.base, at)
        value = value / price if price else Decimal(0)
    return f"{value:.8f}"


def _flag(value: bool) -> str:
    return "1" if value else "0"
