"""The only door to the environment: frozen dataclasses filled from ``CRYPTWIRE_<SERVICE>_<FIELD>``."""

import json
import os
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from cryptwire.errors import Invalid

T = TypeVar("T")


def environment() -> dict[str, str]:
    """A copy of the process's environment."""
    return dict(os.environ)  # noqa: TID251 - this is the door


def load(
    settings: type[T], service: str, env: Mapping[str, str] | None = None, shared: frozenset[str] = frozenset()
) -> T:
    """``settings`` filled from the environment.

    A field ``poll_every`` of service ``tracker`` is ``CRYPTWIRE_TRACKER_POLL_EVERY``. Kinds: text, whole numbers,
    numbers, ``true/false``, seconds for a timedelta, a path, JSON for mappings and tuples. A field named in
    ``shared`` has no service in its name. Raises Invalid naming the variable that is missing or wrong.
    """
    assert is_dataclass(settings)
    env = environment() if env is None else env
    hints = get_type_hints(settings)
    values: dict[str, Any] = {}
    for field in fields(settings):
        name = (
            f"CRYPTWIRE_{field.name.upper()}"
            if field.name in shared
            else f"CRYPTWIRE_{service.upper()}_{field.name.upper()}"
        )
        if name in env:
            values[field.name] = _parse(name, env[name], hints[field.name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise Invalid(f"{name} is not set; {service} cannot start without it")
    return settings(**values)


def variables(settings: object, service: str) -> dict[str, str]:
    """The environment that ``load`` would read these settings from; what has no value is left out."""
    assert is_dataclass(settings)
    found: dict[str, str] = {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if value is not None:
            found[f"CRYPTWIRE_{service.upper()}_{field.name.upper()}"] = _print(value)
    return found


def _print(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return repr(value.total_seconds())
    if isinstance(value, dict | list | tuple):
        return json.dumps(value)
    return str(value)


def _parse(name: str, text: str, kind: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        inner = [k for k in get_args(kind) if k is not type(None)]
        if text == "":
            return None
        return _parse(name, text, inner[0])
    try:
        if kind is bool:
            if text.lower() not in ("true", "false", "1", "0"):
                raise ValueError("true or false")
            return text.lower() in ("true", "1")
        if kind is timedelta:
            return timedelta(seconds=float(text))
        if kind in (int, float, str, Path):
            return kind(text)
        value = json.loads(text)
        if origin is tuple:
            if not isinstance(value, list):
                raise ValueError("a JSON list")
            return tuple(value)
        if not isinstance(value, dict):
            raise ValueError("a JSON object")
        return value
    except (ValueError, OverflowError) as error:
        shape = getattr(kind, "__name__", str(kind))
        raise Invalid(f"{name} should be a {shape} and is not ({error})") from None
