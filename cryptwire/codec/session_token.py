"""Session tokens: what the API signs for a user's session, and the gateway verifies before it acts for him.

JWT (RFC 7519) signed with Ed25519 (RFC 8037): the user is ``sub``, the session's hash ``sid``, the gateway ``aud``.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from cryptwire.clock import EPOCH, Clock
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Fenced, Forbidden, Invalid, Unavailable

AUDIENCE = "cryptwire-gateway"
LONGEST = timedelta(minutes=15)
LEEWAY = timedelta(seconds=5)
_ALGORITHM = "EdDSA"
_MOST = 2_000  # characters
_HASH = 32  # bytes
_CLAIMS = ("sub", "sid", "iat", "exp", "aud")


@dataclass(frozen=True, slots=True)
class SignedSession:
    """A user, and the session (its hash) under which he acts."""

    user: UserId
    session: bytes


class Signer:
    """Signs for the API. ``key`` is an Ed25519 private key in PEM; raises Invalid when it is not."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._clock = clock
        try:
            private = load_pem_private_key(key, None)
        except (ValueError, TypeError):
            private = None
        if not isinstance(private, Ed25519PrivateKey):
            raise Invalid("the key that signs session tokens should be an Ed25519 private key in PEM")
        self._key = private

    def signed(self, who: SignedSession, lives: timedelta = LONGEST) -> str:
        """A token for ``who``; raises Invalid when it would live longer than the gateway takes."""
        if not timedelta(0) < lives <= LONGEST:
            raise Invalid(f"a session token lives {LONGEST} at most")
        now = _seconds(self._clock.now())
        claims = {
            "sub": who.user,
            "sid": who.session.hex(),
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + int(lives.total_seconds()),
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)


class Verifier:
    """Verifies for the gateway. ``path`` holds the public key in PEM, and is read again when it changes.

    Raises Invalid when it is not there or no Ed25519 key at the start.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._stamp: tuple[int, ...] = ()
        try:
            self._key = self._current()
        except Unavailable as error:
            raise Invalid(str(error)) from None

    def verified(self, text: str) -> SignedSession:
        """Who is acting. Raises Fenced when the token has expired, Forbidden when it is none of the API's.

        Unavailable while the key cannot be read: nobody acts on a key that somebody may have taken away.
        """
        self._key = self._current()
        try:
            if len(text) > _MOST:
                raise jwt.InvalidTokenError
            claims = jwt.decode(
                text,
                self._key,
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                options={"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            who = SignedSession(UserId(str(UUID(claims["sub"]))), bytes.fromhex(claims["sid"]))
            issued, expires = _whole(claims["iat"]), _whole(claims["exp"])
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
            raise Forbidden("this is no session token of the API's") from None
        now, leeway = _seconds(self._clock.now()), int(LEEWAY.total_seconds())
        if len(who.session) != _HASH or not 0 < expires - issued <= LONGEST.total_seconds() or issued > now + leeway:
            raise Forbidden("this is no session token of the API's")
        if expires <= now - leeway:
            raise Fenced("the session token has expired")
        return who

    def _current(self) -> Ed25519PublicKey:
        try:
            about = self._path.stat()
            stamp = (about.st_mtime_ns, about.st_ino, about.st_size)
            if stamp == self._stamp:
                return self._key
            text = self._path.read_bytes()
        except OSError as error:
            raise Unavailable(f"the session key {self._path} cannot be read: {error.strerror}") from None
        try:
            key = load_pem_public_key(text)
        except ValueError:
            key = None
        if not isinstance(key, Ed25519PublicKey):
            raise Unavailable(f"the session key {self._path} is no Ed25519 public key in PEM")
        self._stamp = stamp
        return key


def _seconds(moment: datetime) -> int:
    return int((moment - EPOCH).total_seconds())


def _whole(claim: Any) -> int:
    if isinstance(claim, bool) or not isinstance(claim, int):
        raise ValueError("not a number of seconds")
    return claim
