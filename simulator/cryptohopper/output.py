"""``/v1/hopper/{id}/output``: a hopper's log, made of what it traded and what it was told."""

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime

from starlette.responses import Response

from simulator.clock import milliseconds
from simulator.cryptohopper.access import Answer, Call, Refusal, data, whole
from simulator.cryptohopper.commands import Commands
from simulator.worlds.books import Trade
from simulator.worlds.trader import Trader

_MOST = 500
_FORM = "%m/%d/%Y %H:%M"
_OF_TRADES = "trade_completed"

_Entry = tuple[int, str, str]  # when (milliseconds), error or info, what


def output(commands: Commands) -> Answer:
    """The route of the log; what could not be done is in it as an error."""

    async def answer(call: Call) -> Response:
        """Newest first unless asked otherwise, 500 at most; ``log_time`` is in seconds, as a number.

        Refuses with 400 dates that are not ``MM/dd/yyyy HH:mm``, and what else makes no sense.
        """
        trader = call.trader()
        since, until = _moment(call.asked("dateFrom"), 0), _moment(call.asked("dateTo"), 59_999)
        kind, by, order = call.asked("entryType"), call.asked("sortBy"), call.asked("sortOrder", "desc")
        if (
            kind not in ("", "error", "info")
            or by not in ("", "entry_date", "entry_type")
            or order not in ("asc", "desc")
        ):
            raise Refusal(400, "entryType is error or info, sortBy entry_date or entry_type, sortOrder asc or desc")
        offset, count = whole(call.asked("offset"), 0), min(whole(call.asked("count"), _MOST), _MOST)
        newest: list[_Entry] = []
        for entry in _entries(trader, commands, call.now):
            if since is not None and entry[0] < since:
                break
            if (until is None or entry[0] <= until) and kind in ("", entry[1]):
                newest.append(entry)
                if len(newest) == offset + count and not by and order == "desc":
                    break
        if by == "entry_type":
            newest.sort(key=lambda entry: entry[1], reverse=order == "desc")
        elif order == "asc":
            newest.reverse()
        return data(
            [
                {"log_type": kind, "log_output": text, "log_time": at // 1000}
                for at, kind, text in newest[offset : offset + count]
            ]
        )

    return answer


def _entries(trader: Trader, commands: Commands, now: int) -> Iterator[_Entry]:
    """Everything up to now, newest first."""
    return heapq.merge(
        (_traded(trader, trade) for trade in reversed(trader.trades)),
        (
            (entry.at, "error" if entry.is_error else "info", entry.said)
            for entry in reversed(trader.log)
            if entry.topic != _OF_TRADES and entry.at <= now
        ),
        ((at, "error", text) for at, text in reversed(commands.refused(trader.hopper.id))),
        key=lambda entry: entry[0],
        reverse=True,
    )


def _traded(trader: Trader, trade: Trade) -> _Entry:
    done = "Bought" if trade.kind == "buy" else "Sold"
    text = f"{done} {trade.amount:f} {trade.coin} for {trade.rate:f} {trader.hopper.base} ({trade.trigger})"
    return trade.at, "info", text if trade.result is None else f"{text}, result {trade.result:.2f}%"


def _moment(text: str, more: int) -> int | None:
    if not text:
        return None
    try:
        return milliseconds(datetime.strptime(text, _FORM).replace(tzinfo=UTC)) + more
    except ValueError:
        raise Refusal(400, f"Invalid date: {text}") from None
