"""CoinMarketCap Pro (shared reference, market-data 1)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from cryptwire.clock import Clock
from cryptwire.domain.market import Coin, High
from cryptwire.errors import Corrupt, Exhausted, Forbidden, Refused, Unavailable
from processor.adapters.answers import ask, moment, number, text, whole
from processor.logic.market import until_next_day, until_next_month
from processor.ports.market import Allowance

_LISTINGS = "/v1/cryptocurrency/listings/latest"
_PERFORMANCE = "/v2/cryptocurrency/price-performance-stats/latest"
_KEY_INFO = "/v1/key/info"
_KEY_ERRORS = frozenset({1001, 1002, 1003, 1004, 1005, 1007})
_NOT_IN_PLAN = 1006


class CoinMarketCap:
    """``url`` ends before ``/v1``. Money in US dollars, so that a call costs no second conversion."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str, clock: Clock) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._headers = {"X-CMC_PRO_API_KEY": key, "Accept": "application/json"}
        self._clock = clock

    async def listings(self, count: int) -> Sequence[Coin]:
        """By rank; a coin of which something needed is missing is left out. See CapSource."""
        data = await self._ask(_LISTINGS, {"start": "1", "limit": str(count), "convert": "USD"})
        if not isinstance(data, list):
            raise Corrupt("the list is not as documented")
        coins = [coin for row in data if (coin := _coin(row)) is not None]
        if not coins:
            raise Corrupt("the list holds no coin that can be read")
        return coins

    async def highs(self, coins: Sequence[int]) -> Mapping[int, High]:
        """See CapSource; raises Forbidden where the plan does not hold this call."""
        if len(coins) > 100:
            raise ValueError("100 coins at most")
        data = await self._ask(
            _PERFORMANCE, {"id": ",".join(map(str, coins)), "time_period": "all_time", "convert": "USD"}
        )
        if not isinstance(data, dict):
            raise Corrupt("the statistics are not as documented")
        highs = {coin: _high(data.get(str(coin))) for coin in coins}
        return {coin: high for coin, high in highs.items() if high is not None}

    async def allowance(self) -> Allowance:
        """Credits left today and this month, the scarcer of the two; asking costs none."""
        data = await self._ask(_KEY_INFO, {})
        plan, usage = (data.get("plan"), data.get("usage")) if isinstance(data, dict) else (None, None)
        if not isinstance(plan, dict) or not isinstance(usage, dict):
            raise Corrupt("the key's usage is not as documented")
        now = self._clock.now()
        month = _left(usage.get("current_month"))
        if month is None:
            raise Corrupt("the key's usage is not as documented")
        resets_at = moment(plan.get("credit_limit_monthly_reset_timestamp"))
        is_told = resets_at is not None and now < resets_at <= now + timedelta(days=32)
        until = (resets_at - now) if is_told and resets_at is not None else until_next_month(now)
        day = _left(usage.get("current_day")) if plan.get("credit_limit_daily") else None
        if day is None:
            return Allowance(month, until)
        until_midnight = until_next_day(now)
        is_day_scarcer = day / until_midnight.total_seconds() < month / until.total_seconds()
        return Allowance(day, until_midnight) if is_day_scarcer else Allowance(month, until)

    async def _ask(self, path: str, query: Mapping[str, str]) -> Any:
        status, _, body = await ask(self._session, f"{self._url}{path}", self._headers, query)
        if status == 200 and isinstance(body, dict):
            return body.get("data")
        raise _error(status, body, self._clock.now())


def _error(status: int, body: Any, now: datetime) -> Exception:
    told = body.get("status") if isinstance(body, dict) else None
    code = whole(told.get("error_code")) if isinstance(told, dict) else None
    if code in _KEY_ERRORS:
        return Refused(f"the key is not accepted (error {code})")
    if code == _NOT_IN_PLAN:
        return Forbidden("the key's plan does not hold this call (error 1006)")
    match code:
        case 1008 | 1011:
            return Exhausted(f"too many requests this minute (error {code})", 60.0)
        case 1009:
            return Exhausted("today's credits are used up (error 1009)", until_next_day(now).total_seconds())
        case 1010:
            return Exhausted("this month's credits are used up (error 1010)", until_next_day(now).total_seconds())
    if status == 429:
        return Exhausted("too many requests", 60.0)
    if status >= 500:
        return Unavailable(f"status {status}")
    return Refused(f"status {status}, error {code}")


def _coin(row: Any) -> Coin | None:
    quote = row.get("quote") if isinstance(row, dict) else None
    usd = quote.get("USD") if isinstance(quote, dict) else None
    if not isinstance(usd, dict):
        return None
    id_, symbol, name, slug, rank, price, cap, at = (
        whole(row.get("id")),
        text(row.get("symbol"), 40),
        text(row.get("name"), 200),
        text(row.get("slug"), 200),
        whole(row.get("cmc_rank")),
        number(usd.get("price")),
        number(usd.get("market_cap")),
        moment(usd.get("last_updated")),
    )
    if None in (id_, symbol, name, slug, rank, price, cap, at):
        return None
    assert id_ is not None and symbol is not None and name is not None and slug is not None  # noqa: PT018
    assert rank is not None and price is not None and cap is not None and at is not None  # noqa: PT018
    if rank > 1_000_000:
        return None
    return Coin(id_, symbol.upper(), name, slug, rank, price, cap, number(row.get("circulating_supply")), at)


def _high(row: Any) -> High | None:
    for name in ("periods", "all_time", "quote", "USD"):
        row = row.get(name) if isinstance(row, dict) else None
    if not isinstance(row, dict):
        return None
    price, at = number(row.get("high")), moment(row.get("high_timestamp"))
    return None if price is None or at is None else High(price, at)


def _left(usage: Any) -> int | None:
    return whole(usage.get("credits_left")) if isinstance(usage, dict) else None
