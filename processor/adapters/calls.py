"""Calls of users' webhooks: aiohttp, kept from whatever is not on the public Internet."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from cryptwire.domain.webhook_url import checked_url, is_public
from cryptwire.errors import Invalid
from cryptwire.texts import tidy
from processor.ports.notices import Answer, Call

_SECONDS = 10.0
_CONNECT_SECONDS = 5.0
_READ = 8_192  # bytes of an answer that anybody looks at
_SHOWN = 100  # characters
_AT_ONCE = 32
_NOWHERE = "its name leads to an address that is not on the public Internet"


class NotPublic(OSError):
    """A name leads where no webhook may be."""


class PublicResolver(AbstractResolver):
    """Resolves names, and refuses those of which any address is not public: the connection goes to what was checked."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not all(is_public(ipaddress.ip_address(one["host"].partition("%")[0])) for one in found):
            raise NotPublic(_NOWHERE)
        return found

    async def close(self) -> None:
        await self._inner.close()


class HttpCalls:
    """Calls by POST: no redirects, no cookies, no proxy, ten seconds, and of an answer the first bytes."""

    def __init__(self, session: aiohttp.ClientSession, *, is_development: bool) -> None:
        self._session = session
        self._is_development = is_development

    async def call(self, call: Call) -> Answer:
        try:
            url = checked_url(call.url, is_development=self._is_development)
            # a new connection each time, so that the name is resolved and checked each time
            async with (
                asyncio.timeout(_SECONDS),
                self._session.post(url, data=call.body, headers=call.headers, allow_redirects=False) as answer,
            ):
                said = tidy((await answer.content.read(_READ)).decode("utf-8", "replace"))[:_SHOWN]
                return Answer(answer.status, f"{answer.status} {said}".strip())
        except Invalid as error:
            return Answer(0, str(error))
        except TimeoutError:
            return Answer(0, f"no answer within {_SECONDS:g} s")
        except aiohttp.ClientError as error:
            return Answer(0, _reason(error))
        except (OSError, ValueError) as error:
            return Answer(0, f"it cannot be reached ({type(error).__name__})")


def _reason(error: aiohttp.ClientError) -> str:
    """What is wrong, in words that tell nothing of our own network."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, NotPublic):
            return _NOWHERE
        cause = getattr(cause, "os_error", None) or cause.__cause__
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return "its certificate is not good"
        case aiohttp.ClientConnectorDNSError():
            return "its name is not known"
        case aiohttp.ClientConnectorError():
            return "nobody answers there"
        case _:
            return f"its answer cannot be read ({type(error).__name__})"


@asynccontextmanager
async def calling(
    *, is_development: bool, resolver: Callable[[], AbstractResolver] = ThreadedResolver
) -> AsyncIterator[HttpCalls]:
    """What calls webhooks; in development also those on this machine."""
    names = resolver() if is_development else PublicResolver(resolver())
    connector = aiohttp.TCPConnector(resolver=names, use_dns_cache=False, force_close=True, limit=_AT_ONCE)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=_SECONDS, sock_connect=_CONNECT_SECONDS),
        auto_decompress=False,
        trust_env=False,
    ) as session:
        yield HttpCalls(session, is_development=is_development)
