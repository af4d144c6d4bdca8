"""Who calls is told by the certificate, and what went wrong by the status."""

from typing import Any, cast

import grpc
import pytest

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
from cryptwire.memory.clock import HandClock
from cryptwire.metrics import Meters
from gateway.authority import Authority
from gateway.handlers import Context, Handlers, caller_of, refuse
from gateway.handlers.admission import Desk
from gateway.policy import load
from gateway.ports import Late, TokenRefused
from generated.wire.v1 import gateway_pb2 as pb
from generated.wire.v1 import gateway_pb2_grpc as pb_grpc

REASONS: dict[type[CryptwireError], str] = {LinkAgain: "link-again", Fenced: "fenced", SwitchedOff: "switched-off"}


class FakeContext:
    """A call whose certificate says ``said``; what it is aborted with is kept."""

    def __init__(self, **said: list[bytes]) -> None:
        self.said = said
        self.aborted: tuple[Any, ...] = ()

    def auth_context(self) -> dict[str, list[bytes]]:
        return self.said

    async def abort(self, *aborted: Any) -> None:
        self.aborted = aborted
        raise RuntimeError("aborted")


@pytest.mark.parametrize(
    ("said", "caller"),
    [
        ({"x509_common_name": [b"tracker"], "x509_subject_alternative_name": [b"api"]}, "tracker"),
        ({"x509_subject_alternative_name": [b"api", b"localhost"]}, "api"),
        ({"x509_common_name": [b""]}, ""),
        ({"x509_common_name": [b"\xff"]}, "�"),
        ({}, ""),
    ],
)
def test_the_certificate_names_the_caller(said: dict[str, list[bytes]], caller: str) -> None:
    assert caller_of(cast("Context", FakeContext(**said))) == caller


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("x"), grpc.StatusCode.NOT_FOUND),
        (Forbidden("x"), grpc.StatusCode.PERMISSION_DENIED),
        (Exhausted("x", 1.5), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (LinkAgain("x"), grpc.StatusCode.FAILED_PRECONDITION),
        (Fenced("x"), grpc.StatusCode.FAILED_PRECONDITION),
        (SwitchedOff("x"), grpc.StatusCode.FAILED_PRECONDITION),
        (Invalid("x"), grpc.StatusCode.INVALID_ARGUMENT),
        (Late("x"), grpc.StatusCode.DEADLINE_EXCEEDED),
        (TokenRefused("x"), grpc.StatusCode.UNAVAILABLE),
        (Unavailable("x"), grpc.StatusCode.UNAVAILABLE),
        (Unconfirmed("x"), grpc.StatusCode.UNKNOWN),
        (Corrupt("x"), grpc.StatusCode.DATA_LOSS),
    ],
)
async def test_an_error_is_a_status(error: CryptwireError, status: grpc.StatusCode) -> None:
    context = FakeContext()
    with pytest.raises(RuntimeError, match="aborted"):
        await refuse(cast("Context", context), error)
    reason = REASONS.get(type(error))
    trailing = (("reason", reason),) if reason else ()
    if isinstance(error, Exhausted):
        trailing = (("retry-after-seconds", "1.500"),)
    assert context.aborted == (status, "x", trailing)


@pytest.mark.parametrize("error", [Unavailable("x"), Late("x"), TokenRefused("x"), Exhausted("x", 1.5)])
async def test_of_an_action_it_is_said_that_it_was_not_sent(error: CryptwireError) -> None:
    context = FakeContext()
    with pytest.raises(RuntimeError, match="aborted"):
        await refuse(cast("Context", context), error, is_action=True)
    assert ("reason", "not-sent") in context.aborted[2]


def test_every_call_of_the_contract_is_answered() -> None:
    """None is left to the class that protoc makes, which answers UNIMPLEMENTED."""
    for method in pb.DESCRIPTOR.services_by_name["Gateway"].methods:
        assert getattr(Handlers, method.name) is not getattr(pb_grpc.GatewayServicer, method.name)


@pytest.mark.parametrize(("error", "outcome"), [(NotFound("x"), "NotFound"), (RuntimeError("x"), "defect")])
async def test_a_call_is_counted_before_its_answer_leaves(error: Exception, outcome: str) -> None:
    meters = Meters()

    class Leaving(FakeContext):
        counted = 0.0

        def time_remaining(self) -> float:
            return 1.0

        async def abort(self, *aborted: Any) -> None:
            self.counted = meters.value("gateway_calls", call="GetHopper", caller="tracker", outcome=outcome)
            await super().abort(*aborted)

    context = Leaving(x509_common_name=[b"tracker"])
    desk = Desk(Authority(load(), None), HandClock(), meters)
    with pytest.raises(RuntimeError, match="aborted"):
        async with desk.admission("GetHopper", cast("Context", context)):
            raise error
    assert context.counted == 1
