"""``/v1/hopper/{id}/trade``: every fill, at once and newest first."""

from datetime import UTC, datetime

from starlette.responses import Response

from simulator.clock import milliseconds, spoken
from simulator.cryptohopper.access import Call, Refusal, data
from simulator.worlds.books import Trade
from simulator.worlds.demo import Hopper

_PAGE = 500
_FORMS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")


async def trades(call: Call) -> Response:
    """A page of at most 500, newest first. ``dateFrom`` and ``dateTo`` are dates or times, UTC, both inclusive.

    Refuses with 400 a date that does not exist and an offset or count that is no number.
    """
    trader, query = call.trader(), call.request.query_params
    since = _moment(query.get("dateFrom"), is_end=False)
    until = _moment(query.get("dateTo"), is_end=True)
    offset, count = _number(query.get("offset"), 0), min(_number(query.get("count"), _PAGE), _PAGE)
    found = [
        trade
        for trade in reversed(trader.trades)
        if (since is None or trade.at >= since) and (until is None or trade.at <= until)
    ]
    page = found[offset : offset + count]
    return data(
        {
            "trades": [shown(trader.hopper, trade) for trade in page],
            "offset": str(offset),
            "count": len(found),
            "results": str(len(page)),
        }
    )


async def trade(call: Call) -> Response:
    """One trade. Refuses with 404 an id the hopper does not have."""
    trader = call.trader()
    for each in trader.trades:
        if each.id == call.request.path_params["trade"]:
            return data(shown(trader.hopper, each))
    raise Refusal(404, "Trade not found")


def shown(hopper: Hopper, trade: Trade) -> dict[str, object]:
    """A trade as the API has it; ``strategy_result`` changes its type as the real one's does."""
    return {
        "id": trade.id,
        "exchange": hopper.exchange,
        "currency": trade.coin,
        "pair": trade.coin + hopper.base,
        "type": trade.kind,
        "order_cur": hopper.base,
        "order_id": f"x-{int(trade.id) * 7919}",
        "date": spoken(trade.at),
        "amount": f"{trade.amount:f}",
        "rate": f"{trade.rate:f}",
        "total": f"{trade.total:f}",
        "fee": f"{trade.fee:f}",
        "result": "" if trade.result is None else f"{trade.result:f}",
        "trigger_strategy": trade.trigger,
        "strategy_result": [] if trade.kind == "sell" else {"strategy": hopper.style, "coin": trade.coin},
        "buy_id": trade.buy_id,
        "is_short": "0",
        "result_short": "",
    }


def _moment(text: str | None, is_end: bool) -> int | None:
    if not text:
        return None
    for form in _FORMS:
        try:
            found = milliseconds(datetime.strptime(text, form).replace(tzinfo=UTC))
        except ValueError:
            continue
        return found + (86_399_999 if is_end and form == "%Y-%m-%d" else 999 if is_end else 0)
    raise Refusal(400, f"Invalid date: {text}")


def _number(text: str | None, otherwise: int) -> int:
    if text is None or text == "":
        return otherwise
    if not text.isdecimal() or len(text) > 9:
        raise Refusal(400, f"Not a number: {text}")
    return int(text)
