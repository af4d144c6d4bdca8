"""Open Exchange Rates (shared reference, market-data 2)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import aiohttp

from cryptwire.domain.market import Rates
from cryptwire.errors import Corrupt, Exhausted, Forbidden, Refused, Unavailable
from processor.adapters.answers import ask, number, text, whole
from processor.ports.market import Allowance, Published

_DAY = 86_400.0
_ASTRAY = timedelta(days=1)
"""So far from its day a day's time may be, and then counts as of the day: midnight is often the next one's."""


class OpenExchangeRates:
    """``url`` ends before ``/latest.json``. The App ID goes in a header, so that no address ever holds it."""

    def __init__(self, session: aiohttp.ClientSession, url: str, app_id: str) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Token {app_id}"}

    async def latest(self, etag: str | None, modified: str | None) -> Published | None:
        """Against US dollars, coins included where they are told; see RateSource."""
        known = {"If-None-Match": etag, "If-Modified-Since": modified}
        headers = self._headers | {name: value for name, value in known.items() if value}
        query = {"prettyprint": "0", "show_alternative": "1"}
        status, said, body = await ask(self._session, f"{self._url}/latest.json", headers, query)
        if status == 304:
            return None
        if status != 200:
            raise _error(status, body)
        rates = _rates(body)
        if "EUR" not in rates.per_usd:  # a list without it is a broken one
            raise Corrupt("the rates do not hold the euro")
        return Published(
            rates,
            text(said.get("ETag"), 200),
            text(said.get("Last-Modified"), 100),
        )

    async def of_day(self, day: date) -> Rates | None:
        """The last of a day, UTC, coins included where they are told; see RateSource."""
        query = {"prettyprint": "0", "show_alternative": "1"}
        status, _, body = await ask(self._session, f"{self._url}/historical/{day}.json", self._headers, query)
        said = body.get("message") if isinstance(body, dict) else None
        # a day that is not there was also seen as an answer of a timestamp alone (its issues 4 and 5)
        if said == "not_available" or (status == 200 and isinstance(body, dict) and "rates" not in body):
            return None
        if status != 200:
            raise _error(status, body)
        rates = _rates(body)
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        end = begin + timedelta(days=1, seconds=-1)
        if not begin - _ASTRAY < rates.at < end + _ASTRAY:
            raise Corrupt(f"the rates of {day} are of {rates.at:%Y-%m-%d %H:%M}")
        return Rates(min(max(rates.at, begin), end), rates.per_usd)

    async def allowance(self) -> Allowance:
        """Requests left this month; asking does not count."""
        status, _, body = await ask(self._session, f"{self._url}/usage.json", self._headers, {})
        if status != 200:
            raise _error(status, body)
        data = body.get("data") if isinstance(body, dict) else None
        usage = data.get("usage") if isinstance(data, dict) else None
        if not isinstance(usage, dict):
            raise Corrupt("the usage is not as documented")
        left, days = usage.get("requests_remaining"), whole(usage.get("days_remaining"))
        if left == -1:
            return Allowance(None, timedelta(days=31))
        if whole(left) is None or days is None:
            raise Corrupt("the usage is not as documented")
        return Allowance(left, timedelta(days=max(1, min(days, 31))))


def _rates(body: Any) -> Rates:
    published = whole(body.get("timestamp")) if isinstance(body, dict) else None
    rates = body.get("rates") if isinstance(body, dict) else None
    if published is None or published > 4e9 or not isinstance(rates, dict) or body.get("base") != "USD":
        raise Corrupt("the rates are not as documented")
    read = {
        code: rate
        for code, value in rates.items()
        if text(code, 10) is not None and (rate := number(value)) is not None
    }
    return Rates(datetime.fromtimestamp(published, UTC), read)


def _error(status: int, body: Any) -> Exception:
    """Branches on the word: the status of plan errors differs between sources."""
    said = text(body.get("message"), 60) if isinstance(body, dict) else None
    match said:
        case "missing_app_id" | "invalid_app_id":
            return Refused(f"the App ID is not accepted ({said})")
        case "not_allowed":
            return Forbidden(f"this App ID's plan does not hold this call ({said})")
        case "access_restricted":
            return Exhausted(f"this App ID may ask no more ({said})", _DAY)
    if status == 429:
        return Exhausted("too many requests", 3600.0)
    if status >= 500:
        return Unavailable(f"status {status}")
    return Refused(f"status {status} ({said})")
