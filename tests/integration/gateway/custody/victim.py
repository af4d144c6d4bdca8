"""A process that is killed at a line of custody, by itself, while it renews or recovers.

It is told on its standard input, one JSON a line: ``user``, ``what`` ("expired", "refused" or "recover") and
``kill_at``, the number of the line event that is its last (0: none). For each it forks a child, which does that with
connections of its own, and says on its standard output how the child ended: ``signal``, ``lines`` (those it went
through), ``error``.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import gateway.custody
from cryptwire.clock import SystemClock
from cryptwire.domain.hopper import UserId
from cryptwire.errors import LinkAgain
from cryptwire.metrics import Meters
from cryptwire.storage import database, tokens
from gateway.custody.keys import FileKeys
from tests.integration.gateway.custody import sign_in

LEASE = timedelta(seconds=1)
_TRACED = {str(path) for path in Path(gateway.custody.__file__).parent.glob("*.py")}
_TRACED |= {tokens.__file__, database.__file__, sign_in.__file__}


def traced(kill_at: int, lines: list[str], report: Callable[[], None]) -> Callable[..., Any]:
    """For ``sys.settrace``: notes every line of custody and of its table, and kills before the one at ``kill_at``."""

    def on_line(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        if event == "line":
            lines.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}")
            if len(lines) == kill_at:
                report()
                os.kill(os.getpid(), signal.SIGKILL)
        return on_line

    def on_call(frame: FrameType, _: str, __: object) -> Callable[..., Any] | None:
        return on_line if frame.f_code.co_filename in _TRACED else None

    return on_call


async def work(told: dict[str, Any], url: str, oauth: str, key: Path, lines: list[str], report: Any) -> None:
    async with database.connect(url, "gateway", 2) as pool:
        calls = sign_in.HttpSignIn(oauth, tells_process=True)
        custody = gateway.custody.Custody(
            tokens.Tokens(pool), FileKeys(key), calls, SystemClock(), Meters(), lease=LEASE
        )
        user = UserId(told["user"])
        refused = await custody.access(user) if told["what"] == "refused" else None
        sys.settrace(traced(told["kill_at"], lines, report))
        try:
            if told["what"] == "recover":
                await custody.recover()
            else:
                await custody.access(user, refused)
        except LinkAgain:
            pass
        finally:
            sys.settrace(None)


def main() -> None:
    url, oauth, key = sys.argv[1:]
    for line in sys.stdin:
        told = json.loads(line)
        read, write = os.pipe()
        pid = os.fork()
        if not pid:
            lines: list[str] = []
            said: dict[str, Any] = {"error": ""}

            def report() -> None:
                os.write(write, json.dumps({**said, "lines": lines}).encode())  # noqa: B023 - it ends with this child

            try:
                asyncio.run(work(told, url, oauth, Path(key), lines, report))
            except BaseException as error:  # noqa: BLE001 - the test wants to know of it
                said["error"] = repr(error)
            report()
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            text = pipe.read()
        _, status = os.waitpid(pid, 0)
        ended = json.loads(text) if text else {"error": "", "lines": []}
        print(json.dumps({**ended, "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}), flush=True)


if __name__ == "__main__":
    main()
