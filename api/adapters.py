"""Argon2, whose work of a tenth of a second and 64 MiB is done in threads, few at a time."""

import asyncio
import secrets

import argon2

from cryptwire.errors import Unavailable

_AT_ONCE = 2
_MOST_WAITING = 50


class Argon2Passwords:
    """Passwords against argon2id hashes, with the library's defaults."""

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher()
        self._nobodys = self._hasher.hash(secrets.token_urlsafe(16))
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def are_same(self, password: str, password_hash: str | None) -> bool:
        """True for the right password; without a hash a dummy is checked, which takes as long."""
        if self._waiting >= _MOST_WAITING:
            raise Unavailable("too many are signing in at this moment; try again soon")
        self._waiting += 1
        try:
            async with self._free:
                is_right = await asyncio.to_thread(self._verify, password_hash or self._nobodys, password)
        finally:
            self._waiting -= 1
        return is_right and password_hash is not None

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password.encode("utf-8", "surrogatepass"))
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
