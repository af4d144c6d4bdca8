"""What Cryptohopper tells about exchanges: the simulated market, in both dialects."""

import asyncio
from collections.abc import Sequence

from starlette.responses import Response

from simulator.cryptohopper.access import Answer, Call, Refusal, data, whole
from simulator.market.klines import DAY, MINUTE, Bars, Day, Kline, fixed
from simulator.market.prices import Pair

SPANS = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "1d": 1440}
"""Time frames, in minutes."""

_MOST = 1000  # candles of an answer
_FOREX = {"EUR": "0.862", "GBP": "0.748", "JPY": "152.3", "AUD": "1.53", "CAD": "1.39", "CHF": "0.806"}
_NAMES = {"binance": "Binance", "kucoin": "KuCoin"}


class Exchanges:
    """Exchanges that this market has; what another is asked for is refused with 404."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars

    # ---- dialect A ----

    async def listed(self, call: Call) -> Response:
        return data([_exchange(call, name) for name in call.world.market.exchanges])

    async def tickers(self, call: Call) -> Response:
        pairs = _pairs(call, call.request.path_params["exchange"])
        days = await asyncio.to_thread(lambda: [self._bars.day(pair, call.now) for pair in pairs.values()])
        rows = [self._ticker(call, pair, day) for pair, day in zip(pairs.values(), days, strict=True)]
        return data({str(row["currencyPair"]): row for row in rows})

    async def ticker(self, call: Call) -> Response:
        pair = _pair_of_path(call)
        return data(self._ticker(call, pair, self._bars.day(pair, call.now)))

    async def candles(self, call: Call) -> Response:
        """Times in seconds, of any form: milliseconds, seconds, seconds with a fraction."""
        path = call.request.path_params
        found = await self._candles(call, _pair_of_path(call), path["frame"], path["start"], path["end"])
        pair = _pair_of_path(call)
        return data(
            [
                {
                    "date": bar.opened_at // 1000,
                    **{name: price / pair.scale for name, price in _prices(bar)},
                    "volume": (amount := bar.volume / 10**pair.listed.lot),
                    "quoteVolume": amount * bar.close / pair.scale,
                }
                for bar in found
            ]
        )

    async def orderbook(self, call: Call) -> Response:
        depth = min(max(whole(call.request.path_params["depth"], 10), 1), 100)
        return data(self._orderbook(call, _pair_of_path(call), depth))

    async def markets(self, call: Call) -> Response:
        return data([name.replace("/", "") for name in _pairs(call, call.request.path_params["exchange"])])

    async def market_decimals(self, call: Call) -> Response:
        listed = _found(call, call.request.path_params["exchange"], call.request.path_params["market"]).listed
        return data({"decimals": listed.decimals, "amount_decimals": listed.lot})

    async def market(self, call: Call) -> Response:
        named = call.asked("currency") + "/" + call.asked("base_currency")
        return data(_found(call, call.request.path_params["exchange"], named).listed.name.replace("/", ""))

    async def currencies(self, call: Call) -> Response:
        return data(_currencies(call, call.request.path_params["exchange"]))

    async def currency_decimals(self, call: Call) -> Response:
        """Decimals of all coins, or of the one in the path."""
        known = _currencies(call, call.request.path_params["exchange"])
        coin = call.request.path_params.get("coin")
        if coin is not None and coin not in known:
            raise Refusal(404, "Currency not found")
        return data(dict.fromkeys(known, 8) if coin is None else {"decimals": 8})

    async def currency(self, call: Call) -> Response:
        coin = call.asked("coin")
        if coin not in _currencies(call, call.request.path_params["exchange"]):
            raise Refusal(404, "Currency not found")
        return data({"coin": coin, "name": coin, "decimals": 8})

    async def base_currencies(self, call: Call) -> Response:
        """Currencies that coins are traded for, or the coins traded for the one in the path."""
        pairs = _pairs(call, call.request.path_params["exchange"]).values()
        base = call.request.path_params.get("base")
        if base is None:
            return data(sorted({pair.listed.quote for pair in pairs}))
        return data(sorted(pair.listed.base for pair in pairs if pair.listed.quote == base))

    async def forex(self, call: Call) -> Response:
        """Against the dollar, as text; the euro is what the market says."""
        euro = call.world.rate("binance", "EUR", "USDT", call.now)
        rates = {**_FOREX, "EUR": f"{1 / euro:.6f}"} if euro else _FOREX
        return data([{"quoteCurrency": name, "currency": "USD", "exchange_rate": rate} for name, rate in rates.items()])

    # ---- dialect B: exchange and market in the query ----

    async def ticker_b(self, call: Call) -> Response:
        pair = _asked_pair(call)
        row = self._ticker(call, pair, self._bars.day(pair, call.now))
        return data(
            {
                "market": pair.listed.name,
                "last": row["last"],
                "bid": row["highestBid"],
                "ask": row["lowestAsk"],
                "volume": row["baseVolume"],
            }
        )

    async def candles_b(self, call: Call) -> Response:
        pair, end = _asked_pair(call), call.asked("to") or str(call.now)
        frame = call.asked("timeframe", "1h")
        span = SPANS.get(frame, 60) * MINUTE
        since = call.asked("from") or str(_milliseconds(end) - 100 * span)
        bars = await self._candles(call, pair, frame, since, end)
        return data(
            [
                {
                    "time": bar.opened_at // 1000,
                    **{name: price / pair.scale for name, price in _prices(bar)},
                    "volume": bar.volume / 10**pair.listed.lot,
                }
                for bar in bars
            ]
        )

    async def orderbook_b(self, call: Call) -> Response:
        return data(self._orderbook(call, _asked_pair(call), 20))

    async def markets_b(self, call: Call) -> Response:
        exchange = call.asked("exchange")
        return data([{"exchange": exchange, "market": name} for name in _pairs(call, exchange)])

    async def currencies_b(self, call: Call) -> Response:
        return data([{"currency": name} for name in _currencies(call, call.asked("exchange"))])

    # ---- both ----

    def _ticker(self, call: Call, pair: Pair, day: Day) -> dict[str, object]:
        bids, asks = call.world.depth(pair, self._bars.last_tick(call.now))
        amount = day.volume / 10**pair.listed.lot
        return {
            "currencyPair": pair.listed.base + pair.listed.quote,
            "last": pair.shown(day.last),
            "lowestAsk": pair.shown(asks[0][0]) if asks else "0",
            "highestBid": pair.shown(bids[0][0]) if bids else "0",
            "percentChange": f"{(day.last / day.open - 1) * 100:.3f}",
            "baseVolume": f"{amount:f}",
            "quoteVolume": f"{amount * day.last / pair.scale:f}",
            "isFrozen": 0,
            "24hrHigh": pair.shown(day.high),
            "24hrLow": pair.shown(day.low),
        }

    async def _candles(self, call: Call, pair: Pair, frame: str, start: str, end: str) -> Sequence[Kline]:
        if frame not in SPANS:
            raise Refusal(400, f"The time frame must be one of {', '.join(SPANS)}")
        since, until, span = _milliseconds(start), _milliseconds(end), SPANS[frame] * MINUTE
        if not 0 <= since <= until or until > call.now + 365 * DAY:
            raise Refusal(400, "The end must not lie before the start")
        count = min((until - since) // span + 1, _MOST)
        edges = fixed(span, max(since, call.now - 3650 * DAY), count)
        bars = await asyncio.to_thread(self._bars.klines, pair, edges, call.now)
        return [bar for bar in bars if bar.opened_at <= until]

    def _orderbook(self, call: Call, pair: Pair, depth: int) -> dict[str, list[list[float]]]:
        """What hoppers' orders meet: the maker's levels around the last price, less what was just taken."""
        bids, asks = call.world.depth(pair, self._bars.last_tick(call.now))
        return {
            name: [[rate / pair.scale, float(amount)] for rate, amount in levels[:depth]]
            for name, levels in (("asks", asks), ("bids", bids))
        }


def _prices(bar: Kline) -> Sequence[tuple[str, int]]:
    return ("open", bar.open), ("high", bar.high), ("low", bar.low), ("close", bar.close)


def _milliseconds(text: str) -> int:
    """Above 10^11 it is in milliseconds. Refuses with 400 what is no time."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e14:
        raise Refusal(400, f"Not a time: {text}")
    return int(value) if value > 1e11 else int(value * 1000)


def _pairs(call: Call, exchange: str) -> dict[str, Pair]:
    found = call.world.market.exchanges.get(exchange)
    if found is None:
        raise Refusal(404, "Exchange not found")
    return dict(found)


def _found(call: Call, exchange: str, name: str) -> Pair:
    """A pair as ``BTCUSDT``, ``BTC/USDT`` or ``BTC-USDT``. Refuses with 404 what is not listed."""
    wanted = name.upper().replace("-", "").replace("/", "").replace("_", "")
    for listed, pair in _pairs(call, exchange).items():
        if listed.replace("/", "") == wanted:
            return pair
    raise Refusal(404, "Market not found")


def _pair_of_path(call: Call) -> Pair:
    return _found(call, call.request.path_params["exchange"], call.request.path_params["pair"])


def _asked_pair(call: Call) -> Pair:
    if not call.asked("exchange") or not call.asked("market"):
        raise Refusal(422, "exchange and market are required")
    return _found(call, call.asked("exchange"), call.asked("market"))


def _currencies(call: Call, exchange: str) -> list[str]:
    pairs = _pairs(call, exchange).values()
    return sorted({name for pair in pairs for name in (pair.listed.base, pair.listed.quote)})


def _exchange(call: Call, name: str) -> dict[str, object]:
    quotes = sorted({pair.listed.quote for pair in _pairs(call, name).values()})
    return {
        "exchange_key": name,
        "name": _NAMES.get(name, name),
        "description": f"{_NAMES.get(name, name)}, simulated",
        "logo": "",
        "website_link": "",
        "signup_link": "",
        "tutorial_link": "",
        "api_link": "",
        "extra_links": [],
        "base_currencies": quotes,
        "default_base_cur": "USDT",
        "api_config_fields": ["api_key", "api_secret"],
        "optional_config_fields": [],
        "exchange_status": "online",
        "uptime_1h": "100",
        "uptime_1w": "99.98",
        "uptime_1m": "99.95",
        "premium_partner": "0",
        "maintenance": 0,
        "maintenance_message": "",
    }


def routes(exchanges: Exchanges) -> dict[str, Answer]:
    """Path below ``/exchange`` to its answer, dialect A."""
    of = "/{exchange}"
    return {
        "": exchanges.listed,
        "/details": exchanges.listed,
        "/forex-rates": exchanges.forex,
        f"{of}/ticker": exchanges.tickers,
        f"{of}/ticker/{{pair:path}}": exchanges.ticker,
        f"{of}/candle/{{pair}}/{{frame}}/{{start}}/{{end}}": exchanges.candles,
        f"{of}/{{pair}}/orderbook/{{depth}}": exchanges.orderbook,
        f"{of}/markets": exchanges.markets,
        f"{of}/markets/{{market}}/decimals": exchanges.market_decimals,
        f"{of}/currencies": exchanges.currencies,
        f"{of}/currencies/decimals": exchanges.currency_decimals,
        f"{of}/currency/{{coin}}/decimals": exchanges.currency_decimals,
        f"{of}/currency": exchanges.currency,
        f"{of}/basecurrencies": exchanges.base_currencies,
        f"{of}/basecurrencies/{{base}}": exchanges.base_currencies,
        f"{of}/getmarket": exchanges.market,
    }
