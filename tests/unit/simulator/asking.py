"""Ask an ASGI application something, without a server."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        return self.json["data"]

    @property
    def returned(self) -> dict[str, str]:
        """The query of the address it redirects to."""
        return dict(parse_qsl(urlsplit(self.headers["location"]).query))


async def ask(
    app: Any,
    method: str,
    path: str,
    query: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    form: dict[str, str] | None = None,
    body: Any = None,
) -> Answer:
    sent = urlencode(form).encode() if form is not None else json.dumps(body).encode() if body is not None else b""
    kind = "application/x-www-form-urlencoded" if form is not None else "application/json"
    named = {"host": "simulator", "content-type": kind, **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": urlencode(query or {}).encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in named.items()],
        "client": ("127.0.0.1", 1),
        "server": ("simulator", 80),
    }
    said: list[dict[str, Any]] = []

    waiting = [{"type": "http.request", "body": sent, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop()
        await asyncio.Event().wait()  # a caller that does not hang up
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    await app(scope, receive, send)
    return Answer(
        said[0]["status"],
        {name.decode(): value.decode() for name, value in said[0]["headers"]},
        b"".join(message.get("body", b"") for message in said[1:]),
    )
