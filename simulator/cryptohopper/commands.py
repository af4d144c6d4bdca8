"""What users tell their hoppers. Kept, so that a restart repeats it."""

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from simulator.clock import Clock, milliseconds
from simulator.cryptohopper.access import Call, Refusal
from simulator.cryptohopper.faults.effects import Effects
from simulator.cryptohopper.requests import noted
from simulator.cryptohopper.state import Kept
from simulator.pace import Pace
from simulator.worlds.books import UNIT
from simulator.worlds.commands import KINDS, NORMAL, Command, Effect, Impossible, Kind
from simulator.worlds.demo import Hopper
from simulator.worlds.trader import Trader
from simulator.worlds.world import World

_MOST = 500  # refusals remembered of a hopper


class Commands:
    """Gives commands to the world, with the effect that a rule asks for, and keeps those it took.

    ``POST /control/hopper/{id}/deposit {"coin", "amount"}`` moves money in, or out below zero;
    ``POST /control/hopper/{id}/command {"command", "value"?, "amount"?}`` tells a hopper anything.
    """

    def __init__(
        self,
        kept: Kept,
        world: World,
        pace: Pace,
        clock: Clock,
        effects: Effects,
        heard: Callable[[Hopper, Command], None],
    ) -> None:
        self._kept = kept
        self._world = world
        self._pace = pace
        self._clock = clock
        self._effects = effects
        self._heard = heard
        self._refused: dict[str, deque[tuple[int, str]]] = {}

    def refused(self, hopper: str) -> Sequence[tuple[int, str]]:
        """When (milliseconds) and why a hopper did not do as told, since the start; the last few hundred."""
        return self._refused.get(hopper, ())

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/control/hopper/{id}/deposit", self._deposit, methods=["POST"]),
            Route("/control/hopper/{id}/command", self._command, methods=["POST"]),
        ]

    def tell(self, call: Call, trader: Trader, kind: Kind, value: str = "", amount: str = "") -> None:
        """Give a hopper a command of its user. Refuses with 400 what is impossible."""
        effect = self._effects.take(kind, trader.hopper.id)
        note = noted(call.request)
        try:
            self._give(trader.hopper.id, kind, value, amount, effect)
        except Impossible as error:
            note.said = str(error)
            now = milliseconds(self._clock.now())
            self._refused.setdefault(trader.hopper.id, deque(maxlen=_MOST)).append((now, str(error)))
            raise Refusal(400, str(error)) from None
        note.command = kind
        note.effect = "" if effect == NORMAL else f"after {effect.delay} ms, share {effect.share:g}"

    def create(self, call: Call, fields: Mapping[str, object]) -> str:
        """A new hopper of the caller's; its id. Refuses with 400 what cannot be one."""
        id_ = str(max([1_042_000, *map(int, self._world.traders)]) + 1)
        try:
            self._give(id_, "create", json.dumps({**fields, "user": call.grant.user}), "", NORMAL)
        except Impossible as error:
            raise Refusal(400, str(error)) from None
        note = noted(call.request)
        note.command, note.hopper = "create", id_
        return id_

    def move(self, call: Call, trader: Trader, body: Mapping[str, object], sign: int) -> None:
        """Move paper money. Refuses with 400 what is no coin of the hopper's or no amount."""
        coin, amount = _moved(trader, body)
        self.tell(call, trader, "deposit", coin, f"{amount * sign:f}")

    def _give(self, hopper: str, kind: Kind, value: str, amount: str, effect: Effect) -> None:
        now = milliseconds(self._clock.now())
        self._world.advance(now)  # little, mostly nothing: the request has waited for all that was due before
        command = Command(now // 1000 * 1000, kind, value, amount, effect)
        self._world.obey(hopper, command)
        self._kept.add_command(hopper, command)
        if hopper in self._world.traders:
            self._heard(self._world.traders[hopper].hopper, command)

    async def _deposit(self, request: Request) -> Response:
        trader = self._world.traders.get(request.path_params["id"])
        if trader is None:
            return JSONResponse({"error": "no such hopper"}, 404)
        try:
            coin, amount = _moved(trader, _mapping(await request.body()))
            await self._pace.now()
            self._give(trader.hopper.id, "deposit", coin, f"{amount:f}", NORMAL)
        except Refusal as refusal:
            return refusal.response()
        except Impossible as error:
            return JSONResponse({"error": str(error)}, 400)
        state = trader.state(milliseconds(self._clock.now()))
        return JSONResponse({coin: f"{amount:f}" for coin, amount in state.balances.items()})

    async def _command(self, request: Request) -> Response:
        if request.path_params["id"] not in self._world.traders:
            return JSONResponse({"error": "no such hopper"}, 404)
        try:
            body = _mapping(await request.body())
        except Refusal as refusal:
            return refusal.response()
        kind, value, amount = body.get("command"), body.get("value", ""), body.get("amount", "")
        if kind not in KINDS or not isinstance(value, str) or not isinstance(amount, str):
            return JSONResponse({"error": f"command must be one of {', '.join(sorted(KINDS))}"}, 400)
        await self._pace.now()
        try:
            self._give(request.path_params["id"], kind, value, amount, NORMAL)  # type: ignore[arg-type]  # one of KINDS
        except Impossible as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"command": kind, "value": value, "amount": amount})


def decimal(value: object, name: str = "amount") -> Decimal:
    """A number above 0, cut to what exchanges book. Refuses with 400 what is none."""
    try:
        found = Decimal(str(value)).quantize(UNIT)
    except InvalidOperation:
        found = Decimal(0)
    if not found.is_finite() or found <= 0:
        raise Refusal(400, f"{name} must be a number above 0")
    return found


def _moved(trader: Trader, body: Mapping[str, object]) -> tuple[str, Decimal]:
    coin = body.get("coin")
    try:
        amount = Decimal(str(body.get("amount"))).quantize(UNIT)
    except InvalidOperation:
        amount = Decimal(0)
    known = {trader.hopper.base, *trader.hopper.coins, *dict(trader.hopper.reserved)}
    if not isinstance(coin, str) or coin not in known or not amount.is_finite() or not amount:
        raise Refusal(400, "coin must be one of the hopper's, amount a number")
    return coin, amount


def _mapping(text: bytes) -> dict[str, object]:
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "The request body is not a JSON object")
    return body
