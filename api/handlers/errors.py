"""What a client is told of an error: a code that says what he can do, and words."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.responses import Response

from api.handlers.persisted import UnknownPersisted
from api.schema.cost import TooCostly
from cryptwire.errors import Exhausted, Forbidden, Invalid, LinkAgain, NotFound, Refused, Unauthenticated, Unavailable
from cryptwire.log import Log
from cryptwire.metrics import Meters

_log = Log(__name__)
_BROKE = "something went wrong here; it was noted"

CODES: Mapping[type[Exception], str] = {
    Unauthenticated: "UNAUTHENTICATED",
    Forbidden: "FORBIDDEN",
    UnknownPersisted: "PERSISTED_QUERY_NOT_FOUND",
    NotFound: "NOT_FOUND",
    LinkAgain: "LINK_AGAIN",
    TooCostly: "TOO_COSTLY",
    Invalid: "INVALID",
    Refused: "INVALID",
    Exhausted: "EXHAUSTED",
    Unavailable: "UNAVAILABLE",
}
"""The code of an error of ours, by the first kind that fits; whatever is none of these is INTERNAL."""


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
