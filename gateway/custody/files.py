"""Secrets that are in files."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from cryptwire import log
from cryptwire.errors import Invalid

_log = log.Log(__name__)
T = TypeVar("T")


class SecretFile(Generic[T]):
    """What ``parse`` makes of a file that not everybody may read, read again when it changes.

    Raises Invalid when it is not there, cannot be parsed, or is readable by everybody. Once it was read, a file that
    has become so is complained of and what was read before stays.
    """

    def __init__(self, path: Path, what: str, parse: Callable[[str], T]) -> None:
        self._path = path
        self._what = what
        self._parse = parse
        self._seen = self._stamp()
        self._value = self._read()

    def value(self) -> T:
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                self._value = self._read()
                _log.info("a secret was read again", what=self._what, path=self._path)
            except Invalid as error:
                _log.error("a secret cannot be read again; the one before stays in use", reason=error)
        return self._value

    def _stamp(self) -> tuple[int, ...]:
        """What changes when the file does; empty when it is not there."""
        try:
            found = os.stat(self._path)
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino

    def _read(self) -> T:
        try:
            if self._path.stat().st_mode & 0o007:
                raise Invalid(f"everybody may read {self._what} {self._path}; its mode should be 0600")
            return self._parse(self._path.read_text("utf-8"))
        except OSError as error:
            raise Invalid(f"{self._what} {self._path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise Invalid(f"{self._what} {self._path}: {error}") from None
