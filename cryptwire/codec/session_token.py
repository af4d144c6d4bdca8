"""Session tokens: what the API signs for a user's session, and the gateway verifies before it acts for him.

JWT (RFC 7519) signed with Ed25519 (RFC 8037): the user is ``sub``, the session's id ``sid``, the gateway ``aud``.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt

from cryptwire.clock import EPOCH, Clock
from cryptwire.codec.signing_keys import PublicKeyFile, private_key
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Fenced, Forbidden, Invalid

AUDIENCE = "cryptwire-gateway"
LONGEST = timedelta(minutes=15)
LEEWAY = timedelta(seconds=5)
_ALGORITHM = "EdDSA"
_MOST = 2_000  # characters
_ID = 32  # bytes
_CLAIMS = ("sub", "sid", "iat", "exp", "aud")


@dataclass(frozen=True, slots=True)
class SignedSession:
    """A user, and the session (its id) under which he acts."""

    user: UserId
    session: bytes


class Signer:
    """Signs for the API. ``key`` is an Ed25519 private key in PEM; raises Invalid when it is not."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._clock = clock
        self._key = private_key(key)

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
        self._clock = clock
        self._key = PublicKeyFile(path)

    def verified(self, text: str) -> SignedSession:
        """Who is acting. Raises Fenced when the token has expired, Forbidden when it is none of the API's.

        Unavailable while the key cannot be read: nobody acts on a key that somebody may have taken away.
        """
        key = self._key.current()
        try:
            if len(text) > _MOST:
                raise jwt.InvalidTokenError
            claims = jwt.decode(
                text,
                key,
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                options={"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            who = SignedSession(UserId(str(UUID(claims["sub"]))), bytes.fromhex(claims["sid"]))
            issued, expires = _whole(claims["iat"]), _whole(claims["exp"])
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
            raise Forbidden("this is no session token of the API's") from None
        now, leeway = _seconds(self._clock.now()), int(LEEWAY.total_seconds())
        if len(who.session) != _ID or not 0 < expires - issued <= LONGEST.total_seconds() or issued > now + leeway:
            raise Forbidden("this is no session token of the API's")
        if expires <= now - leeway:
            raise Fenced("the session token has expired")
        return who


def _seconds(moment: datetime) -> int:
    return int((moment - EPOCH).total_seconds())


def _whole(claim: Any) -> int:
    if isinstance(claim, bool) or not isinstance(claim, int):
        raise ValueError("not a number of seconds")
    return claim
