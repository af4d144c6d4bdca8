"""What the gateway's statuses mean: errors of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc

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


@contextmanager
def our_errors() -> Iterator[None]:
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise _error(error) from None


def _error(error: grpc.aio.AioRpcError) -> CryptwireError:
    said = error.details() or error.code().name
    match error.code():
        case grpc.StatusCode.NOT_FOUND:
            return NotFound(said)
        case grpc.StatusCode.PERMISSION_DENIED:
            return Forbidden(said)
        case grpc.StatusCode.FAILED_PRECONDITION:
            kinds = {"fenced": Fenced, "switched-off": SwitchedOff}
            return kinds.get(_trailing(error, "reason"), LinkAgain)(said)
        case grpc.StatusCode.INVALID_ARGUMENT:
            return Invalid(said)
        case grpc.StatusCode.DATA_LOSS:
            return Corrupt(said)
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return Exhausted(said, float(_trailing(error, "retry-after-seconds") or 1.0))  # none: gRPC's own
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return Unavailable("the gateway did not answer in time")
    return Unavailable(f"the gateway is away or failed ({error.code().name}): {said}")


@contextmanager
def our_action_errors() -> Iterator[None]:
    """Of an action, what the gateway itself has not said to be undone may be done."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise _action_error(error) from None


def _action_error(error: grpc.aio.AioRpcError) -> CryptwireError:
    ours = _error(error)
    is_told = not isinstance(ours, Unavailable) or _trailing(error, "reason") == "not-sent"
    return ours if is_told else Unconfirmed(f"{ours}; what became of the action is not known")


def _trailing(error: grpc.aio.AioRpcError, wanted: str) -> str:
    for name, value in error.trailing_metadata() or ():
        if name == wanted:
            return str(value)
    return ""
