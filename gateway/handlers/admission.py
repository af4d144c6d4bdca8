"""Who calls, until when, and how a call ends: every call passes here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID

import grpc

from cryptwire import log
from cryptwire.clock import Clock
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import (
    Corrupt,
    CryptwireError,
    Exhausted,
    Fenced,
    Forbidden,
    Invalid,
    LinkAgain,
    NotFound,
    SwitchedOff,
    Unavailable,
    Unconfirmed,
)
from cryptwire.metrics import Meters
from gateway.authority import Authority
from gateway.policy import ACTIONS
from gateway.ports import Late

_log = log.Log("gateway.handlers")
_DEADLINE = 20.0  # seconds, for a caller that names none
_HOPPER = 100  # characters

Context = grpc.aio.ServicerContext[Any, Any]

_STATUSES: tuple[tuple[type[CryptwireError], grpc.StatusCode], ...] = (
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (Forbidden, grpc.StatusCode.PERMISSION_DENIED),
    (Exhausted, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (LinkAgain, grpc.StatusCode.FAILED_PRECONDITION),
    (Fenced, grpc.StatusCode.FAILED_PRECONDITION),
    (SwitchedOff, grpc.StatusCode.FAILED_PRECONDITION),
    (Invalid, grpc.StatusCode.INVALID_ARGUMENT),
    (Late, grpc.StatusCode.DEADLINE_EXCEEDED),
    (Unavailable, grpc.StatusCode.UNAVAILABLE),
    (Unconfirmed, grpc.StatusCode.UNKNOWN),
    (Corrupt, grpc.StatusCode.DATA_LOSS),
)
_REASONS: tuple[tuple[type[CryptwireError], str], ...] = (
    (LinkAgain, "link-again"),
    (Fenced, "fenced"),
    (SwitchedOff, "switched-off"),
)


def caller_of(context: Context) -> str:
    """The service that calls, by its certificate, which TLS has verified: its common name, else its first other name.

    Empty when it has neither.
    """
    said = context.auth_context()
    names = (*said.get("x509_common_name", ()), *said.get("x509_subject_alternative_name", ()))
    return next((name.decode("utf-8", "replace") for name in names if name), "")


async def refuse(context: Context, error: CryptwireError, *, is_action: bool = False) -> NoReturn:
    """End a call with the status that an error of ours is."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), grpc.StatusCode.INTERNAL)
    reason = next((word for kind, word in _REASONS if isinstance(error, kind)), "")
    if is_action and isinstance(error, Unavailable):
        reason = "not-sent"  # the same status without it is gRPC's own, and tells nothing
    trailing = (("reason", reason),) if reason else ()
    if isinstance(error, Exhausted):
        trailing = (*trailing, ("retry-after-seconds", f"{error.retry_after:.3f}"))
    await context.abort(status, str(error), trailing)
    raise AssertionError("abort returned")


@dataclass(frozen=True, slots=True)
class Admitted:
    """A caller, and when it stops waiting."""

    service: str
    until: datetime


class Desk:
    """Admits callers, turns errors of ours into statuses, and counts how calls end."""

    def __init__(self, authority: Authority, clock: Clock, meters: Meters) -> None:
        self.authority = authority
        self._clock = clock
        self._meters = meters

    @asynccontextmanager
    async def admission(self, call: str, context: Context) -> AsyncIterator[Admitted]:
        """The block runs for whoever may make this call (an action judges that itself); its errors become statuses."""
        caller = caller_of(context)
        is_action = call in ACTIONS

        def ended(outcome: str) -> None:  # before the answer leaves: who has it may look at the meters at once
            self._meters.count("gateway_calls", "Calls, by outcome", call=call, caller=caller[:40], outcome=outcome)

        try:
            if not is_action:
                self.authority.must_call(caller, call)
            left = context.time_remaining()
            left = _DEADLINE if left is None else max(0.0, min(left, 86_400.0))
            yield Admitted(caller, self._clock.now() + timedelta(seconds=left))
        except CryptwireError as error:
            ended(type(error).__name__)
            if isinstance(error, Forbidden | Corrupt | Fenced | SwitchedOff):
                _log.warning("refused", call=call, caller=caller[:40], reason=error)
            await refuse(context, error, is_action=is_action)
        except asyncio.CancelledError:
            ended("cancelled")
            raise
        except Exception as error:  # noqa: BLE001 - the outermost edge
            ended("defect")
            _log.error("a defect", call=call, exception=error)
            await context.abort(grpc.StatusCode.INTERNAL, "a defect of the gateway; its log tells more")
        else:
            ended("ok")


def whose(request: Any) -> tuple[UserId, HopperId]:
    """The user and the hopper that a request names; raises Invalid, NotFound for what can be no hopper."""
    if not request.hopper_id:
        raise Invalid("hopper_id must be given")
    if "\0" in request.hopper_id or len(request.hopper_id) > _HOPPER:  # PostgreSQL has no such text
        raise NotFound("there is no such hopper")
    return user_of(request.user_id), HopperId(request.hopper_id)


def user_of(text: str) -> UserId:
    """Raises Invalid."""
    try:
        return UserId(str(UUID(text)))
    except ValueError:
        raise Invalid("user_id must be a UUID") from None
