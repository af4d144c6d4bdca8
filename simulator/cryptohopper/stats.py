"""``/v1/hopper/{id}/stats`` and what the makers' statistics page shows: sums over the trade list."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from starlette.responses import Response

from simulator.clock import moment
from simulator.cryptohopper.access import Call, data
from simulator.worlds.books import Holding, Trade
from simulator.worlds.trader import Trader

_DAY = 86_400_000


async def stats(call: Call) -> Response:
    """Everything at once; empty maps are empty lists, as PHP has them."""
    trader = call.trader()
    at, state = call.snapshot(trader)
    hopper, trades = trader.hopper, trader.trades
    sells = [trade for trade in trades if trade.kind == "sell" and trade.result is not None]
    bought = {trade.id: trade for trade in trades if trade.kind == "buy"}
    triggers = {each.id: each.trigger for each in bought.values()}
    prices = {coin: call.world.rate(hopper.exchange, coin, hopper.base, at) for coin in state.balances}
    prices[hopper.base] = Decimal(1)
    worth = {coin: float(amount * prices[coin]) for coin, amount in state.balances.items()}
    cost = float(sum((each.amount * each.rate for each in state.positions), Decimal(0)))
    held = float(sum((each.amount * prices[each.coin] for each in state.positions), Decimal(0)))
    aside = float(sum((amount * prices[coin] for coin, amount in state.reserved.items()), Decimal(0)))
    holding = {trade.id: (trade.at - bought[trade.buy_id].at) / 3_600_000 for trade in sells if trade.buy_id in bought}
    returns, invested = _returns(trades)
    by_trigger = _sums((trade.trigger, _profit(trade)) for trade in sells)
    reasons = [triggers.get(trade.buy_id, "Strategy") for trade in sells]
    by_buy = _sums((reason, _profit(trade)) for reason, trade in zip(reasons, sells, strict=True))
    free = worth.get(hopper.base, 0.0)
    return data(
        {
            "date_range": False,
            "start_time": trader.began_at // 1000,
            "end_time": at // 1000,
            "buysandsells": {
                "buys": len(trades) - sum(trade.kind == "sell" for trade in trades),
                "sells": sum(trade.kind == "sell" for trade in trades),
            },
            "mosttraded": dict(_counts(trade.coin for trade in trades)) or [],
            "average_holding_time": _averages((trade.coin, holding.get(trade.id, 0.0)) for trade in sells) or [],
            "average_profit": _averages((trade.coin, float(trade.result or 0)) for trade in sells) or [],
            "profits_sell_triggers": by_trigger or [],
            "profits_sell_triggers_total": len(sells),
            "profits_sell_triggers_counts": dict(_counts(trade.trigger for trade in sells)) or [],
            "profits_buy_triggers": by_buy or [],
            "profits_buy_triggers_total": len(sells),
            "profits_buy_triggers_counts": dict(_counts(reasons)) or [],
            "daily_profits": _daily(sells),
            "allocation_of_funds": {"available": free, "in open positions": held, "reserved": aside},
            "currentinassets": [[coin, value] for coin, value in worth.items()],
            "currentusdinassets": [[coin, value * _usd(call, trader, at)] for coin, value in worth.items()],
            "average_profit_total": _average(float(trade.result or 0) for trade in sells),
            "average_holding_time_total": _average(holding.values()),
            "totaltraded": len(trades),
            "returns": returns,
            "total_returns": returns,
            "invested": invested,
            "total_invested": invested,
            "positions": held,
            "profit": returns - invested + held,
            "invest": cost,
            "fees": float(_fees(trades)),
            "profitstats": {key: f"{value:.8f}" for key, value in _board(trades, cost, held).items()},
            "stats_open_positions": {
                "per_cur_totals": _per_coin(state.positions, prices) or [],
                "other_coins": [],
                "data": [
                    {"label": each.coin, "data": float(each.amount * prices[each.coin])} for each in state.positions
                ],
                "total_costs": cost,
                "average_perc": (held / cost - 1) * 100 if cost else 0,
                "average_hold": _average((at - each.bought_at) / 3_600_000 for each in state.positions),
                "total_pos": len(state.positions),
            },
            "assets": worth or [],
        }
    )  # fmt: skip


async def dashboard(call: Call) -> Response:
    """Four sums as text."""
    trader = call.trader()
    at, state = call.snapshot(trader)
    hopper = trader.hopper
    cost = held = 0.0
    for each in state.positions:
        cost += float(each.amount * each.rate)
        held += float(each.amount * call.world.rate(hopper.exchange, each.coin, hopper.base, at))
    return data({name: f"{value:.8f}" for name, value in _board(trader.trades, cost, held).items()})


async def most_traded(call: Call) -> Response:
    """Coins by how often they were traded, most first; all text."""
    trades = call.trader().trades
    sells = [trade for trade in trades if trade.result is not None]
    bought = {trade.id: trade.at for trade in trades if trade.kind == "buy"}
    hours = _averages(
        (trade.coin, (trade.at - bought[trade.buy_id]) / 3_600_000) for trade in sells if trade.buy_id in bought
    )
    profits = _averages((trade.coin, float(trade.result or 0)) for trade in sells)
    rows = sorted(_counts(trade.coin for trade in trades).items(), key=lambda row: (-row[1], row[0]))
    return data(
        [
            {
                "tradeAmount": str(count),
                "currency": coin,
                "profit": f"{profits.get(coin, 0.0):.2f}",
                "averageHoldingTimeInHours": f"{hours.get(coin, 0.0):.2f}",
            }
            for coin, count in rows
        ]
    )


def _board(trades: list[Trade], cost: float, held: float) -> dict[str, float]:
    returns, invested = _returns(trades)
    return {
        "total_invest": invested,
        "total_returns": returns,
        "total_positions": held - cost,
        "total_fees": float(_fees(trades)),
    }


def _returns(trades: list[Trade]) -> tuple[float, float]:
    """What sells brought, and what buys took, in base currency."""
    sold = sum((trade.total for trade in trades if trade.kind == "sell"), Decimal(0))
    bought = sum((trade.total for trade in trades if trade.kind == "buy"), Decimal(0))
    return float(sold), float(bought)


def _fees(trades: list[Trade]) -> Decimal:
    return sum((trade.fee for trade in trades if not trade.fee_coin), Decimal(0))


def _profit(trade: Trade) -> float:
    result = float(trade.result or 0) / 100
    return float(trade.total) * result / (1 + result) if result > -1 else -float(trade.total)


def _usd(call: Call, trader: Trader, at: int) -> float:
    base = trader.hopper.base
    return 1.0 if base == "USDT" else float(call.world.rate(trader.hopper.exchange, base, "USDT", at))


def _daily(sells: list[Trade]) -> list[list[object]]:
    days = _sums((str(trade.at // _DAY), _profit(trade)) for trade in sells)
    return [[int(moment(int(day) * _DAY).timestamp()), profit] for day, profit in days.items()]


def _per_coin(positions: Iterable[Holding], prices: Mapping[str, Decimal]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for each in positions:
        row = found.setdefault(each.coin, {"amount": 0.0, "cost": 0.0, "value": 0.0})
        row["amount"] += float(each.amount)
        row["cost"] += float(each.amount * each.rate)
        row["value"] += float(each.amount * prices[each.coin])
    return found


def _counts(names: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for name in names:
        found[name] += 1
    return dict(found)


def _sums(rows: Iterable[tuple[str, float]]) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for name, value in rows:
        found[name] += value
    return dict(found)


def _averages(rows: Iterable[tuple[str, float]]) -> dict[str, float]:
    found: dict[str, list[float]] = defaultdict(list)
    for name, value in rows:
        found[name].append(value)
    return {name: _average(values) for name, values in found.items()}


def _average(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0
