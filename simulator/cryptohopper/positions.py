"""Positions: what is open, reserved or short, in a snapshot; numbers as text."""

from decimal import Decimal

from starlette.responses import Response

from simulator.clock import spoken
from simulator.cryptohopper.access import Call, Refusal, data
from simulator.cryptohopper.hoppers import flag, in_btc
from simulator.worlds.books import UNIT, Holding, ShortHolding
from simulator.worlds.trader import Trader

_OFFSET = 400_000_000  # between the id of a position and that of the trade which opened it


async def open_positions(call: Call) -> Response:
    """``GET /v1/hopper/{id}/position`` as Cryptohopper answers it: a bare array under ``data``, numbers as text.

    Serves the snapshot of the hopper's plan, so polling faster than the plan shows nothing new.
    """
    return data(positions_of(call, call.trader()))


async def position(call: Call) -> Response:
    """One position. Refuses with 404 what is not open in the snapshot."""
    return data(position_of(call, call.trader(), call.request.path_params["position"]))


async def held(call: Call) -> Response:
    """Positions that no rule sells."""
    return data([each for each in positions_of(call, call.trader()) if each["hold"] == "1"])


async def to_release(call: Call) -> Response:
    """Nothing to say, but said: the route is there in the real one, too."""
    call.trader()
    return data("No positions to release")


async def unsynced(call: Call) -> Response:
    """Coins that belong to no position: numbers here, not text; what is hardly worth a trade is dust."""
    trader = call.trader()
    hopper, (at, state) = trader.hopper, call.snapshot(trader)
    used = [(each.coin, each.amount) for each in state.positions]
    used += [*state.reserved.items(), *state.in_orders.items()]
    rows: dict[str, list[dict[str, object]]] = {"unsynced": [], "dust": []}
    for coin, amount in state.balances.items():
        left = amount - sum((each for name, each in used if name == coin), Decimal(0))
        if coin == hopper.base or left <= 0:
            continue
        rate = call.world.rate(hopper.exchange, coin, hopper.base, at)
        dust = Decimal("0.0001") if hopper.base == "BTC" else Decimal(10)
        row = {"pair": coin + hopper.base, "cur": coin, "amount": float(left), "rate": f"{rate:f}"}
        rows["dust" if left * rate < dust else "unsynced"].append(row)
    return data(rows)


async def reserved(call: Call) -> Response:
    """Coins put aside; the coin is what a row's ``id`` stands for."""
    trader = call.trader()
    hopper, (at, state) = trader.hopper, call.snapshot(trader)
    rows = []
    for coin, amount in state.reserved.items():
        rate = call.world.rate(hopper.exchange, coin, hopper.base, trader.began_at)
        rows.append(
            {
                "id": reserved_id(trader, coin),
                "pair": coin + hopper.base,
                "exchange": hopper.exchange,
                "currency": coin,
                "amount": f"{amount:f}",
                "rate": f"{rate:f}",
                "val": f"{amount * rate:.8f}",
                "btc": in_btc(call, trader, coin, amount, at),
                "sell_time": "",
                "buy_time": spoken(trader.began_at),
                "base": hopper.base,
            }
        )
    return data(rows)


async def shorts(call: Call) -> Response:
    """Short positions, with a line of debugging output before the JSON, as the real one has it."""
    trader = call.trader()
    at, state = call.snapshot(trader)
    rows = data([_short(call, trader, each, at) for each in state.shorts])
    return Response(b"stop_loss 0.000000\n" + bytes(rows.body), media_type="application/json")


def positions_of(call: Call, trader: Trader) -> list[dict[str, object]]:
    """Positions open in the snapshot, as the API has them."""
    at, state = call.snapshot(trader)
    rates = {
        coin: call.world.rate(trader.hopper.exchange, coin, trader.hopper.base, at)
        for coin in {holding.coin for holding in state.positions}
    }
    return [_position(trader, holding, rates[holding.coin]) for holding in state.positions]


def position_of(call: Call, trader: Trader, number: str) -> dict[str, object]:
    """One position. Refuses with 404 what is not open in the snapshot."""
    for each in positions_of(call, trader):
        if each["id"] == number:
            return each
    raise Refusal(404, "Position not found")


def position_id(buy_id: str) -> str:
    """A position's own id, from the id of the trade that opened it."""
    return str(int(buy_id) + _OFFSET)


def buy_id(position: str) -> str:
    """The id of the trade that opened a position."""
    return str(int(position) - _OFFSET)


def reserved_id(trader: Trader, coin: str) -> str:
    """The id of a hopper's reserve of a coin: the hopper's, and the letters of the coin as numbers."""
    return trader.hopper.id + "".join(f"{ord(letter) - 32:02d}" for letter in coin)


def reserved_coin(trader: Trader, number: str) -> str:
    """The coin of a reserve. Refuses with 404 what is none of the hopper's now."""
    for coin in trader.state(2**62).reserved:
        if reserved_id(trader, coin) == number:
            return coin
    raise Refusal(404, "Reserved position not found")


def _position(trader: Trader, holding: Holding, rate: Decimal) -> dict[str, object]:
    hopper = trader.hopper
    told = trader.config.get
    stop_percent = told("stop_loss_percentage") or f"{hopper.stop_loss * 100:g}"
    usual = f"{hopper.take_profit * 100:g}"
    stop = holding.rate * (1 - Decimal(stop_percent) / 100)
    return {
        "id": position_id(holding.id),
        "pair": holding.coin + hopper.base,
        "currency": holding.coin,
        "amount": f"{holding.amount:f}",
        "rate": f"{holding.rate:f}",
        "buy_id": holding.id,
        "order_id": f"x-{int(holding.id) * 7919}",
        "sell_id": "0",
        "buy_trigger": holding.trigger,
        "sell_trigger": "",
        "ta_values": False if holding.trigger == "DCA" else [],
        "percentage_profit": f"{holding.target:f}" if holding.target else told("set_percentage") or usual,
        "stop_loss": f"{stop:.8f}",
        "stop_loss_percentage": stop_percent,
        "sell_rate": f"{rate:f}",
        "trailing_percentage": told("stop_loss_trailing_percentage") or f"{hopper.trail * 100:g}",
        "trailing_arm": "1",
        "trailing_arm_percentage": told("stop_loss_trailing_arm") or f"{hopper.arm * 100:g}",
        "buy_time": spoken(holding.bought_at),
        "sell_time": "",
        "auto_close_time": "",
        "hold": flag(holding.is_held),
        "sold": "0",
        "cost": f"{(holding.amount * holding.rate).quantize(UNIT):f}",
        "tsl_enabled": told("stop_loss_trailing", "1"),
        "dca_enabled": told("auto_dca", "1"),
        "trailing_stop_loss_enabled": told("stop_loss_trailing", "1"),
        "trailing_stop_loss_only": "0",
        "stop_loss_enabled": told("stop_loss", "1"),
        "auto_close_enabled": told("auto_close_positions", "1"),
    }


def _short(call: Call, trader: Trader, short: ShortHolding, at: int) -> dict[str, object]:
    hopper = trader.hopper
    rate = call.world.rate(hopper.exchange, short.coin, hopper.base, at)
    return {
        "id": position_id(short.id),
        "pair": short.coin + hopper.base,
        "exchange": hopper.exchange,
        "currency": short.coin,
        "amount": f"{short.amount:f}",
        "rate": f"{rate:f}",
        "val": f"{short.proceeds:f}",
        "btc": in_btc(call, trader, short.coin, short.amount, at),
        "start_profit": "0",
        "start_rate": f"{short.rate:f}",
        "buy_trigger": "",
        "sell_trigger": short.trigger,
        "percentage_profit": "1.5",
        "ta_values": [],
        "sell_rate": f"{short.rate:f}",
        "sell_time": spoken(short.opened_at),
        "buy_time": "",
        "buy_rate": "",
        "stop_loss": "0.000000",
        "stop_loss_percentage": "0",
        "trailing_percentage": "0",
        "trailing_arm": "0",
        "trailing_arm_percentage": "0",
        "auto_close_time": "",
        "auto_remove_time": "",
        "hold": flag(short.is_held),
        "trailing_stop_loss_enabled": "0",
        "trailing_stop_loss_only": "0",
        "stop_loss_enabled": "0",
        "auto_close_enabled": "0",
        "auto_remove_enabled": "0",
    }
