"""The simulator's only door to the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

PREFIX = "CRYPTWIRE_SIMULATOR_"
_NODE_MILLISECONDS = 15_000
_FOLDER = Path(".cryptwire/simulator")
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def _told(default: Any, says: str) -> Any:
    return field(default=default, metadata={"says": says})


@dataclass(frozen=True, slots=True)
class Settings:
    """What one run of the simulator is told, each from ``CRYPTWIRE_SIMULATOR_<FIELD>``, an option or a scenario.

    History follows from ``seed``, ``tick_seconds`` and ``decision_seconds``, so a folder goes with one choice of them.
    Raises ValueError when a value cannot be used.
    """

    port: int = _told(8090, "where it listens, on 127.0.0.1")
    folder: Path = field(default=_FOLDER, metadata={"says": "where tokens and commands are kept"})
    seed: str = _told("cryptwire", "prices follow from it")
    history_days: int = _told(90, "days the hoppers have traded when the folder is new")
    tick_seconds: float = _told(1.0, "between two ticks; divides 15 s into whole milliseconds")
    decision_seconds: int = _told(300, "between two decisions of a hopper; divides an hour")
    snapshot_seconds: int = _told(0, "how old answers may be; 0: as each hopper's plan has it (60, 120, 300, 600)")
    socket_seconds: float = _told(86_400.0, "after which an exchange closes a socket")
    trades_kept: int = _told(20_000, "how many trades of each hopper are known, the newest; about 1 KB each")
    client_id: str = _told("cryptwire-dev", "the first registered client")
    client_secret: str = _told("cryptwire-dev-secret", "its secret, which also signs its webhooks")
    redirect_uris: tuple[str, ...] = _told(("http://127.0.0.1:8080/link/callback",), "its addresses, by comma")
    app_id: int = _told(1001, "its number, as its webhooks carry it")
    code_seconds: float = _told(30.0, "life of an authorization code")
    token_seconds: int = _told(31_556_952, "life of an access token")
    refresh_seconds: int = _told(1_209_600, "life of a refresh token")
    refresh_rotates: bool = _told(True, "a refresh gives a new refresh token and ends the old one")
    refresh_grace_seconds: float = _told(0.0, "how long the old refresh token still works after a rotation")
    rotation_ends_access: bool = _told(False, "a refresh ends the access tokens that were given before")
    code_reuse_revokes: bool = _told(False, "a code's second use ends the tokens of its first")
    ignores_pkce: bool = _told(False, "code challenges are taken no notice of, as by old servers")
    accepts_bearer: bool = _told(False, "Authorization: Bearer is taken beside access-token, as old documents say")
    token_prefix: str = _told("", "a mark at the beginning of every token and code, so that it can be searched for")
    rate_limit: int = _told(30, "requests of a token (or app key) within rate_window; 0: no limit of any bucket")
    rate_window: float = _told(60.0, "seconds")
    order_limit: int = _told(8, "requests that trade, within order_window")
    order_window: float = _told(8.0, "seconds")
    backtest_limit: int = _told(1, "backtests within backtest_window")
    backtest_window: float = _told(2.0, "seconds")
    orders_count_as_normal: bool = _told(True, "a request that trades counts in the bucket of all requests, too")
    trade_reads_are_orders: bool = _told(False, "GET …/trade counts as one that trades (the documents leave it open)")
    retry_after: str = _told("seconds", "form of Retry-After: seconds, date or none")
    numbers_in_pages: bool = _told(False, "a page of trades tells results as a number, not as text")
    requests_kept: int = _told(10_000, "how many requests GET /control/requests can tell")
    webhook_url: str = _told("", "where the client's webhooks go; empty: nowhere")
    webhook_verification: str = _told("", "the code its receiver must answer a validation with")
    webhook_shared_secret: str = _told("", "signs calls to addresses of webhook_create; empty: they are not signed")
    webhook_interval: float = _told(1.0, "seconds between two calls")
    webhook_timeout: float = _told(5.0, "seconds a receiver may take")
    webhook_attempts: int = _told(4, "how often a call is tried")
    webhook_backoff: float = _told(1.0, "seconds before the second attempt, twice as long before each further one")

    def __post_init__(self) -> None:
        tick = self.tick_milliseconds
        if tick < 1 or abs(tick - self.tick_seconds * 1000) > 1e-6 or _NODE_MILLISECONDS % tick:
            raise ValueError(f"tick_seconds must divide 15 s into whole milliseconds: {self.tick_seconds}")
        if self.decision_seconds < 1 or 3600 % self.decision_seconds:
            raise ValueError(f"decision_seconds must divide an hour: {self.decision_seconds}")
        if self.retry_after not in ("seconds", "date", "none"):
            raise ValueError(f"retry_after must be seconds, date or none: {self.retry_after}")
        if not self.client_id:
            raise ValueError("client_id must not be empty")
        for name in ("history_days", "snapshot_seconds", "rate_limit", "order_limit", "backtest_limit"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative: {getattr(self, name)}")
        for name in ("trades_kept", "rate_window", "order_window", "backtest_window", "requests_kept"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0: {getattr(self, name)}")

    @property
    def tick_milliseconds(self) -> int:
        return round(self.tick_seconds * 1000)

    @classmethod
    def of(cls, environment: Mapping[str, str], otherwise: Mapping[str, object] | None = None) -> "Settings":
        """Settings from variables; what is not given is taken from ``otherwise``, else keeps its default.

        Raises ValueError naming the variable.
        """
        return cls(**{**(otherwise or {}), **_from(environment)})


SAYS: Mapping[str, str] = {each.name: each.metadata["says"] for each in fields(Settings)}
"""What each setting is for, in a line."""

_DEFAULTS: Mapping[str, object] = {each.name: each.default for each in fields(Settings)}


def environment() -> Mapping[str, str]:
    """The variables of this process."""
    return os.environ  # noqa: TID251  # the door itself


def read(name: str, text: str) -> object:
    """The value of a setting written as text. Raises ValueError; KeyError for a name that is none."""
    default = _DEFAULTS[name]
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, bool):
        if text.lower() not in _YES + _NO:
            raise ValueError(f"neither yes nor no: {text}")
        return text.lower() in _YES
    if isinstance(default, int | float | Path):
        return type(default)(text)
    return text


def checked(given: Mapping[str, object]) -> dict[str, object]:
    """Settings as a scenario file has them (JSON).

    Raises ValueError naming the one that is unknown or of a wrong type.
    """
    found: dict[str, object] = {}
    for name, value in given.items():
        if name not in _DEFAULTS:
            raise ValueError(f"settings: there is no {name!r}")
        default = _DEFAULTS[name]
        if isinstance(default, tuple) and isinstance(value, list) and all(isinstance(each, str) for each in value):
            found[name] = tuple(value)
        elif isinstance(default, Path) and isinstance(value, str):
            found[name] = Path(value)
        elif isinstance(default, float) and type(value) in (int, float):
            found[name] = float(str(value))
        elif type(value) is type(default):
            found[name] = value
        else:
            raise ValueError(f"settings: {name} must be like {default!r}, not {value!r}")
    return found


def _from(environment: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for name in _DEFAULTS:
        text = environment.get(PREFIX + name.upper())
        if text is not None:
            try:
                found[name] = read(name, text)
            except ValueError as error:
                raise ValueError(f"{PREFIX}{name.upper()}: {error}") from None
    return found
