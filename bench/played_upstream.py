"""Cryptohopper that answers at once: ``python -m bench.played_upstream PORT HOPPERS``.

Of each hopper the same twenty balances and ten positions; any code and any refresh token is good. What a call costs
here is little, so that what is measured is who calls.
"""

import secrets
import sys

import orjson
import uvloop
from aiohttp import web

_BALANCES = {f"C{number:02}": f"{number + 1}.12345678" for number in range(19)} | {"USDT": "1000.5"}
_POSITIONS = [
    {
        "id": str(9000 + number),
        "pair": f"C{number:02}USDT",
        "currency": f"C{number:02}",
        "amount": f"{number + 1}.12345678",
        "rate": "10.5",
        "cost": "11.8",
        "buy_time": "2026-01-01 00:00:00",
        "hold": "0",
        "sold": "0",
    }
    for number in range(10)
]


def application(hoppers: int) -> web.Application:
    listed = [_hopper(number) for number in range(hoppers)]
    ready = {
        "assets": orjson.dumps({"data": _BALANCES}),
        "position": orjson.dumps({"data": _POSITIONS}),
        "list": orjson.dumps({"data": {"hoppers": listed}}),
    }

    async def said(request: web.Request) -> web.Response:
        what = request.match_info.get("what")
        if what is None:
            hopper = request.match_info.get("id")
            body = ready["list"] if hopper is None else orjson.dumps({"data": {"hopper": _hopper(int(hopper) - 1)}})
        else:
            body = ready[what]
        return web.Response(body=body, content_type="application/json")

    async def token(_: web.Request) -> web.Response:
        return web.json_response(
            {
                "access_token": secrets.token_hex(20),
                "refresh_token": secrets.token_hex(20),
                "expires_in": 31_556_952,
                "token_type": "Bearer",
                "scope": "read,notifications,manage,trade",
            }
        )

    app = web.Application()
    app.add_routes(
        [
            web.get("/v1/hopper", said),
            web.get("/v1/hopper/{id}", said),
            web.get("/v1/hopper/{id}/{what:assets|position}", said),
            web.post("/oauth2/token", token),
        ]
    )
    return app


def _hopper(number: int) -> dict[str, object]:
    return {
        "id": str(number + 1),
        "name": f"bench {number}",
        "exchange": "binance",
        "base_currency": "USDT",
        "enabled": "1",
        "paper_trading": "0",
        "plan_name": "Hero",
        "total_cur": "1000",
    }


if __name__ == "__main__":
    uvloop.install()
    web.run_app(application(int(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), print=None)
