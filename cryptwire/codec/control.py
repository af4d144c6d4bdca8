"""Requests to a Pro service of one hopper, their answers, and what the controller tells of its acts, on the wire."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.protobuf.message import DecodeError

from cryptwire.clock import from_us, to_us
from cryptwire.domain.action import IntentId, RuleSetId
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import Corrupt, CryptwireError, Forbidden, Invalid, NotFound, Unavailable
from generated.wire.v1 import control_pb2 as pb

NO_RULE_SET = RuleSetId("")
_CODES: tuple[tuple[str, type[CryptwireError]], ...] = (
    ("NOT_FOUND", NotFound),
    ("FORBIDDEN", Forbidden),
    ("INVALID", Invalid),
    ("UNAVAILABLE", Unavailable),
    ("INTERNAL", Corrupt),
)


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """What a service of ``hopper``, which must be ``user``'s, is asked. ``asked_by``: the user, or ``admin:<name>``.

    ``rule_set`` is empty where the verb needs none. ``body`` is by verb.
    """

    hopper: HopperId
    user: UserId
    asked_by: str
    rule_set: RuleSetId = NO_RULE_SET
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ActionTold:
    """A decision or act of the controller, after it is in the database: an entry of the hopper's audit.

    ``intent`` is empty for what needs none; ``body`` is the entry's.
    """

    hopper: HopperId
    user: UserId
    rule_set: RuleSetId
    version: int
    epoch: int
    intent: IntentId
    audit_number: int
    kind: str
    at: datetime
    body: Mapping[str, Any]


def control_request_to_wire(request: ControlRequest) -> bytes:
    return pb.ControlRequest(
        hopper_id=request.hopper,
        user_id=request.user,
        asked_by=request.asked_by,
        rule_set_id=request.rule_set,
        body="" if request.body is None else json.dumps(request.body),
    ).SerializeToString()


def control_request_from_wire(payload: bytes) -> ControlRequest:
    """The request; raises Invalid."""
    try:
        message = pb.ControlRequest.FromString(payload)
    except DecodeError:
        raise Invalid("not a ControlRequest message") from None
    if not (message.hopper_id and message.user_id and message.asked_by):
        raise Invalid("a request without hopper, user or who asks")
    return ControlRequest(
        HopperId(message.hopper_id),
        UserId(message.user_id),
        message.asked_by,
        RuleSetId(message.rule_set_id),
        _object(message.body) if message.body else None,
    )


def control_reply_to_wire(answer: Mapping[str, Any] | CryptwireError) -> bytes:
    """An answer, or the error that came instead."""
    if not isinstance(answer, CryptwireError):
        return pb.ControlReply(body=json.dumps(answer)).SerializeToString()
    code = next((code for code, kind in _CODES if isinstance(answer, kind)), "UNAVAILABLE")
    return pb.ControlReply(error=str(answer) or code, code=code).SerializeToString()


def control_reply_from_wire(payload: bytes) -> dict[str, Any]:
    """The answer; raises the error that came instead, or Corrupt: who asked is not to blame for it."""
    try:
        message = pb.ControlReply.FromString(payload)
    except DecodeError:
        raise Corrupt("an answer that is no ControlReply message") from None
    if message.error:
        raise dict(_CODES).get(message.code, Unavailable)(message.error)
    try:
        return _object(message.body)
    except Invalid as error:
        raise Corrupt(f"an answer with {error}") from None


def action_to_wire(told: ActionTold) -> bytes:
    return pb.Action(
        hopper_id=told.hopper,
        user_id=told.user,
        rule_set_id=told.rule_set,
        version=told.version,
        epoch=told.epoch,
        intent_id=told.intent,
        audit_number=told.audit_number,
        kind=told.kind,
        at_us=to_us(told.at),
        body=json.dumps(told.body),
    ).SerializeToString()


def action_from_wire(payload: bytes) -> ActionTold:
    """What was told; raises Invalid."""
    try:
        message = pb.Action.FromString(payload)
        at = from_us(message.at_us)
    except DecodeError:
        raise Invalid("not an Action message") from None
    except OverflowError:
        raise Invalid("an action of no possible time") from None
    return ActionTold(
        HopperId(message.hopper_id),
        UserId(message.user_id),
        RuleSetId(message.rule_set_id),
        message.version,
        message.epoch,
        IntentId(message.intent_id),
        message.audit_number,
        message.kind,
        at,
        _object(message.body),
    )


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Invalid("a body that is no JSON object")
    return found
