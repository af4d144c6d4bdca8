"""Argon2, whose work of a tenth of a second and 64 MiB is done in threads, few at a time."""

import asyncio
import secrets
from collections.abc import Callable
from typing import TypeVar

import argon2

from api.logic import passwords
from cryptwire.errors import Unavailable

_AT_ONCE = 2
_MOST_WAITING = 50
Result = TypeVar("Result")


class Argon2Passwords:
    """Passwords and their argon2id hashes, with the library's defaults unless a ``hasher`` says otherwise."""

    def __init__(self, hasher: argon2.PasswordHasher | None = None) -> None:
        self._hasher = hasher or argon2.PasswordHasher()
        self._nobodys = self._hasher.hash(secrets.token_urlsafe(16))
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def are_same(self, password: str, password_hash: str | None) -> bool:
        """True for the right password; without a hash a dummy is checked, which takes as long."""
        is_possible = passwords.is_possible(password)
        told = passwords.plain(password) if is_possible else "x"
        is_right = await self._work(lambda: self._verify(password_hash or self._nobodys, told))
        return is_right and is_possible and password_hash is not None

    async def hash(self, password: str) -> str:
        """What is kept of a password."""
        return await self._work(lambda: self._hasher.hash(passwords.plain(password)))

    def is_outdated(self, password_hash: str) -> bool:
        """Whether a hash was made with other parameters than one made now."""
        return self._hasher.check_needs_rehash(password_hash)

    async def _work(self, work: Callable[[], Result]) -> Result:
        if self._waiting >= _MOST_WAITING:
            raise Unavailable("too many are signing in at this moment; try again soon")
        self._waiting += 1
        try:
            async with self._free:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
