"""Open positions as the snapshot of the hopper's plan shows them."""

from decimal import Decimal

from starlette.responses import Response

from simulator.clock import spoken
from simulator.cryptohopper.access import Call, Refusal, data
from simulator.worlds.books import UNIT, Holding
from simulator.worlds.demo import Hopper


async def open_positions(call: Call) -> Response:
    """A bare array under ``data``, numbers as text; between two snapshots nothing new is shown."""
    return data(_positions(call))


async def position(call: Call) -> Response:
    """One position. Refuses with 404 what is not open in the snapshot."""
    for each in _positions(call):
        if each["id"] == call.request.path_params["position"]:
            return data(each)
    raise Refusal(404, "Position not found")


async def held(call: Call) -> Response:
    """Positions on hold: none."""
    call.trader()
    return data([])


def _positions(call: Call) -> list[dict[str, object]]:
    trader = call.trader()
    at, state = call.world.snapshot(trader, call.now)
    rates = {
        coin: call.world.rate(trader.hopper.exchange, coin, trader.hopper.base, at)
        for coin in {holding.coin for holding in state.positions}
    }
    return [_position(trader.hopper, holding, rates[holding.coin]) for holding in state.positions]


def _position(hopper: Hopper, holding: Holding, rate: Decimal) -> dict[str, object]:
    stop = holding.rate * Decimal(str(1 - hopper.stop_loss))
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
        "percentage_profit": f"{hopper.take_profit * 100:g}",
        "stop_loss": f"{stop:.8f}",
        "stop_loss_percentage": f"{hopper.stop_loss * 100:g}",
        "sell_rate": f"{rate:f}",
        "trailing_percentage": f"{hopper.trail * 100:g}",
        "trailing_arm": "1",
        "trailing_arm_percentage": f"{hopper.arm * 100:g}",
        "buy_time": spoken(holding.bought_at),
        "sell_time": "",
        "auto_close_time": "",
        "hold": "0",
        "sold": "0",
        "cost": f"{(holding.amount * holding.rate).quantize(UNIT):f}",
        "tsl_enabled": "1",
        "dca_enabled": "1",
        "trailing_stop_loss_enabled": "1",
        "trailing_stop_loss_only": "0",
        "stop_loss_enabled": "1",
        "auto_close_enabled": "1",
    }


def position_id(buy_id: str) -> str:
    """A position's own id, from the id of the trade that opened it."""
    return str(int(buy_id) + 400_000_000)


def buy_id(position: str) -> str:
    """The id of the trade that opened a position."""
    return str(int(position) - 400_000_000)
