"""A replica of the processor that keeps days, by a clock of its own: its midnight is when a test wants it. Killed."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptwire import config
from cryptwire.clock import SystemClock
from cryptwire.config import load
from cryptwire.gateway_client import Identity, connect
from cryptwire.runtime import Runtime, run
from processor.main import processing
from processor.settings import Settings

BEHIND = "CRYPTWIRE_TEST_CLOCK_BEHIND"


@dataclass(frozen=True, slots=True)
class ShiftedClock(SystemClock):
    """Goes as the machine's does, ``behind`` it."""

    behind: timedelta

    def now(self) -> datetime:
        return SystemClock.now(self) - self.behind


async def main(settings: Settings, runtime: Runtime) -> None:
    shifted = replace(runtime, clock=ShiftedClock(timedelta(seconds=float(config.environment()[BEHIND]))))
    identity = Identity(settings.certificates, "processor")
    async with connect(settings.gateway_address, identity) as gateway, processing(settings, shifted, gateway):
        await runtime.stop.wait()


if __name__ == "__main__":
    raise SystemExit(run("processor", main, load(Settings, "processor"), health_port=0))
