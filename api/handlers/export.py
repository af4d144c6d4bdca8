"""``GET /export``: all that is held of who asks, as CSV files in a zip."""

import asyncio
import tempfile
import zipfile
from collections.abc import AsyncIterator
from typing import IO

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from api.ports import Caller, Sessions
from cryptwire.clock import Clock
from cryptwire.codec.access_token import presented
from cryptwire.errors import CryptwireError, Forbidden, Unauthenticated, Unavailable
from cryptwire.log import Log
from cryptwire.metrics import Meters
from cryptwire.permissions import Needs, Permissions, roles_of
from cryptwire.storage.own_data import EXPORTED, NOT_EXPORTED, OwnData
from cryptwire.storage.sessions import FRESH

PATH = "/export"
NEEDS = Needs("view", "security")
_AGAIN = 30  # seconds
_PIECE = 64 * 1024  # bytes
_log = Log(__name__)


class Export:
    """One export at a time in a process, written to a file on disk first: a slow reader holds up nobody."""

    def __init__(
        self, sessions: Sessions, permissions: Permissions, own_data: OwnData, clock: Clock, meters: Meters
    ) -> None:
        self._sessions = sessions
        self._permissions = permissions
        self._own_data = own_data
        self._clock = clock
        self._meters = meters
        self._free = asyncio.Lock()

    async def on_get(self, request: Request) -> Response:
        """The zip; 401, 403 (also when the password was not given within ten minutes), 429, 503."""
        try:
            caller = await self._sessions.who(presented(request.headers, request.cookies))
            self._must(caller)
            if self._free.locked():
                return _told(429, "EXHAUSTED", f"an export is being made; try again in {_AGAIN} s", _AGAIN)
            async with self._free:
                content = await self._made(caller)
        except Unauthenticated as error:
            return _told(401, "UNAUTHENTICATED", str(error))
        except Forbidden as error:
            return _told(403, "FORBIDDEN", str(error))
        except Unavailable as error:
            return _told(503, "UNAVAILABLE", f"try again in a moment: {error}", _AGAIN)
        except CryptwireError as error:
            _log.error("an export broke", exception=error)
            return _told(500, "INTERNAL", "something went wrong here; it was noted")
        self._meters.count("api_exports", "Exports of all of a user's data")
        name = f"cryptwire-{self._clock.now():%Y-%m-%d}.zip"
        headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
        return StreamingResponse(_pieces(content), media_type="application/zip", headers=headers)

    def _must(self, caller: Caller) -> None:
        if not self._permissions.can(roles_of(caller), NEEDS):
            raise Forbidden("only who is signed in himself may export everything; a token may not")
        given_at = caller.authenticated_at
        if given_at is None or self._clock.now() - given_at > FRESH:
            raise Forbidden("give your password again first (confirmPassword), then export within ten minutes")

    async def _made(self, caller: Caller) -> IO[bytes]:
        content: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it is sent
        try:
            with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
                rows: dict[str, int] = {}
                for held in EXPORTED:
                    with archive.open(f"{held.table}.csv", "w", force_zip64=True) as file:

                        async def write(piece: bytes, file: IO[bytes] = file) -> None:
                            await asyncio.to_thread(file.write, piece)

                        rows[held.table] = await self._own_data.copy(caller.user, held, write)
                contents = {"madeAt": self._clock.now().isoformat(), "rows": rows, "leftOut": dict(NOT_EXPORTED)}
                archive.writestr("contents.json", orjson.dumps(contents, option=orjson.OPT_INDENT_2))
            content.seek(0)
        except BaseException:
            content.close()
            raise
        return content


async def _pieces(content: IO[bytes]) -> AsyncIterator[bytes]:
    with content:
        while piece := await asyncio.to_thread(content.read, _PIECE):
            yield piece


def _told(status: int, code: str, text: str, retry_after: int | None = None) -> Response:
    headers = {"cache-control": "no-store"} | ({} if retry_after is None else {"retry-after": str(retry_after)})
    return JSONResponse({"error": {"code": code, "message": text}}, status, headers)
