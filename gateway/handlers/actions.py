"""Calls that act: each says what it wants; the rest is the same for all of them."""

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from cryptwire.codec.gateway import timestamp
from cryptwire.domain.action import IntentId, RuleSetId
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import CryptwireError, Invalid
from cryptwire.storage.calls import Asked
from gateway import dialect
from gateway.actions import Actions, Send
from gateway.authority import intent_of, rule_set_of
from gateway.handlers.admission import Admitted, Context, Desk, whose
from generated.wire.v1 import gateway_pb2 as pb
from generated.wire.v1 import gateway_pb2_grpc as pb_grpc

_MOST_IDS = 500
_MOST_CHANGES = 50
_ID_DIGITS = 18


@dataclass(frozen=True, slots=True)
class _Wish:
    """What an action is to do: its parameters for the audit, and how it is sent."""

    parameters: Mapping[str, Any]
    send: Send


Decode = Callable[[Any], _Wish]


def _action(*, is_order: bool) -> Callable[[Decode], Callable[["ActionCalls", Any, Context], Awaitable[Any]]]:
    """A call from the function that reads what it wants; ``is_order``: it counts in upstream's bucket of orders."""

    def made(decode: Decode) -> Callable[["ActionCalls", Any, Context], Awaitable[Any]]:
        @functools.wraps(decode)
        async def answer(self: "ActionCalls", request: Any, context: Context) -> pb.ActionResponse:
            async with self._desk.admission(decode.__name__, context) as admitted:
                return await self._act(decode, request, admitted, is_order=is_order)

        return answer

    return made


class ActionCalls(pb_grpc.GatewayServicer):
    _desk: Desk
    _actions: Actions

    @_action(is_order=True)
    def StartPanic(request: pb.StartPanicRequest) -> _Wish:  # noqa: N805 - the decorator makes the method
        hopper, is_market = HopperId(request.hopper_id), request.is_market
        return _Wish(
            {"is_market": is_market},
            lambda upstream, token, timeout: upstream.start_panic(token, hopper, timeout, is_market=is_market),
        )

    @_action(is_order=True)
    def StopPanic(request: pb.StopPanicRequest) -> _Wish:  # noqa: N805
        hopper = HopperId(request.hopper_id)
        return _Wish({}, lambda upstream, token, timeout: upstream.stop_panic(token, hopper, timeout))

    @_action(is_order=True)
    def SellPositions(request: pb.SellPositionsRequest) -> _Wish:  # noqa: N805
        hopper, is_market = HopperId(request.hopper_id), request.is_market
        positions = _ids("position_ids", request.position_ids, least=1)
        return _Wish(
            {"position_ids": positions, "is_market": is_market},
            lambda upstream, token, timeout: upstream.sell_positions(
                token, hopper, positions, timeout, is_market=is_market
            ),
        )

    @_action(is_order=True)
    def CancelOrders(request: pb.CancelOrdersRequest) -> _Wish:  # noqa: N805
        hopper = HopperId(request.hopper_id)
        orders = _ids("order_ids", request.order_ids, least=0)
        return _Wish(
            {"order_ids": orders},
            lambda upstream, token, timeout: upstream.cancel_orders(token, hopper, orders, timeout),
        )

    @_action(is_order=False)
    def SetEnabled(request: pb.SetEnabledRequest) -> _Wish:  # noqa: N805
        hopper, is_on = HopperId(request.hopper_id), request.is_on
        return _Wish(
            {"is_on": is_on},
            lambda upstream, token, timeout: upstream.set_enabled(token, hopper, timeout, is_on=is_on),
        )

    @_action(is_order=False)
    def SetBuying(request: pb.SetBuyingRequest) -> _Wish:  # noqa: N805
        hopper, is_on = HopperId(request.hopper_id), request.is_on
        return _Wish(
            {"is_on": is_on}, lambda upstream, token, timeout: upstream.set_buying(token, hopper, timeout, is_on=is_on)
        )

    @_action(is_order=False)
    def SetSelling(request: pb.SetSellingRequest) -> _Wish:  # noqa: N805
        hopper, is_on = HopperId(request.hopper_id), request.is_on
        return _Wish(
            {"is_on": is_on},
            lambda upstream, token, timeout: upstream.set_selling(token, hopper, timeout, is_on=is_on),
        )

    @_action(is_order=False)
    def ChangeConfig(request: pb.ChangeConfigRequest) -> _Wish:  # noqa: N805
        hopper, changes = HopperId(request.hopper_id), dict(request.changes)
        if not 0 < len(changes) <= _MOST_CHANGES:
            raise Invalid(f"changes should be 1 to {_MOST_CHANGES} fields")
        dialect.config_changes(changes)
        return _Wish(
            {"changes": changes},
            lambda upstream, token, timeout: upstream.change_config(token, hopper, changes, timeout),
        )

    async def _act(self, decode: Decode, request: Any, admitted: Admitted, *, is_order: bool) -> pb.ActionResponse:
        """What was turned away before it was understood is written down as far as it can be read."""
        service, call, said = admitted.service, decode.__name__, request.authority
        asked = Asked(service[:40], call, None, HopperId(""), {}, None, said.number, None, RuleSetId(""))
        try:
            asked = replace(asked, hopper=HopperId(request.hopper_id[:40].replace("\0", "")))
            asked = replace(asked, user=_uuid(request.user_id, UserId), intent=_uuid(said.intent_id, IntentId))
            self._desk.authority.must_call(service, call)
            user, hopper = whose(request)
            wish = decode(request)
            asked = replace(asked, user=user, hopper=hopper, parameters=wish.parameters)
            asked = replace(asked, intent=intent_of(said), rule_set=rule_set_of(said))
            asked = replace(asked, right=self._desk.authority.right(service, call, user, said))
        except CryptwireError as error:
            await self._actions.turn_away(asked, error)
            raise
        acted = await self._actions.act(asked, wish.send, admitted.until, is_order=is_order)
        return pb.ActionResponse(
            said=acted.said,
            sent_at=timestamp(acted.sent_at),
            answered_at=timestamp(acted.answered_at),
            is_repeated=acted.is_repeated,
        )


def _uuid(text: str, kind: Callable[[str], Any]) -> Any:
    try:
        return kind(str(UUID(text)))
    except ValueError:
        return None


def _ids(name: str, ids: Sequence[str], least: int) -> list[str]:
    """Upstream's numbers, each once; raises Invalid."""
    if not least <= len(ids) <= _MOST_IDS:
        raise Invalid(f"{name} should be {least} to {_MOST_IDS}")
    if any(not (id.isascii() and id.isdecimal() and len(id) <= _ID_DIGITS) for id in ids):
        raise Invalid(f"{name} should be Cryptohopper's numbers")
    if len(set(ids)) != len(ids):
        raise Invalid(f"{name} names one twice")
    return list(ids)
