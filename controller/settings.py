"""What the controller is told."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from controller.logic.limits import Limits

_USUAL = Limits()


@dataclass(frozen=True, slots=True)
class Settings:
    """From ``CRYPTWIRE_CONTROLLER_<FIELD>``; spans in seconds.

    ``pod`` names the shard. ``batch``: messages of so long go into one round, unless one of them fires. ``settle``: how
    long after an action its effect may be unseen, beside two refreshes of upstream (R13). ``look_each``: how often
    upstream is compared with what armed rule sets were told (R20). Limits are of R19.
    """

    pod: str
    database_url: str
    redis_url: str
    nats_url: str
    gateway_address: str
    certificates: Path
    health_port: int = 0
    batch: timedelta = timedelta(milliseconds=100)
    settle: timedelta = timedelta(seconds=60)
    look_each: timedelta = timedelta(seconds=300)
    actions_an_hour: int = _USUAL.an_hour
    actions_a_day: int = _USUAL.a_day
    panics_a_day: int = _USUAL.panics_a_day
