"""``/v1/hopper/{id}/trade``: every fill, at once and newest first."""

import random
from datetime import UTC, datetime

from starlette.responses import Response

from simulator.clock import milliseconds, spoken
from simulator.cryptohopper.access import Answer, Call, Refusal, data, whole
from simulator.cryptohopper.faults.queue import quirk
from simulator.worlds.books import Trade
from simulator.worlds.demo import Hopper

_PAGE = 500
_REPEATED = 5  # trades of the page before, when a fault repeats them
_FORMS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")


def trades(tells_numbers: bool) -> Answer:
    """The route of a page of trades; ``tells_numbers``: ``results`` and ``count`` are numbers, not text."""

    async def answer(call: Call) -> Response:
        """At most 500, newest first. ``dateFrom`` and ``dateTo`` are dates or times, UTC, both inclusive.

        Refuses with 400 a date that does not exist and an offset or count that is no number.
        """
        trader, odd = call.trader(), quirk(call.request)
        since = _moment(call.asked("dateFrom"), is_end=False)
        until = _moment(call.asked("dateTo"), is_end=True)
        offset = whole(call.asked("offset"), 0)
        count = min(whole(call.asked("count") or call.asked("limit"), _PAGE), _PAGE)
        if odd == "date-ignored":
            since = None
        found = [
            trade
            for trade in reversed(trader.trades)
            if (since is None or trade.at >= since) and (until is None or trade.at <= until)
        ]
        begin = 0 if odd == "offset-ignored" else max(0, offset - _REPEATED) if odd == "trades-repeated" else offset
        page = found[begin : begin + count + (_REPEATED if odd == "trades-long" else 0)]
        if odd == "trades-shuffled":
            random.Random(offset).shuffle(page)
        is_number = tells_numbers or odd == "results-as-number"
        return data(
            {
                "trades": [shown(trader.hopper, trade) for trade in page],
                "offset": offset if odd == "results-as-number" else str(offset),
                "count": len(found),
                "results": len(page) if is_number else str(len(page)),
            }
        )

    return answer


async def trade(call: Call) -> Response:
    """One trade. Refuses with 404 an id the hopper does not have."""
    trader = call.trader()
    for each in trader.trades:
        if each.id == call.request.path_params["trade"]:
            return data(shown(trader.hopper, each))
    raise Refusal(404, "Trade not found")


def shown(hopper: Hopper, trade: Trade) -> dict[str, object]:
    """A trade as the API has it; ``strategy_result`` changes its type as the real one's does."""
    fee_coin = {"fee_currency": trade.fee_coin} if trade.fee_coin else {}
    result = "" if trade.result is None else f"{trade.result:f}"
    return {
        "id": trade.id,
        "exchange": hopper.exchange,
        "currency": trade.coin,
        "pair": trade.coin + hopper.base,
        "type": trade.kind,
        "order_cur": hopper.base,
        "order_id": f"x-{int(trade.order_id or trade.id) * 7919}",
        "date": spoken(trade.at),
        "amount": f"{trade.amount:f}",
        "rate": f"{trade.rate:f}",
        "total": f"{trade.total:f}",
        "fee": f"{trade.fee:f}",
        **fee_coin,
        "result": "" if trade.is_short else result,
        "trigger_strategy": trade.trigger,
        "strategy_result": [] if trade.kind == "sell" else {"strategy": hopper.style, "coin": trade.coin},
        "buy_id": trade.buy_id,
        "is_short": "1" if trade.is_short else "0",
        "result_short": result if trade.is_short else "",
    }


def _moment(text: str, is_end: bool) -> int | None:
    if not text:
        return None
    for form in _FORMS:
        try:
            found = milliseconds(datetime.strptime(text, form).replace(tzinfo=UTC))
        except ValueError:
            continue
        return found + (86_399_999 if is_end and form == "%Y-%m-%d" else 999 if is_end else 0)
    raise Refusal(400, f"Invalid date: {text}")
