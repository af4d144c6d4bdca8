"""``/graphql``: GraphQL over HTTP, errors with a code that says what the caller can do."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult

from api.handlers import playground
from api.handlers.errors import broken, refusal, told
from api.handlers.persisted import Persisted
from api.handlers.subscriptions import Line, Socket, Sockets
from api.schema import SCHEMA
from api.schema.context import Context, Services
from cryptwire.errors import CryptwireError
from cryptwire.tasks import end

_METHODS = ("GET", "POST")
_MOST_NAME = 200
_SOON = 0.25  # seconds in which nearly all is answered: nobody needs to look for a client that has left
_LATE = "this took too long and was given up; ask for less at once, or again in a moment"
_LATE_CHANGE = "this takes long and may still be done: look at what has become of it before asking for it again"


class Endpoint(GraphQL[Context, None]):
    """The schema over HTTP and, for what lasts, over WebSocket.

    Queries by GET and POST, mutations by POST only; one operation a request.
    """

    websocket_adapter_class = Line
    graphql_transport_ws_handler_class = Socket

    def __init__(
        self, services: Services, persisted: Persisted, sockets: Sockets, *, has_playground: bool = False
    ) -> None:
        origins = sorted(sockets.origins)
        protocols = (GRAPHQL_TRANSPORT_WS_PROTOCOL,)
        super().__init__(SCHEMA, graphql_ide=None, subscription_protocols=protocols, allowed_origins=origins)
        self.sockets = sockets
        self._services = services
        self._persisted = persisted
        self._has_playground = has_playground
        self._unfinished: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.run(WebSocket(scope, receive, send))
            return
        request = Request(scope, receive)
        try:
            if self._has_playground and playground.is_wanted(request):
                response = playground.page()
            else:
                await request.body()
                response = await self._within_time(request)
        except ClientDisconnect:
            return
        response.headers["cache-control"] = "no-store"
        await response(scope, receive, send)

    async def _within_time(self, request: Request) -> Response:
        """The answer, or that it does not come. A query ends when nobody waits for it any more; a change goes on."""
        answering = asyncio.create_task(self._answer(request))
        ending: list[asyncio.Task[Any]] = [answering]
        try:
            await asyncio.wait(ending, timeout=_SOON)
            if answering.done():
                return answering.result()
            leaving = asyncio.create_task(_left(request))
            ending.append(leaving)
            seconds = self._services.request_time.total_seconds() - _SOON
            await asyncio.wait(ending, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                return answering.result()
            reason = "left" if leaving.done() else "late"
            self._services.meters.count("api_given_up", "Requests nobody waits for any more", reason=reason)
            context: Context | None = getattr(request.state, "context", None)
            if context is None or not context.is_change:
                return refusal(200, _LATE, "UNAVAILABLE")
            self._unfinished.add(answering)
            answering.add_done_callback(self._unfinished.discard)
            ending.remove(answering)
            return refusal(200, _LATE_CHANGE, "UNAVAILABLE")
        finally:
            await end(ending)

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._executed(request)
        except HTTPException as error:
            return refusal(error.status_code, str(error.reason))
        except CryptwireError as error:
            (body,) = told([GraphQLError(str(error), original_error=error)], self._services.meters)
            return refusal(200, body["message"], body["extensions"]["code"])
        except Exception as error:  # noqa: BLE001 - outermost edge: the client gets an answer, the log the reason
            return broken(error, self._services.meters)

    async def _executed(self, request: Request) -> Response:
        """One operation, without what strawberry's ``run`` does besides for pages, streams and sockets."""
        if request.method not in _METHODS:
            raise HTTPException(405, "send an operation by POST, or a query by GET")
        beside, asked = await self.get_sub_response(request), self.request_adapter_class(request)
        context = await self.get_context(request, beside)
        operation = await self.parse_http_body(asked)
        result = await self.execute_single(request, asked, beside, context, None, operation)
        text = operation.query
        if text and not result.errors and context.is_of_somebody and self._persisted.is_to_be_kept(text):
            keeping = asyncio.create_task(self._persisted.keep(text))
            self._unfinished.add(keeping)
            keeping.add_done_callback(self._unfinished.discard)
        return self.create_response(await self.process_result(request, result), beside)

    # What strawberry asks

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        """One operation of a request, whatever was sent; a persisted one is put in its place."""
        if request.method == "GET":
            said: Any = {
                name: request.query_params.get(name) for name in ("query", "operationName", "variables", "extensions")
            }
            for each in ("variables", "extensions"):
                said[each] = self.parse_json(said[each]) if said[each] else None
        elif (request.content_type or "").partition(";")[0].strip().lower() == "application/json":
            said = self.parse_json(await request.get_body())
        else:
            raise HTTPException(400, "send application/json; files and forms are not taken")
        if isinstance(said, list):
            raise HTTPException(400, "send one operation a request: several in an array are not taken")
        query, variables, name, extensions = checked(said)
        text = await self._persisted.text_of(query, extensions)
        if not text:
            raise HTTPException(400, "there is no query")
        return GraphQLRequestData(query=text, variables=variables, operation_name=name, extensions=None)

    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        if not isinstance(response, Response):
            return Context(self._services, request)
        context = request.state.context = Context(self._services, request, response)
        return context

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """The answer; what it cost is in headers, for whoever wants to know before he is refused."""
        body: GraphQLHTTPResponse = {"data": result.data}
        if result.errors:
            body["errors"] = told(result.errors, self._services.meters)  # type: ignore[typeddict-item]
        context: Context = request.state.context
        if context.cost is not None and context.response is not None:
            context.response.headers["x-cost"] = f"{context.cost}; most={self._services.limits.cost}"
            if context.points_left is not None:
                context.response.headers["x-cost"] += f"; left={context.points_left}"
        return body


def checked(said: Any) -> tuple[str | None, dict[str, Any] | None, str | None, Mapping[str, Any]]:
    """Query, variables, operation's name and extensions of an operation as sent; HTTPException for what is none."""
    if not isinstance(said, dict):
        raise HTTPException(400, "an operation is an object with query, variables, operationName and extensions")
    query, variables, name = said.get("query"), said.get("variables"), said.get("operationName")
    extensions = said.get("extensions")
    if not isinstance(query, str | None):
        raise HTTPException(400, "query must be text")
    if not isinstance(variables, dict | None):
        raise HTTPException(400, "variables must be an object")
    if not isinstance(name, str | None) or len(name or "") > _MOST_NAME:
        raise HTTPException(400, f"operationName must be text of at most {_MOST_NAME} characters")
    if not isinstance(extensions, dict | None):
        raise HTTPException(400, "extensions must be an object")
    return query, variables, name or None, extensions or {}


async def _left(request: Request) -> None:
    """Return when the client has gone away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
