"""Cryptohopper over HTTPS (dialect A of its API): one method, one request; ``dialect`` reads the answers."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import quote

import aiohttp
from yarl import URL

from cryptwire.clock import EPOCH, Clock
from cryptwire.domain.hopper import Asset, HopperId, LinkedHopper, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Corrupt, Invalid, LinkAgain, Unavailable
from gateway import dialect
from gateway.ports import Grant, Rows, TradePage
from gateway.settings import Settings

_AGENT = "Mozilla/5.0 (compatible; Cryptwire)"  # the sign-in's host turns away what does not look like a browser
_SIGN_IN_TIMEOUT = timedelta(seconds=20)  # long: who gives up may lose a rotated token
_CHUNK = 65_536


class Cryptohopper:
    """Both ports of upstream. ``x-api-app-key`` is never sent: it would put all users into one rate bucket."""

    def __init__(self, session: aiohttp.ClientSession, settings: Settings, clock: Clock) -> None:
        self._session = session
        self._settings = settings
        self._clock = clock

    # ---- reads ----

    async def hoppers(self, token: str, user: UserId, timeout: timedelta) -> list[LinkedHopper]:
        return dialect.hoppers(await self._get(token, "/hopper", timeout), user)

    async def hopper(self, token: str, user: UserId, hopper: HopperId, timeout: timedelta) -> LinkedHopper:
        return dialect.hopper(await self._get(token, _path(hopper), timeout), user, hopper)

    async def config(self, token: str, hopper: HopperId, timeout: timedelta) -> dict[str, str]:
        return dialect.config(await self._get(token, _path(hopper, "/config"), timeout))

    async def assets(self, token: str, hopper: HopperId, timeout: timedelta) -> dict[Asset, Decimal]:
        return dialect.assets(await self._get(token, _path(hopper, "/assets"), timeout))

    async def positions(self, token: str, hopper: HopperId, home: Pair, timeout: timedelta) -> Rows[Position]:
        return dialect.positions(await self._get(token, _path(hopper, "/position"), timeout), home)

    async def trades(
        self, token: str, hopper: HopperId, home: Pair, since: datetime, offset: int, timeout: timedelta
    ) -> TradePage:
        """``dateFrom`` is a day earlier, as a date: its zone and whether it takes a time are not documented."""
        query = {"offset": str(offset), "count": str(dialect.PAGE)}
        if since > EPOCH + timedelta(days=1):
            query["dateFrom"] = f"{since - timedelta(days=1):%Y-%m-%d}"
        return dialect.trades(await self._get(token, _path(hopper, "/trade"), timeout, query), hopper, home)

    async def _get(self, token: str, path: str, timeout: timedelta, query: Mapping[str, str] | None = None) -> object:
        url = URL(self._settings.upstream_url + path, encoded=True)
        async with self._answer("GET", url.with_query(query), {"access-token": token}, timeout) as (response, body):
            return dialect.answer(response.status, body, response.headers.get("Retry-After"), self._clock.now())

    # ---- sign-in ----

    async def link(self, code: str, redirect_uri: str) -> Grant:
        try:
            return await self._token(grant_type="authorization_code", code=code, redirect_uri=redirect_uri)
        except LinkAgain:
            raise Invalid("Cryptohopper does not accept the code: it was used or has expired; begin again") from None

    async def renew(self, refresh: str) -> Grant:
        return await self._token(grant_type="refresh_token", refresh_token=refresh)

    async def _token(self, **fields: str) -> Grant:
        form = {**fields, "client_id": self._settings.client_id, "client_secret": self._settings.client_secret}
        url = URL(f"{self._settings.oauth_url}/token")
        async with self._answer("POST", url, {"User-Agent": _AGENT}, _SIGN_IN_TIMEOUT, form) as (response, body):
            return dialect.grant(response.status, body)

    # ---- both ----

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        timeout: timedelta,
        form: Mapping[str, str] | None = None,
    ) -> AsyncIterator[tuple[aiohttp.ClientResponse, bytes]]:
        """The answer and its body, up to the size limit. What aiohttp says is not passed on: it may quote a header."""
        limit = aiohttp.ClientTimeout(total=max(timeout.total_seconds(), 0.001))
        try:
            async with self._session.request(
                method, url, headers=headers, data=form, timeout=limit, allow_redirects=False
            ) as response:
                body = await self._body(response)
                answer = response, body
        except TimeoutError:
            raise Unavailable("Cryptohopper does not answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(f"Cryptohopper cannot be reached ({type(error).__name__})") from None
        yield answer

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > self._settings.response_limit:
                raise Corrupt(f"Cryptohopper's answer is longer than {self._settings.response_limit} bytes")
        return bytes(body)


@asynccontextmanager
async def connect(settings: Settings, clock: Clock) -> AsyncIterator[Cryptohopper]:
    """Upstream; connections are made when needed, and nothing of one user's answer (a cookie) reaches the next."""
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(limit=100, ssl=ssl.create_default_context()),
    ) as session:
        yield Cryptohopper(session, settings, clock)


def _path(hopper: HopperId, rest: str = "") -> str:
    return f"/hopper/{quote(hopper, safe='')}{rest}"
