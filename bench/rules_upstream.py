"""Cryptohopper that answers a read in 50 ms and notes what it is told to do: ``python -m bench.rules_upstream PORT``.

Every hopper has three positions until it panics, and its switches stay as they were set. A code is the number of the
user's one hopper, and his tokens begin with it.
``GET /first``: when (by the machine's monotonic clock) the first request that acts came, by hopper.
"""

import asyncio
import secrets
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable

import uvloop
from aiohttp import web

READ_SECONDS = 0.05
_SWITCHES = {"": "enabled", "/buying": "buying_enabled", "/selling": "selling_enabled"}


class _Upstream:
    def __init__(self) -> None:
        self.first: dict[str, float] = {}
        self.switched: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self.empty: set[str] = set()

    async def read(self, request: web.Request) -> web.Response:
        hopper, what = request.match_info["id"], request.match_info.get("what")
        await asyncio.sleep(READ_SECONDS)
        if what is None:
            return web.json_response({"data": {"hopper": self._hopper(hopper)}})
        is_there = what == "position" and hopper not in self.empty
        return web.json_response({"data": [_position(number) for number in range(3)] if is_there else []})

    async def list(self, request: web.Request) -> web.Response:
        hopper = request.headers["access-token"].partition("-")[0]
        return web.json_response({"data": {"hoppers": [self._hopper(hopper)]}})

    async def act(self, request: web.Request) -> web.Response:
        hopper, word, rest = (request.match_info.get(name, "") for name in ("id", "word", "rest"))
        self.first.setdefault(hopper, time.monotonic())
        await asyncio.sleep(READ_SECONDS)
        if word == "panicbutton":
            self.empty.add(hopper)
        else:
            self.switched[hopper][_SWITCHES[rest]] = int(word == "enable")
        return web.json_response({"data": "done"})

    async def told(self, _: web.Request) -> web.Response:
        return web.json_response(self.first)

    def _hopper(self, id_: str) -> dict[str, object]:
        switches = dict.fromkeys(_SWITCHES.values(), 1) | self.switched[id_]
        return {
            "id": id_,
            "name": "bench",
            "exchange": "binance",
            "base_currency": "USDT",
            "paper_trading": "0",
            "plan_name": "Hero",
            "total_cur": "1000",
            **switches,
        }


def _position(number: int) -> dict[str, object]:
    return {
        "id": str(9000 + number),
        "pair": f"C{number}-USDT",
        "currency": f"C{number}",
        "amount": "2",
        "rate": "10",
        "cost": "20",
        "buy_time": "2026-01-02 03:04:05",
        "hold": 0,
    }


async def _token(request: web.Request) -> web.Response:
    code = str((await request.post())["code"])
    return web.json_response(
        {
            "access_token": f"{code}-{secrets.token_hex(20)}",
            "refresh_token": secrets.token_hex(20),
            "expires_in": 31_556_952,
            "token_type": "Bearer",
            "scope": "read,notifications,manage,trade",
        }
    )


def _application() -> web.Application:
    upstream = _Upstream()
    app = web.Application()
    acts: Callable[[web.Request], Awaitable[web.StreamResponse]] = upstream.act
    app.add_routes(
        [
            web.get("/first", upstream.told),
            web.post("/oauth2/token", _token),
            web.get("/v1/hopper", upstream.list),
            web.get("/v1/hopper/{id}", upstream.read),
            web.get("/v1/hopper/{id}/{word:panicbutton}", acts),
            web.get("/v1/hopper/{id}/{what:position|order|config}", upstream.read),
            web.patch("/v1/hopper/{id}/{word:enable|disable}{rest:(/buying|/selling)?}", acts),
        ]
    )
    return app


if __name__ == "__main__":
    uvloop.install()
    web.run_app(_application(), host="127.0.0.1", port=int(sys.argv[1]), print=None)
