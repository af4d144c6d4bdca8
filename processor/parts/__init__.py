"""What the processor consists of: each part wires its own jobs and its own work from the same tools."""

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from cryptwire.gateway_client import GatewayClient
from cryptwire.messaging.bus import NatsBus
from cryptwire.runtime import Runtime
from cryptwire.storage.database import Database
from cryptwire.storage.redis import Redis
from processor.handlers.jobs import Job
from processor.settings import Settings


@dataclass(frozen=True, slots=True)
class Tools:
    """The connections that all parts share; each comes back by itself when its server does."""

    settings: Settings
    runtime: Runtime
    rows: Database
    redis: Redis
    bus: NatsBus
    gateway: GatewayClient
    done: Callable[[str], None] = lambda _: None  # tells the heartbeat what was completed


@dataclass(frozen=True, slots=True)
class Part:
    """``jobs`` are done when they are due, once among all replicas; ``work`` goes on while the processor runs."""

    jobs: list[Job] = field(default_factory=list)
    work: list[Coroutine[Any, Any, None]] = field(default_factory=list)


MakesPart = Callable[[Tools], AbstractAsyncContextManager[Part]]
"""Wires a part; what it opened is closed when the block ends."""
