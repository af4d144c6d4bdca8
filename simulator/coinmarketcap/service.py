"""``/coinmarketcap``: listings, price-performance statistics and the key's usage."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import numpy as np
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from simulator.clock import Clock, milliseconds, moment
from simulator.coinmarketcap import parameters
from simulator.coinmarketcap.coins import DAY, Coin, Coins
from simulator.coinmarketcap.parameters import Listing, Performance, bad
from simulator.coinmarketcap.plans import ERRORS, PLANS, Failed, Plan, Usage, cost
from simulator.market.prices import Market
from simulator.openexchangerates.rates import Rates
from simulator.plain_faults import PlainFaults

_PER_CREDIT, _PER_CREDIT_OF_PERFORMANCE = 200, 100
_MONEY = ("price", "volume_24h", "market_cap", "fully_diluted_market_cap")
_DAYS = {"yesterday": 2, "24h": 1, "7d": 7, "30d": 30, "90d": 90, "365d": 365}
_LOOKS = 97  # instants of a period at which the price is looked at

Answer = Callable[[Request, Plan], tuple[object, int, dict[str, object]]]


class CoinMarketCap:
    """The service. Keys are those of PLANS and SPOILT, in the header or the query.

    ``POST /control/coinmarketcap {"error": "1008", "times": 2}`` queues errors (see PlainFaults),
    ``{"key": "sim-basic", "minute": 29}`` (or ``day``, ``month``) sets what a key has spent.
    """

    def __init__(self, market: Market, clock: Clock) -> None:
        self._coins = Coins(market)
        self._rates = Rates(market)
        self._clock = clock
        self._usage = Usage()
        self.faults = PlainFaults(ERRORS)

    def routes(self) -> list[BaseRoute]:
        paths: dict[str, Answer] = {
            "/v1/cryptocurrency/listings/latest": self._listings(is_array=False),
            "/v3/cryptocurrency/listings/latest": self._listings(is_array=True),
            "/v2/cryptocurrency/price-performance-stats/latest": self._performance,
            "/v1/key/info": self._key_info,
        }
        return [
            Mount(
                "/coinmarketcap",
                routes=[
                    *(Route(path, self._answering(answer)) for path, answer in paths.items()),
                    Route("/{rest:path}", self._nothing),
                ],
                middleware=[Middleware(GZipMiddleware, minimum_size=1000)],
            ),
            *self.faults.routes("/control/coinmarketcap", self._control),
        ]

    def _answering(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            began = time.perf_counter()
            spoilt = self.faults.next()
            try:
                if spoilt is not None and spoilt not in ERRORS:
                    return self.faults.broken(spoilt)
                if spoilt is not None:
                    raise Failed(int(spoilt))
                now = self._clock.now()
                key = request.headers.get("x-cmc_pro_api_key") or request.query_params.get("CMC_PRO_API_KEY", "")
                plan = self._usage.admit(key, now)
                data, credits_, more = answer(request, plan)
                self._usage.charge(key, credits_, now)
                return JSONResponse({"status": self._status(began, credits_) | more, "data": data})
            except Failed as failed:
                return JSONResponse(
                    {"status": self._status(began, 0, failed.code, failed.said)}, failed.status
                )  # fmt: skip

        return respond

    def _status(self, began: float, credits_: int, code: int = 0, said: str | None = None) -> dict[str, object]:
        return {
            "timestamp": _spoken(milliseconds(self._clock.now())),
            "error_code": code,
            "error_message": said,
            "elapsed": int((time.perf_counter() - began) * 1000),
            "credit_count": credits_,
            "notice": None,
        }

    def _listings(self, *, is_array: bool) -> Answer:
        def answer(request: Request, _: Plan) -> tuple[object, int, dict[str, object]]:
            asked = parameters.listing(request.query_params)
            at = milliseconds(self._clock.now())
            quotes = self._coins.quotes(at)
            rates = [self._rate(symbol, at) for symbol in asked.convert]
            ranked = sorted(self._coins.by_id.values(), key=lambda coin: -quotes[coin.id]["market_cap"])
            ranks = {coin.id: number for number, coin in enumerate(ranked, 1)}
            found = _sorted([coin for coin in ranked if _fits(coin, quotes[coin.id], asked)], quotes, asked)
            page = found[asked.start - 1 : asked.start - 1 + asked.limit]
            data = []
            for coin in page:
                told = {
                    symbol: _converted(quotes[coin.id], rate) | {"last_updated": _spoken(at // 60_000 * 60_000)}
                    for symbol, rate in zip(asked.convert, rates, strict=True)
                }
                quote = [{"symbol": symbol, **quote} for symbol, quote in told.items()] if is_array else told
                data.append(_shown(coin, ranks[coin.id], at) | {"quote": quote})
            return data, cost(len(page), _PER_CREDIT, len(asked.convert)), {"total_count": len(found)}

        return answer

    def _performance(self, request: Request, plan: Plan) -> tuple[object, int, dict[str, object]]:
        if not plan.has_performance:
            raise Failed(1006)
        asked = parameters.performance(request.query_params)
        at = milliseconds(self._clock.now()) // 60_000 * 60_000
        rates = {symbol: self._rate(symbol, at) for symbol in asked.convert}
        data: dict[str, object] = {}
        count = 0
        for name in asked.names:
            coins = self._named(asked, name)
            if not coins:
                if asked.skips_invalid:
                    continue
                raise bad(f'Invalid value for "{asked.by}": "{name[:40]}"')
            told = [_performance_of(coin, asked.periods, rates, at) for coin in coins]
            count += len(told)
            data[name.upper() if asked.by == "symbol" else str(coins[0].id)] = told if asked.by == "symbol" else told[0]
        if not data:
            raise bad(f'Invalid value for "{asked.by}": "{asked.names[0][:40] if asked.names else ""}"')
        return data, cost(count, _PER_CREDIT_OF_PERFORMANCE, len(rates)), {}

    def _named(self, asked: Performance, name: str) -> list[Coin]:
        if asked.by == "id":
            coin = self._coins.by_id.get(int(name[:9]))
            return [] if coin is None else [coin]
        wanted = name.upper() if asked.by == "symbol" else name.lower()
        return [coin for coin in self._coins.by_id.values() if getattr(coin, asked.by) == wanted]

    def _rate(self, symbol: str, at: int) -> float:
        """Units of a currency or coin for one US dollar. Raises Failed, 400, for one that is not known."""
        at = at // 60_000 * 60_000
        if symbol == "USD":
            return 1.0
        rates = self._rates.at(at)
        if symbol in rates:
            return rates[symbol]
        coin = next((coin for coin in self._coins.by_id.values() if coin.symbol == symbol), None)
        if coin is None:
            raise bad(f'Invalid value for "convert": "{symbol[:20]}"')
        return 1 / coin.prices([at])[0]

    def _key_info(self, request: Request, plan: Plan) -> tuple[object, int, dict[str, object]]:
        """Plan and usage of the key; costs nothing."""
        key = request.headers.get("x-cmc_pro_api_key") or request.query_params.get("CMC_PRO_API_KEY", "")
        minute, day, month = self._usage.spent(key, self._clock.now())
        data = {
            "plan": {
                "credit_limit_daily": plan.day,
                "credit_limit_monthly": plan.month,
                "rate_limit_minute": plan.minute,
            },
            "usage": {
                "current_minute": {"requests_made": minute, "requests_left": max(0, plan.minute - minute)},
                "current_day": {"credits_used": day, "credits_left": max(0, plan.day - day) if plan.day else None},
                "current_month": {"credits_used": month, "credits_left": max(0, plan.month - month)},
            },
        }
        return data, 0, {}

    async def _nothing(self, _: Request) -> Response:
        return JSONResponse({"statusCode": 404, "error": "Not Found", "message": "Not Found"}, 404)

    def _control(self, given: Mapping[str, object]) -> object:
        spent = {name: value for name, value in given.items() if name != "key"}
        if given.get("key") not in PLANS or not spent or set(spent) - {"minute", "day", "month"}:
            raise ValueError(f"must be an error, or key (one of {', '.join(PLANS)}) with minute, day or month")
        numbers = {name: value for name, value in spent.items() if isinstance(value, int) and value >= 0}
        if len(numbers) != len(spent):
            raise ValueError("minute, day and month are numbers from 0")
        self._usage.set(str(given["key"]), self._clock.now(), **numbers)
        return dict(given)


def _fits(coin: Coin, quote: Mapping[str, float], asked: Listing) -> bool:
    if asked.kind != "all" and coin.is_token != (asked.kind == "tokens"):
        return False
    values = {**quote, "circulating_supply": coin.supply}
    return all(least <= values[name] <= most for name, least, most in asked.bounds)


def _sorted(coins: Sequence[Coin], quotes: Mapping[int, Mapping[str, float]], asked: Listing) -> list[Coin]:
    own: dict[str, Callable[[Coin], Any]] = {
        "name": lambda coin: coin.name,
        "symbol": lambda coin: coin.symbol,
        "date_added": lambda coin: coin.listed_at,
        "circulating_supply": lambda coin: coin.supply,
        "total_supply": lambda coin: coin.supply,
        "max_supply": lambda coin: coin.most or 0.0,
        "num_market_pairs": _pairs,
        "market_cap_strict": lambda coin: quotes[coin.id]["market_cap"],
    }
    value: Callable[[Coin], Any] = own.get(asked.sort, lambda coin: quotes[coin.id][asked.sort])
    return sorted(coins, key=lambda coin: (value(coin), coin.id), reverse=asked.is_descending)


def _converted(quote: Mapping[str, float], rate: float) -> dict[str, object]:
    return {name: value * rate if name in _MONEY else value for name, value in quote.items()}


def _pairs(coin: Coin) -> int:
    return 20 + coin.id % 400 if coin.pair is not None else 1 + coin.id % 7


def _shown(coin: Coin, rank: int, at: int) -> dict[str, object]:
    ether = {"id": 1027, "name": "Ethereum", "symbol": "ETH", "slug": "ethereum", "token_address": f"0x{coin.id:040x}"}
    return {
        "id": coin.id,
        "name": coin.name,
        "symbol": coin.symbol,
        "slug": coin.slug,
        "cmc_rank": rank,
        "num_market_pairs": _pairs(coin),
        "circulating_supply": coin.supply,
        "total_supply": coin.supply,
        "max_supply": coin.most,
        "infinite_supply": coin.most is None,
        "date_added": _spoken(coin.listed_at),
        "last_updated": _spoken(at // 60_000 * 60_000),
        "tags": [],
        "platform": ether if coin.is_token else None,
        "self_reported_circulating_supply": None,
        "self_reported_market_cap": None,
        "tvl_ratio": None,
    }


def _performance_of(coin: Coin, periods: Sequence[str], rates: Mapping[str, float], at: int) -> dict[str, object]:
    told = {}
    for period in periods:
        found = _all_time(coin, at) if period == "all_time" else _window(coin, at, period)
        moments = {name: _spoken(when) for name, (_, when) in found.items()}
        quote = {}
        for symbol, rate in rates.items():
            prices = {name: price * rate for name, (price, _) in found.items()}
            quote[symbol] = {
                **prices,
                **{f"{name}_timestamp": text for name, text in moments.items()},
                "percent_change": (prices["close"] / prices["open"] - 1) * 100,
                "price_change": prices["close"] - prices["open"],
            }
        told[period] = {**moments, "quote": quote}
    return {
        "id": coin.id,
        "name": coin.name,
        "symbol": coin.symbol,
        "slug": coin.slug,
        "last_updated": _spoken(at),
        "periods": told,
    }


def _window(coin: Coin, at: int, period: str) -> dict[str, tuple[float, int]]:
    """Open, high, low and close of a period with their instants."""
    until = at // DAY * DAY if period == "yesterday" else at
    since = until - DAY if period == "yesterday" else until - _DAYS[period] * DAY
    instants = [int(each) for each in np.linspace(since, until, _LOOKS)]
    return _extremes(list(zip(coin.prices(instants), instants, strict=True)))


def _all_time(coin: Coin, at: int) -> dict[str, tuple[float, int]]:
    """Since the coin was listed: a past that nobody saw, and the last ninety days of the market."""
    instants = [int(each) for each in np.linspace(at - 90 * DAY, at, 2161)]
    seen = list(zip(coin.prices(instants), instants, strict=True))
    peak = coin.old_peak()
    first = (peak[0] * (1.0 if coin.symbol == "USDT" else 0.01), coin.listed_at)
    return _extremes([first, peak, *seen])


def _extremes(seen: Sequence[tuple[float, int]]) -> dict[str, tuple[float, int]]:
    return {"open": seen[0], "high": max(seen), "low": min(seen), "close": seen[-1]}


def _spoken(instant: int) -> str:
    return moment(instant).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant % 1000:03d}Z"
