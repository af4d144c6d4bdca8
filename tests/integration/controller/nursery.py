"""Controllers as processes of their own that kill themselves at a numbered point: ``python -m …nursery``.

It has imported everything and opened nothing, and forks a controller for each line of its input, so that a thousand of
them start quickly: ``{"environment": {…}, "kill_at": 7, "log": "file", "points": "file"}``. For each it prints its
process's number, and ``<number> ended <status>`` when it has.
"""

import json
import os
import signal
import sys
import threading
from typing import Any

from controller.main import main
from controller.settings import Settings
from cryptwire.config import load
from cryptwire.runtime import Runtime, run


class Killer:
    """Kills this process, as a crash would, at the ``kill_at``th point it passes; 0: never. Notes the point before."""

    def __init__(self, kill_at: int, noted_in: str) -> None:
        self._kill_at = kill_at
        self._noted_in = noted_in
        self._passed = 0

    def passed(self, point: str) -> None:
        self._passed += 1
        if self._passed == self._kill_at:
            with open(self._noted_in, "a") as notes:
                notes.write(f"{point}\n")
            os.kill(os.getpid(), signal.SIGKILL)


def _live(told: dict[str, Any]) -> int:
    """What the forked process is."""
    log = os.open(told["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.setsid()

    async def killed(settings: Settings, runtime: Runtime) -> None:
        await main(settings, runtime, Killer(told["kill_at"], told["points"]))

    return run("controller", killed, load(Settings, "controller", told["environment"]), health_port=0)


def _bury(pid: int) -> None:
    _, status = os.waitpid(pid, 0)
    print(f"{pid} ended {status}", flush=True)


def nurse() -> None:
    for line in sys.stdin:
        told = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os._exit(_live(told))
        print(f"{pid} began 0", flush=True)
        threading.Thread(target=_bury, args=(pid,), daemon=True).start()


if __name__ == "__main__":
    nurse()
