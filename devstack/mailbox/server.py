"""The mail server: aiosmtpd on a port of this machine."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiosmtpd.smtp import SMTP, Envelope, Session

from devstack.mailbox.kept import Kept


class _Keeps:
    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        await self._kept.add(envelope.rcpt_tos, content.encode() if isinstance(content, str) else content or b"")
        return "250 kept"


@asynccontextmanager
async def receiving(kept: Kept, port: int = 0) -> AsyncIterator[int]:
    """Take mails on a port of this machine, chosen freely when it is 0, while the block runs; gives the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(_Keeps(kept), hostname="localhost", enable_SMTPUTF8=True, loop=loop), "127.0.0.1", port
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 1)
