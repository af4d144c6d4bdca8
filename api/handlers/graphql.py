"""``/graphql``: GraphQL over HTTP, errors with a code that says what the caller can do."""

from collections.abc import Mapping
from typing import Any

import orjson
from cross_web import HTTPException
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse
from strawberry.types import ExecutionResult

from api.schema import SCHEMA
from api.schema.context import Context, Services
from cryptwire.errors import Exhausted, Forbidden, Invalid, LinkAgain, NotFound, Refused, Unauthenticated, Unavailable
from cryptwire.log import Log

_log = Log(__name__)
_CODES: Mapping[type[Exception], str] = {
    Unauthenticated: "UNAUTHENTICATED",
    Forbidden: "FORBIDDEN",
    NotFound: "NOT_FOUND",
    LinkAgain: "LINK_AGAIN",
    Invalid: "INVALID",
    Refused: "INVALID",
    Exhausted: "EXHAUSTED",
    Unavailable: "UNAVAILABLE",
}


class Endpoint(GraphQL[Context, None]):
    """The schema over HTTP. Queries by GET and POST, mutations by POST only."""

    def __init__(self, services: Services) -> None:
        super().__init__(SCHEMA, graphql_ide=None, subscription_protocols=())
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await WebSocket(scope, receive, send).close(1008)
            return
        request = Request(scope, receive)
        try:
            response: Response = await self.run(request)
        except HTTPException as error:
            response = refusal(error.status_code, str(error.reason))
        response.headers["cache-control"] = "no-store"
        await response(scope, receive, send)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        assert isinstance(request, Request)
        assert isinstance(response, Response)
        return Context(self._services, request, response)

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """The answer; an error of ours carries its code, an internal one nothing but that."""
        body: GraphQLHTTPResponse = {"data": result.data}
        if result.errors:
            body["errors"] = [self._told(error) for error in result.errors]
        return body

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)

    def _told(self, error: GraphQLError) -> dict[str, Any]:
        cause = error.original_error
        told: dict[str, Any] = dict(error.formatted)
        code = "INVALID"
        more: dict[str, Any] = {}
        if cause is not None and not isinstance(cause, GraphQLError):
            code = next((code for kind, code in _CODES.items() if isinstance(cause, kind)), "INTERNAL")
            if isinstance(cause, Exhausted):
                more["retryAfter"] = round(cause.retry_after, 1)
        if code == "UNAVAILABLE" and not isinstance(cause, Exhausted):
            _log.warning("a field could not be answered", path=error.path, reason=cause)
        if code == "INTERNAL":
            _log.error("a field broke", path=error.path, exception=cause)
            told["message"] = "something went wrong here; it was noted"
        self._services.meters.count("api_errors", "Errors answered", code=code)
        return told | {"extensions": {"code": code} | more}


def refusal(status: int, text: str) -> Response:
    """An error before there was anything to execute."""
    body = {"data": None, "errors": [{"message": text, "extensions": {"code": "INVALID"}}]}
    return Response(orjson.dumps(body), status, media_type="application/json")
