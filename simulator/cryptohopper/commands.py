"""What users tell their hoppers: panic, switches, sells, deposits. Kept, so that a restart repeats them."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from simulator.clock import Clock, milliseconds
from simulator.cryptohopper.access import Answer, Call, Refusal, data
from simulator.cryptohopper.positions import buy_id
from simulator.cryptohopper.state import Kept
from simulator.worlds.trader import Command, Kind, Trader
from simulator.worlds.world import World

_SWITCHES: Mapping[str, tuple[Kind, str, str]] = {
    "enable": ("enabled", "1", "Hopper enabled"),
    "disable": ("enabled", "0", "Hopper disabled"),
    "enable/buying": ("buying", "1", "Buying enabled"),
    "disable/buying": ("buying", "0", "Buying disabled"),
    "enable/selling": ("selling", "1", "Selling enabled"),
    "disable/selling": ("selling", "0", "Selling disabled"),
}


class Commands:
    """Commands of the API, and deposits by ``POST /control/hopper/{id}/deposit {"coin": …, "amount": …}``."""

    def __init__(self, kept: Kept, world: World, clock: Clock) -> None:
        self._kept = kept
        self._world = world
        self._clock = clock

    def answers(self) -> list[tuple[str, str, str, Answer]]:
        """Method, path below a hopper, scope and answer of each command of the API."""
        return [
            ("GET", "panicbutton", "trade", self._panic),
            ("DELETE", "panicbutton", "trade", self._told("calm", "", "Panic mode ended")),
            ("POST", "position/sell", "trade", self._sell),
            ("POST", "position/sell/{position}", "trade", self._sell),
            *(("PATCH", path, "manage", self._told(*switch)) for path, switch in _SWITCHES.items()),
            ("POST", "papertrading/deposit", "manage", self._paper(1)),
            ("POST", "papertrading/withdraw", "manage", self._paper(-1)),
        ]

    def routes(self) -> list[BaseRoute]:
        return [Route("/control/hopper/{id}/deposit", self._deposit, methods=["POST"])]

    async def _panic(self, call: Call) -> Response:
        """Sell everything and buy nothing more until it is ended; a GET with an effect, as the real one is."""
        self._give(call.trader(), "panic")
        return data("Panic mode started, all positions are being sold")

    async def _sell(self, call: Call) -> Response:
        """Sell open positions at market. Refuses with 400 when none of them is open."""
        trader, named = call.trader(), call.request.path_params.get("position")
        listed = [named] if named else (await _body(call.request)).get("position_id")
        if not isinstance(listed, list) or not all(str(each).isdecimal() for each in listed):
            raise Refusal(400, "position_id must be a list of positions")
        wanted = {buy_id(str(each)) for each in listed}
        is_open = [position.id for position in trader.book.positions if position.id in wanted]
        if not is_open:
            raise Refusal(400, "No open position was selected")
        self._give(trader, "sell", ",".join(is_open))
        return data("Sell order placed")

    def _told(self, kind: Kind, value: str, said: str) -> Answer:
        async def answer(call: Call) -> Response:
            self._give(call.trader(), kind, value)
            return data(said)

        return answer

    def _paper(self, sign: int) -> Answer:
        async def answer(call: Call) -> Response:
            trader = call.trader()
            if not trader.hopper.paper:
                raise Refusal(400, "Paper trading is not enabled")
            body = await _body(call.request)
            self._move(trader, body, sign)
            return data("Paper trading balance updated")

        return answer

    async def _deposit(self, request: Request) -> Response:
        trader = self._world.traders.get(request.path_params["id"])
        if trader is None:
            return JSONResponse({"error": "no such hopper"}, 404)
        try:
            self._move(trader, await _body(request), 1)
        except Refusal as refusal:
            return refusal.response()
        return JSONResponse({coin: f"{amount:f}" for coin, amount in trader.book.balances.items()})

    def _move(self, trader: Trader, body: Mapping[str, object], sign: int) -> None:
        coin = body.get("coin")
        try:
            amount = Decimal(str(body.get("amount"))).quantize(Decimal("0.00000001")) * sign
        except InvalidOperation:
            amount = Decimal(0)
        if coin not in (trader.hopper.base, *trader.hopper.coins) or not amount.is_finite() or not amount:
            raise Refusal(400, "coin must be one of the hopper's, amount a number")
        self._give(trader, "deposit", str(coin), f"{amount:f}")

    def _give(self, trader: Trader, kind: Kind, value: str = "", amount: str = "") -> None:
        now = milliseconds(self._clock.now())
        self._world.advance(now)
        command = Command(now // 1000 * 1000, kind, value, amount)
        self._kept.add_command(trader.hopper.id, command)
        trader.obey(command)


async def _body(request: Request) -> dict[str, object]:
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "The request body is not a JSON object")
    return body
