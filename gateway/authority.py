"""With what right an action is asked for: decided here as far as the database need not be asked."""

from uuid import UUID

from cryptwire.codec.session_token import Verifier
from cryptwire.domain.action import Fence, IntentId, RuleSetId
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Forbidden, Invalid
from cryptwire.storage.calls import Session
from gateway.policy import Policy, Right
from generated.wire.v1 import gateway_pb2 as pb

_RULE_SET = 100  # characters


class Authority:
    """Judges callers by ``policy``; without a ``verifier`` no user can act."""

    def __init__(self, policy: Policy, verifier: Verifier | None) -> None:
        self._policy = policy
        self._verifier = verifier

    def must_call(self, service: str, call: str) -> None:
        """Raises Forbidden unless ``service`` may make ``call``."""
        self._policy.must_call(service, call)

    def right(self, service: str, call: str, user: UserId, said: pb.Authority) -> Fence | Session:
        """The right that ``said`` holds, not yet compared with the database: a fence may be an older one.

        Raises Forbidden when the service acts with another right, or the token is none of the API's or another user's;
        Fenced when it has expired; Unavailable while tokens cannot be verified.
        """
        wanted = self._policy.right(service, call)
        if said.WhichOneof("right") != ("fence" if wanted is Right.FENCE else "session_token"):
            raise Forbidden(f"{service} calls {call} with a {wanted.value}")
        if wanted is Right.FENCE:
            return Fence(said.fence)
        if self._verifier is None:
            raise Forbidden("no user can act: the gateway was given no session key")
        who = self._verifier.verified(said.session_token)
        if who.user != user:
            raise Forbidden("the session token is another user's")
        return Session(who.session)


def intent_of(said: pb.Authority) -> IntentId:
    """Raises Invalid."""
    try:
        return IntentId(str(UUID(said.intent_id)))
    except ValueError:
        raise Invalid("intent_id must be a UUID") from None


def rule_set_of(said: pb.Authority) -> RuleSetId:
    """Raises Invalid."""
    if len(said.rule_set_id) > _RULE_SET or "\0" in said.rule_set_id:
        raise Invalid("rule_set_id is none that can be")
    return RuleSetId(said.rule_set_id)
