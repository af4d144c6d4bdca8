"""What a client is told of an error: a code that says what he can do, and words."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.responses import Response
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from api.handlers.persisted import UnknownPersisted
from api.schema.cost import TooCostly
from cryptwire.errors import (
    CodeNeeded,
    Conflict,
    Exhausted,
    Forbidden,
    Invalid,
    LinkAgain,
    NotFound,
    Refused,
    Unauthenticated,
    Unavailable,
)
from cryptwire.log import Log
from cryptwire.metrics import Meters

_log = Log(__name__)
MOST_BODY = 100_000
"""Bytes of a request's body, or of a message on a socket."""
_BROKE = "something went wrong here; it was noted"

CODES: Mapping[type[Exception], str] = {
    Unauthenticated: "UNAUTHENTICATED",
    Forbidden: "FORBIDDEN",
    UnknownPersisted: "PERSISTED_QUERY_NOT_FOUND",
    CodeNeeded: "CODE_NEEDED",
    NotFound: "NOT_FOUND",
    Conflict: "CONFLICT",
    LinkAgain: "LINK_AGAIN",
    TooCostly: "TOO_COSTLY",
    Invalid: "INVALID",
    Refused: "INVALID",
    Exhausted: "EXHAUSTED",
    Unavailable: "UNAVAILABLE",
    CannotGetOperationTypeError: "INVALID",
    InvalidOperationTypeError: "INVALID",
}
"""The code of an error of ours, by the first kind that fits; whatever is none of these is INTERNAL."""

WORDS: Mapping[str, str] = {
    "UNAUTHENTICATED": "Nobody is signed in, or the session has ended: sign in, or refresh the session.",
    "CODE_NEEDED": "The password is right, and a code of the second factor is missing: ask for it and send both.",
    "FORBIDDEN": "This plan or token does not hold it, or another site's page asked: do not try again.",
    "NOT_FOUND": "It is not there, or it is somebody else's; which of the two is not told.",
    "CONFLICT": "It was changed meanwhile, `version` is the newest: read it again, then decide.",
    "INVALID": "The request cannot be granted as it is: the words say what is wrong with it.",
    "LINK_AGAIN": "The Cryptohopper account must be linked again first.",
    "TOO_COSTLY": "More than one operation may ask for: `cost` and `allowed` say by how much.",
    "EXHAUSTED": "Too much or too often: wait `retryAfter` seconds.",
    "UNAVAILABLE": "Something that this needs is away, or it took too long: try again in a moment.",
    "PERSISTED_QUERY_NOT_FOUND": "The text of this hash is not here: send it once, with its hash.",
    "INTERNAL": "A fault of ours, which was noted; what happened is not told.",
}
"""What each code says, and what to do."""


def told(errors: Sequence[GraphQLError], meters: Meters) -> list[dict[str, Any]]:
    """The errors as a client gets them: an error of ours with its code, an internal one nothing but that.

    Logs and counts each; never what the user sent.
    """
    return [_told(error, meters) for error in errors]


def _told(error: GraphQLError, meters: Meters) -> dict[str, Any]:
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    words, code, more = error.message, "INVALID", dict[str, Any]()
    if cause is not None:
        code = next((code for kind, code in CODES.items() if isinstance(cause, kind)), "INTERNAL")
        if isinstance(cause, Exhausted):
            more["retryAfter"] = round(cause.retry_after, 1)
        if isinstance(cause, Conflict):
            more["version"] = cause.version
        if isinstance(cause, TooCostly):
            more |= {"cost": cause.cost, "allowed": cause.allowed}
    if code == "UNAVAILABLE":
        _log.warning("a field could not be answered", path=error.path, reason=cause)
    if code == "INTERNAL":
        _log.error("a field broke", path=error.path, exception=cause)
        words = _BROKE
    meters.count("api_errors", "Errors answered", code=code)
    body: dict[str, Any] = {"message": words}
    if error.locations:
        body["locations"] = [location.formatted for location in error.locations]
    if error.path:
        body["path"] = error.path
    return body | {"extensions": {"code": code} | more}


def refusal(status: int, text: str, code: str = "INVALID") -> Response:
    """An error before there was anything to execute."""
    body = {"data": None, "errors": [{"message": text, "extensions": {"code": code}}]}
    return Response(orjson.dumps(body), status, media_type="application/json")


def broken(error: BaseException, meters: Meters) -> Response:
    """The answer to a request in which something of ours broke before or beside the fields."""
    _log.error("a request broke", exception=error)
    meters.count("api_errors", "Errors answered", code="INTERNAL")
    return refusal(500, _BROKE, "INTERNAL")
