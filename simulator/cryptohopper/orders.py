"""``/v1/hopper/{id}/order``: what rests on the exchange, as of the snapshot."""

from starlette.responses import Response

from simulator.clock import spoken
from simulator.cryptohopper.access import Call, Refusal, data
from simulator.worlds.books import UNIT, OpenOrder
from simulator.worlds.trader import Trader


async def orders(call: Call) -> Response:
    return data(orders_of(call, call.trader()))


async def order(call: Call) -> Response:
    """One order. Refuses with 404 what is not open in the snapshot."""
    for each in orders_of(call, call.trader()):
        if each["id"] == call.request.path_params["order"]:
            return data(each)
    raise Refusal(404, "Order not found")


def orders_of(call: Call, trader: Trader) -> list[dict[str, object]]:
    """Open orders in the snapshot, as the API has them; ``amount`` is what is still to be filled."""
    _, state = call.snapshot(trader)
    return [_order(trader, each) for each in state.orders]


def _order(trader: Trader, order: OpenOrder) -> dict[str, object]:
    left = order.amount - order.filled
    return {
        "id": order.id,
        "pair": order.coin + trader.hopper.base,
        "order_type": order.kind,
        "order_id": f"x-{int(order.id) * 7919}",
        "order_trigger": order.trigger,
        "amount": f"{left:f}",
        "rate": f"{order.rate:f}",
        "ta_values": [],
        "percentage_profit": "",
        "hold": "0",
        "sold": "0",
        "open_time": spoken(order.opened_at),
        "close_time": "",
        "bundled": "0",
        "market_order": 0,
        "cost": f"{(left * order.rate).quantize(UNIT):f}",
        "date": spoken(order.opened_at),
    }
