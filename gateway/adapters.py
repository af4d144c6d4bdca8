"""Cryptohopper over HTTPS (dialect A of its API): one method, one request; ``dialect`` reads the answers."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
from yarl import URL

from cryptwire.clock import EPOCH, Clock
from cryptwire.domain.account import Order, OutputEntry, Position, Reserved, Short
from cryptwire.domain.hopper import Asset, HopperId, LinkedHopper, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Corrupt, CryptwireError, Invalid, LinkAgain, Unavailable, Unconfirmed
from cryptwire.metrics import Meters
from gateway import dialect
from gateway.breaker import Breaker, Passage
from gateway.ports import Grant, Rows, TradePage
from gateway.settings import Settings

_AGENT = "Mozilla/5.0 (compatible; Cryptwire)"  # the sign-in's host turns away what does not look like a browser
_SIGN_IN_TIMEOUT = timedelta(seconds=20)  # long: who gives up may lose a rotated token
_FAIR_TIMEOUT = timedelta(seconds=5)  # who gives up sooner says nothing about the host
_CHUNK = 65_536
_CONNECTIONS = 100
_LARGE = 65_536  # bytes of an answer that is read beside the loop: from there on it takes 10 ms and more
_DAY = timedelta(days=1)

T = TypeVar("T")


@dataclass(slots=True)
class _Answer:
    status: int
    body: bytes
    retry_after: str | None


class _NotSent(Exception):
    """The connection was not made: no byte of the request left."""


class _NotAnswered(Exception):
    """No whole answer came; the request may have been done."""


class _Broken(Exception):
    """The connection broke; not aiohttp's own error, which it takes for a reason to send a request again."""


class Cryptohopper:
    """Both ports of upstream. ``x-api-app-key`` is never sent: it would put all users into one rate bucket.

    ``reading`` keeps its connections; over ``once`` each request has one of its own, so that none is lost to a
    connection that upstream was about to close.
    """

    def __init__(
        self,
        reading: aiohttp.ClientSession,
        once: aiohttp.ClientSession,
        settings: Settings,
        clock: Clock,
        meters: Meters,
    ) -> None:
        self._reading = reading
        self._once = once
        self._settings = settings
        self._clock = clock
        self._api = Breaker("api", clock, meters)
        self._oauth = Breaker("oauth", clock, meters)

    def check(self) -> None:
        """Raises Unavailable while the API is left alone, so that nobody spends a turn of his budget on it."""
        self._api.check()

    # ---- reads ----

    async def hoppers(self, token: str, user: UserId, timeout: timedelta) -> list[LinkedHopper]:
        return await self._get(token, "/hopper", timeout, lambda data: dialect.hoppers(data, user))

    async def hopper(self, token: str, user: UserId, hopper: HopperId, timeout: timedelta) -> LinkedHopper:
        return await self._get(token, _path(hopper), timeout, lambda data: dialect.hopper(data, user, hopper))

    async def config(self, token: str, hopper: HopperId, timeout: timedelta) -> dict[str, str]:
        return await self._get(token, _path(hopper, "/config"), timeout, dialect.config)

    async def assets(self, token: str, hopper: HopperId, timeout: timedelta) -> dict[Asset, Decimal]:
        return await self._get(token, _path(hopper, "/assets"), timeout, dialect.assets)

    async def positions(self, token: str, hopper: HopperId, home: Pair, timeout: timedelta) -> Rows[Position]:
        path = _path(hopper, "/position")
        return await self._get(token, path, timeout, lambda data: dialect.positions(data, home))

    async def reserved(self, token: str, hopper: HopperId, home: Pair, timeout: timedelta) -> Rows[Reserved]:
        path = _path(hopper, "/reserved")
        return await self._get(token, path, timeout, lambda data: dialect.reserved(data, home))

    async def shorts(self, token: str, hopper: HopperId, home: Pair, timeout: timedelta) -> Rows[Short]:
        return await self._get(token, _path(hopper, "/short"), timeout, lambda data: dialect.shorts(data, home))

    async def orders(self, token: str, hopper: HopperId, home: Pair, timeout: timedelta) -> Rows[Order]:
        return await self._get(token, _path(hopper, "/order"), timeout, lambda data: dialect.orders(data, home))

    async def trades(
        self, token: str, hopper: HopperId, home: Pair, since: datetime, offset: int, timeout: timedelta
    ) -> TradePage:
        """``dateFrom`` is a day earlier, as a date: its zone and whether it takes a time are not documented."""
        query = {"offset": str(offset), "count": str(dialect.PAGE)}
        if since > EPOCH + _DAY:
            query["dateFrom"] = f"{since - _DAY:%Y-%m-%d}"
        path = _path(hopper, "/trade")
        return await self._get(token, path, timeout, lambda data: dialect.trades(data, hopper, home), query)

    async def output(self, token: str, hopper: HopperId, since: datetime, timeout: timedelta) -> Rows[OutputEntry]:
        """``dateFrom`` is a day earlier, for its zone is not documented."""
        query = {"sortBy": "entry_date", "sortOrder": "desc", "offset": "0", "count": str(dialect.ENTRIES)}
        if since > EPOCH + _DAY:
            query["dateFrom"] = f"{since - _DAY:%m/%d/%Y %H:%M}"
        path = _path(hopper, "/output")
        return await self._get(token, path, timeout, lambda data: dialect.output(data, since), query)

    async def _get(
        self,
        token: str,
        path: str,
        timeout: timedelta,
        read: Callable[[Any], T],
        query: Mapping[str, str] | None = None,
    ) -> T:
        url = self._url(path, query)
        try:
            with self._api.passing() as passage:
                said = await self._asked(passage, self._reading, "GET", url, {"access-token": token}, timeout)
        except (_NotSent, _NotAnswered) as error:
            raise Unavailable(f"Cryptohopper does not answer ({error})") from None

        def value() -> T:
            return read(dialect.answer(said.status, said.body, said.retry_after, self._clock.now()))

        # Beside the loop others get their turn between two objects of the answer.
        return value() if len(said.body) < _LARGE else await asyncio.to_thread(value)

    # ---- actions ----

    async def start_panic(self, token: str, hopper: HopperId, timeout: timedelta, *, is_market: bool) -> str:
        """A GET with a side effect."""
        query = {"market_orders": "1"} if is_market else None
        return await self._act(token, "GET", _path(hopper, "/panicbutton"), timeout, dialect.panic_said, query=query)

    async def stop_panic(self, token: str, hopper: HopperId, timeout: timedelta) -> str:
        return await self._act(token, "DELETE", _path(hopper, "/panicbutton"), timeout)

    async def sell_positions(
        self, token: str, hopper: HopperId, positions: Sequence[str], timeout: timedelta, *, is_market: bool
    ) -> str:
        body = dialect.selling(positions, is_market=is_market)
        return await self._act(token, "POST", _path(hopper, "/position/sell"), timeout, body=body)

    async def cancel_orders(self, token: str, hopper: HopperId, orders: Sequence[str], timeout: timedelta) -> str:
        if not orders:
            return await self._act(token, "DELETE", _path(hopper, "/order/all"), timeout)
        body = dialect.cancelling(orders)
        return await self._act(token, "DELETE", _path(hopper, "/order"), timeout, body=body)

    async def set_enabled(self, token: str, hopper: HopperId, timeout: timedelta, *, is_on: bool) -> str:
        return await self._act(token, "PATCH", _path(hopper, f"/{_verb(is_on)}"), timeout)

    async def set_buying(self, token: str, hopper: HopperId, timeout: timedelta, *, is_on: bool) -> str:
        return await self._act(token, "PATCH", _path(hopper, f"/{_verb(is_on)}/buying"), timeout)

    async def set_selling(self, token: str, hopper: HopperId, timeout: timedelta, *, is_on: bool) -> str:
        return await self._act(token, "PATCH", _path(hopper, f"/{_verb(is_on)}/selling"), timeout)

    async def change_config(self, token: str, hopper: HopperId, changes: Mapping[str, str], timeout: timedelta) -> str:
        body = {"config": dialect.config_changes(changes)}
        return await self._act(token, "PATCH", _path(hopper, "/config"), timeout, dialect.config_said, body=body)

    async def _act(
        self,
        token: str,
        verb: str,
        path: str,
        timeout: timedelta,
        read: Callable[[Any], str] = dialect.said,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> str:
        try:
            with self._api.passing() as passage:
                said = await self._asked(
                    passage, self._once, verb, self._url(path, query), {"access-token": token}, timeout, json=body
                )
        except _NotSent as error:
            raise Unavailable(f"Cryptohopper cannot be reached ({error}); nothing was sent") from None
        except (_NotAnswered, Corrupt) as error:
            raise Unconfirmed(f"Cryptohopper did not answer ({error}); whether it was done is not known") from None
        words = read(dialect.done(said.status, said.body, said.retry_after, self._clock.now()))
        return words.replace(token, "…")

    # ---- sign-in ----

    def authorize_url(self, redirect_uri: str, state: str, challenge: str | None) -> str:
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": self._settings.scopes,
            "state": state,
        }
        if challenge is not None:
            query |= {"code_challenge": challenge, "code_challenge_method": "S256"}
        return str(URL(f"{self._settings.oauth_url}/authorize").with_query(query))

    async def link(self, code: str, redirect_uri: str, verifier: str | None) -> Grant:
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        if verifier is not None:
            fields["code_verifier"] = verifier
        try:
            return await self._granted(fields)
        except LinkAgain:
            raise Invalid("Cryptohopper does not accept the code: it was used or has expired; begin again") from None

    async def renew(self, refresh: str) -> Grant:
        return await self._granted({"grant_type": "refresh_token", "refresh_token": refresh})

    async def revoke(self, token: str) -> bool:
        try:
            return (await self._signed("/revoke", {"token": token})).status == 200
        except CryptwireError:
            return False

    async def _granted(self, fields: Mapping[str, str]) -> Grant:
        said = await self._signed("/token", fields)
        return dialect.grant(said.status, said.body)

    async def _signed(self, path: str, fields: Mapping[str, str]) -> _Answer:
        """A request to the sign-in, which knows us by our secret."""
        form = {**fields, "client_id": self._settings.client_id, "client_secret": self._settings.client_secret}
        url = URL(f"{self._settings.oauth_url}{path}")
        try:
            with self._oauth.passing() as passage:
                return await self._asked(
                    passage, self._once, "POST", url, {"User-Agent": _AGENT}, _SIGN_IN_TIMEOUT, form=form
                )
        except (_NotSent, _NotAnswered) as error:
            raise Unavailable(f"Cryptohopper's sign-in does not answer ({error})") from None

    # ---- all ----

    def _url(self, path: str, query: Mapping[str, str] | None) -> URL:
        return URL(self._settings.upstream_url + path, encoded=True).with_query(query)

    async def _asked(
        self,
        passage: Passage,
        session: aiohttp.ClientSession,
        verb: str,
        url: URL,
        headers: Mapping[str, str],
        timeout: timedelta,
        *,
        form: Mapping[str, str] | None = None,
        json: Mapping[str, object] | None = None,
    ) -> _Answer:
        """One request, and its whole answer up to the size limit.

        Raises _NotSent or _NotAnswered; Corrupt for a longer answer. What aiohttp says is not passed on: it may quote a
        header.
        """
        request = SimpleNamespace(has_connection=False)
        limit = aiohttp.ClientTimeout(total=max(timeout.total_seconds(), 0.001))
        try:
            async with session.request(
                verb,
                url,
                headers=headers,
                data=form,
                json=json,
                timeout=limit,
                allow_redirects=False,
                trace_request_ctx=request,
            ) as response:
                passage.is_well = response.status < 500
                return _Answer(response.status, await self._body(response), response.headers.get("Retry-After"))
        except TimeoutError:
            passage.is_well = False if timeout >= _FAIR_TIMEOUT else None
            raise (_NotAnswered if request.has_connection else _NotSent)("not in time") from None
        except (aiohttp.ClientError, OSError, ValueError, _Broken) as error:
            passage.is_well = False
            reason = type(error.__cause__ or error).__name__
            raise (_NotAnswered if request.has_connection else _NotSent)(reason) from None

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > self._settings.response_limit:
                raise Corrupt(f"Cryptohopper's answer is longer than {self._settings.response_limit} bytes")
        return bytes(body)


@asynccontextmanager
async def connect(settings: Settings, clock: Clock, meters: Meters) -> AsyncIterator[Cryptohopper]:
    """Upstream; connections are made when needed, and nothing of one user's answer (a cookie) reaches the next."""
    tls = ssl.create_default_context()
    async with (
        _session(aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=tls)) as reading,
        _session(aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=tls, force_close=True)) as once,
    ):
        yield Cryptohopper(reading, once, settings, clock, meters)


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_end.append(_on_connection)
    tracing.on_connection_reuseconn.append(_on_connection)
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), connector=connector, trace_configs=[tracing], middlewares=[_sent_once]
    )


async def _on_connection(session: aiohttp.ClientSession, context: SimpleNamespace, parameters: object) -> None:
    """From here on bytes of the request may leave."""
    context.trace_request_ctx.has_connection = True


async def _sent_once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keeps aiohttp from sending a GET or DELETE again when the connection broke, which it does by itself."""
    try:
        return await send(request)
    except TimeoutError:
        raise
    except aiohttp.ClientConnectionError as error:
        raise _Broken from error


def _verb(is_on: bool) -> str:
    return "enable" if is_on else "disable"


def _path(hopper: HopperId, rest: str = "") -> str:
    return f"/hopper/{quote(hopper, safe='')}{rest}"
