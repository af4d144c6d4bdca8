"""GraphQL over WebSocket, in the sub-protocol graphql-transport-ws: who may open one, how many, and until when."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import orjson
from graphql import GraphQLError, OperationType, get_operation_ast
from starlette.datastructures import Headers
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived, WebSocketDisconnected
from strawberry.schema.base import BaseSchema
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType as Kind

from api.handlers.errors import MOST_BODY, told
from api.handlers.persisted import Persisted
from api.logic.accounts import network
from api.ports import Caller
from api.schema.context import Context, Services
from api.schema.cost import TooCostly, parsed
from cryptwire.codec.access_token import bearer_of, presented
from cryptwire.errors import CryptwireError, Invalid, Unauthenticated, Unavailable
from cryptwire.log import Log
from cryptwire.tasks import end

_log = Log(__name__)
_WATCHED_EVERY = timedelta(seconds=2)
_PING_EVERY = timedelta(seconds=15)
_GOODBYE = 1.0  # seconds a client has to answer a close
_MOST_REASON = 120  # bytes; a close frame takes 123
_MOST_UNKNOWN = 200  # sockets that have not yet said who they are
_MOST_UNKNOWN_THERE = 50  # of them from one network address
_MOST_ID = 100
INIT_WITHIN = timedelta(seconds=10)

BAD_REQUEST = 4400
SIGN_IN_FIRST = 4401
NOT_ALLOWED = 4403
TOO_SLOW = 4408
TOO_MANY = 4429
TOO_LONG = 1009
TRY_AGAIN = 1013


class Line(ASGIWebSocketAdapter):
    """A socket as text frames of JSON. Who takes nothing for a while is closed, and closing twice is closing once."""

    def __init__(self, view: Any, request: WebSocket, response: WebSocket) -> None:
        super().__init__(view, request, response)
        self.sockets: Sockets = view.sockets
        self.has_closed = asyncio.Event()

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> Any:
        while self.ws.application_state is not WebSocketState.DISCONNECTED:
            message = await self.ws.receive()
            if message["type"] != "websocket.receive":
                return
            text = message.get("text")
            if text is None:
                raise NonTextMessageReceived
            if len(text.encode("utf-8", "surrogatepass")) > MOST_BODY:
                await self.close(TOO_LONG, f"a message of more than {MOST_BODY} bytes")
                return
            try:
                yield orjson.loads(text)
            except orjson.JSONDecodeError:
                raise NonJsonMessageReceived from None

    async def send_json(self, message: Mapping[str, object]) -> None:
        if self.has_closed.is_set():
            raise WebSocketDisconnected
        try:
            async with asyncio.timeout(self.sockets.patience.total_seconds()):
                await self.ws.send_text(orjson.dumps(message).decode())
        except TimeoutError:
            self.sockets.services.meters.count("api_slow", "Sockets closed because they took nothing")
            await self.close(TOO_SLOW, "nothing was taken for too long")
            raise WebSocketDisconnected from None
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            self.has_closed.set()
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        if self.has_closed.is_set():
            return
        self.has_closed.set()
        with suppress(WebSocketDisconnect, RuntimeError, OSError, TimeoutError):
            async with asyncio.timeout(_GOODBYE):
                await self.ws.close(code, reason.encode()[:_MOST_REASON].decode(errors="ignore"))


class Socket(BaseGraphQLTransportWSHandler[Context, None]):
    """One socket of one caller. Each operation has a context of its own, and whoever he is by then asks in it."""

    websocket: Line

    def __init__(self, view: Any, websocket: Any, context: Context, schema: BaseSchema, **more: Any) -> None:
        more["connection_init_wait_timeout"] = INIT_WITHIN
        more["max_subscriptions_per_connection"] = None  # counted here, where the error gets a code
        super().__init__(view=view, websocket=websocket, context=context, schema=schema, **more)
        self.sockets: Sockets = view.sockets
        self.caller: Caller | None = None
        self.contexts: dict[str, Context] = {}
        self.network = network(context.address())

    async def handle(self) -> None:
        if not self.sockets.has_room(self.network):
            await self.websocket.close(TRY_AGAIN, "too many are coming in at this moment; try again soon")
            return
        self.sockets.open.add(self)
        work = [asyncio.create_task(super().handle()), asyncio.create_task(self._ping())]
        closed = asyncio.create_task(self.websocket.has_closed.wait())
        try:
            await asyncio.wait([work[0], closed], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(work[:1], timeout=_GOODBYE)
        finally:
            self.sockets.open.discard(self)
            for outcome in await end((*work, closed)):
                if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnected):
                    _log.error("a socket broke", exception=outcome)
            await self.websocket.close(1011, "something went wrong here; it was noted")

    async def _ping(self) -> None:
        with suppress(WebSocketDisconnected):
            while True:
                await self.sockets.services.clock.sleep(_PING_EVERY)
                await self.send_message({"type": "ping"})

    async def handle_message(self, message: Any) -> None:
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            await self.handle_invalid_message("a message is an object with a type")
        elif message["type"] in ("subscribe", "complete") and not _is_id(message.get("id")):
            await self.handle_invalid_message(f"an id is text of 1 to {_MOST_ID} characters")
        else:
            await super().handle_message(message)  # type: ignore[arg-type]

    async def handle_connection_init(self, message: Any) -> None:
        payload = message.get("payload") or {}
        if self.caller is None and isinstance(payload, dict):
            try:
                caller = await self.sockets.services.sessions.who(self._token(payload))
            except Unauthenticated as error:
                return await self.websocket.close(SIGN_IN_FIRST, str(error))
            except Unavailable:
                return await self.websocket.close(TRY_AGAIN, "try again in a moment")
            if self.sockets.count_of(caller) >= self.sockets.most_of_a_user:
                text = f"{self.sockets.most_of_a_user} sockets of one user are open; close one first"
                return await self.websocket.close(TOO_MANY, text)
            self.caller = caller
        await super().handle_connection_init(message)
        return None

    def _token(self, payload: dict[str, Any]) -> str:
        """As it is said in the first message, in a header or, by a page of ours, in a cookie."""
        said = payload.get("authorization")
        if said is not None:
            return (bearer_of({"authorization": said}) or "") if isinstance(said, str) else ""
        request = self.context.request
        return presented(request.headers, request.cookies if self.sockets.is_ours(request.headers) else {})

    async def handle_subscribe(self, message: Any) -> None:
        if not isinstance(message.get("payload"), dict):
            await self.handle_invalid_message("subscribe needs a payload with a query")
            return
        if self.connection_acknowledged and message["id"] not in self.operations:
            most = self.sockets.most_of_a_socket
            if len(self.operations) >= most:
                text = f"{most} operations at most on one socket; complete one first"
                await self._refuse(message["id"], TooCostly(text, most + 1, most))
                return
            try:
                message = {**message, "payload": await self.sockets.payload_of(message["payload"])}
            except (CryptwireError, GraphQLError) as error:
                await self._refuse(message["id"], error)
                return
        await super().handle_subscribe(message)

    async def _refuse(self, id: str, error: Exception) -> None:
        known = error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
        payload: Any = told([known], self.sockets.services.meters)
        await self.send_message({"id": id, "type": "error", "payload": payload})

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        """One operation from beginning to end; a query within the time of a request."""
        assert self.caller is not None
        services = self.sockets.services
        context = self.contexts[operation.id] = Context(services, self.context.request).asked_by(self.caller)
        try:
            document = parsed(operation.query, services.limits.tokens)
            node = get_operation_ast(document, operation.operation_name)
            is_lasting = node is not None and node.operation is OperationType.SUBSCRIPTION
            async with asyncio.timeout(None if is_lasting else services.request_time.total_seconds()):
                await self._run(operation, context)
            await operation.send_operation_message({"id": operation.id, "type": "complete"})
        except WebSocketDisconnected:
            return
        except TimeoutError:
            await self._give_up(operation, Unavailable("this took too long and was given up"))
        except (GraphQLError, CryptwireError) as error:
            await self._give_up(operation, error)
        except Exception as error:  # noqa: BLE001 - outermost edge of an operation: the socket's others go on
            await self._give_up(operation, error)
        finally:
            if self.contexts.get(operation.id) is context:
                del self.contexts[operation.id]

    async def _run(self, operation: Operation[Context, None], context: Context) -> None:
        results: AsyncIterator[Any] = await self.schema.stream(
            operation.query,
            variable_values=operation.variables,
            context_value=context,
            operation_name=operation.operation_name,
            allowed_operation_types=(Kind.QUERY, Kind.SUBSCRIPTION),
        )
        try:
            async for result in results:
                assert isinstance(result, ExecutionResult)
                payload: Any = {"data": result.data}
                if result.errors:
                    payload["errors"] = told(result.errors, self.sockets.services.meters)
                if isinstance(result, PreExecutionError):
                    await operation.send_operation_message(
                        {"id": operation.id, "type": "error", "payload": payload["errors"]}
                    )
                    return
                await operation.send_operation_message({"id": operation.id, "type": "next", "payload": payload})
        finally:
            await results.aclose()  # type: ignore[attr-defined]

    async def _give_up(self, operation: Operation[Context, None], error: Exception) -> None:
        known = error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
        payload: Any = told([known], self.sockets.services.meters)
        with suppress(WebSocketDisconnected, KeyError):
            await operation.send_operation_message({"id": operation.id, "type": "error", "payload": payload})


class Sockets:
    """Every open socket, and whether it may go on: the session's row decides, not the token that it came with."""

    def __init__(
        self,
        services: Services,
        persisted: Persisted,
        origins: Collection[str],
        most_of_a_user: int,
        most_of_a_socket: int,
        patience: timedelta,
    ) -> None:
        self.services = services
        self.origins = frozenset(origins)
        self.most_of_a_user = most_of_a_user
        self.most_of_a_socket = most_of_a_socket
        self.patience = patience
        self.open: set[Socket] = set()
        self._persisted = persisted

    def has_room(self, network: str) -> bool:
        """False when too many have come in, all in all or from one network address, who have not said who they are."""
        unknown = [socket.network for socket in self.open if socket.caller is None]
        return len(unknown) < _MOST_UNKNOWN and unknown.count(network) < _MOST_UNKNOWN_THERE

    def count_of(self, caller: Caller) -> int:
        """How many sockets of his user are open at this process."""
        return sum(socket.caller is not None and socket.caller.user == caller.user for socket in self.open)

    def is_ours(self, headers: Headers) -> bool:
        """False for a page of a native app, whose tokens count and whose cookies do not."""
        return headers.get("origin") not in self.origins

    async def payload_of(self, payload: dict[str, Any]) -> dict[str, Any]:
        """What a client asks for, checked, with the text of a persisted query in its place; raises Invalid."""
        query, variables, name = payload.get("query"), payload.get("variables"), payload.get("operationName")
        extensions = payload.get("extensions")
        if not isinstance(query, str | None) or not isinstance(name, str | None) or len(name or "") > _MOST_ID * 2:
            raise Invalid("query and operationName must be text")
        if not isinstance(variables, dict | None) or not isinstance(extensions, dict | None):
            raise Invalid("variables and extensions must be objects")
        text = await self._persisted.text_of(query, extensions or {})
        if not text:
            raise Invalid("there is no query")
        return {"query": text, "variables": variables, "operationName": name or None}

    async def watch(self) -> None:
        """Close, forever, what may not go on: ended sessions with 4401, what a plan no longer holds with 4403.

        While the database is away nobody can end a session; when one expires is known here.
        """
        while True:
            await self.services.clock.sleep(_WATCHED_EVERY)
            self.services.meters.set("api_sockets", "Open sockets", len(self.open))
            watched = [(socket, socket.caller) for socket in self.open if socket.caller is not None]
            try:
                living = await self.services.sessions.again([caller.session for _, caller in watched])
            except Unavailable:
                now = self.services.clock.now()
                living = {caller.session: caller for _, caller in watched if caller.expires_at > now}
            closing = [self._close(socket, living.get(caller.session)) for socket, caller in watched]
            for outcome in await asyncio.gather(*closing, return_exceptions=True):
                if isinstance(outcome, Exception):
                    _log.error("a socket could not be looked after", exception=outcome)

    async def _close(self, socket: Socket, caller: Caller | None) -> None:
        if caller is None:
            await socket.websocket.close(SIGN_IN_FIRST, "sign in first")
            return
        socket.caller = caller
        for context in list(socket.contexts.values()):
            context.asked_by(caller)
            roles = await context.roles()
            if not all(self.services.permissions.can(roles, needs) for needs in context.needed):
                await socket.websocket.close(NOT_ALLOWED, "what is shown here is not of your plan any more")
                return


def _is_id(said: Any) -> bool:
    return isinstance(said, str) and 0 < len(said) <= _MOST_ID
