"""The simulator's only door to the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

_PREFIX = "CRYPTWIRE_SIMULATOR_"
_NODE_MILLISECONDS = 15_000


@dataclass(frozen=True, slots=True)
class Settings:
    """What one run of the simulator is told, each from ``CRYPTWIRE_SIMULATOR_<FIELD>``.

    ``tick_seconds`` divides 15 s into whole milliseconds. ``decision_seconds`` divides an hour. History follows from
    ``seed`` and both of these, so a folder goes with one choice of them. ``snapshot_seconds`` 0 leaves it to each
    hopper's plan; ``rate_limit`` 0 turns the limit off. An exchange's socket lives ``socket_seconds``. Raises
    ValueError when a value cannot be used.
    """

    port: int = 8090
    folder: Path = Path(".cryptwire/simulator")
    seed: str = "cryptwire"
    history_days: int = 90
    tick_seconds: float = 1.0
    decision_seconds: int = 300
    snapshot_seconds: int = 0
    socket_seconds: float = 86_400.0
    client_id: str = "cryptwire-dev"
    client_secret: str = "cryptwire-dev-secret"  # noqa: S105  # shared with a client under test
    redirect_uris: tuple[str, ...] = ("http://127.0.0.1:8080/link/callback",)
    app_id: int = 1001
    code_seconds: float = 30.0
    token_seconds: int = 31_556_952
    refresh_seconds: int = 1_209_600
    rate_limit: int = 30
    webhook_url: str = ""
    webhook_verification: str = ""
    webhook_interval: float = 1.0
    webhook_timeout: float = 5.0
    webhook_attempts: int = 4
    webhook_backoff: float = 1.0

    def __post_init__(self) -> None:
        tick = self.tick_milliseconds
        if tick < 1 or abs(tick - self.tick_seconds * 1000) > 1e-6 or _NODE_MILLISECONDS % tick:
            raise ValueError(f"tick_seconds must divide 15 s into whole milliseconds: {self.tick_seconds}")
        if self.decision_seconds < 1 or 3600 % self.decision_seconds:
            raise ValueError(f"decision_seconds must divide an hour: {self.decision_seconds}")
        if min(self.history_days, self.snapshot_seconds, self.rate_limit) < 0:
            raise ValueError("history_days, snapshot_seconds and rate_limit must not be negative")

    @property
    def tick_milliseconds(self) -> int:
        return round(self.tick_seconds * 1000)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """Settings from variables; what is not given keeps its default. Raises ValueError naming the variable."""
        given: dict[str, object] = {}
        for field in fields(cls):
            text = environment.get(_PREFIX + field.name.upper())
            if text is None:
                continue
            try:
                given[field.name] = _read(text, field.default)
            except ValueError as error:
                raise ValueError(f"{_PREFIX}{field.name.upper()}: {error}") from None
        return cls(**given)  # type: ignore[arg-type]  # each value has the type of its field's default


def from_environment() -> Settings:
    """Settings of this process."""
    return Settings.of(os.environ)  # noqa: TID251  # the door itself


def _read(text: str, default: object) -> object:
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, int | float | Path):
        return type(default)(text)
    return text
