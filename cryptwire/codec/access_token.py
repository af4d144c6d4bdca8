"""Access tokens: what a client shows with every request.

JWT (RFC 7519) signed with Ed25519 (RFC 8037): the user is ``sub``, the session's id ``sid``, all of Cryptwire ``aud``.
``plan`` and ``permissions`` are for display; the session's row decides. The key is that of the tokens for the gateway:
it is the API's alone, and the audience keeps one kind from being taken for the other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt

from cryptwire.clock import EPOCH, Clock
from cryptwire.codec.signing_keys import PublicKeyFile, private_key
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Unauthenticated

AUDIENCE = "cryptwire"
LIVES = timedelta(minutes=10)
LEEWAY = timedelta(seconds=5)
ACCESS_COOKIE = "cw_access"
REFRESH_COOKIE = "cw_refresh"
_ALGORITHM = "EdDSA"
_MOST = 4_000  # characters
_ID = 32  # bytes
_CLAIMS = ("sub", "sid", "iat", "exp", "aud")


@dataclass(frozen=True, slots=True)
class Access:
    """A user, and the session (its id) that he shows."""

    user: UserId
    session: bytes


class AccessSigner:
    """Signs for the API. ``key`` is an Ed25519 private key in PEM; raises Invalid when it is not."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = private_key(key)
        self._clock = clock

    def signed(self, access: Access, plan: str, permissions: Iterable[str] = ()) -> str:
        """A token that is good for ten minutes."""
        now = _seconds(self._clock.now())
        claims = {
            "sub": access.user,
            "sid": access.session.hex(),
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + int(LIVES.total_seconds()),
            "plan": plan,
            "permissions": list(permissions),
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)


class AccessVerifier:
    """Verifies for everybody. ``path`` holds the public key; raises Invalid when it is not there at the start."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._key = PublicKeyFile(path)
        self._clock = clock

    def verified(self, token: str) -> Access:
        """Who shows it. Raises Unauthenticated when it has expired or is none of the API's."""
        key = self._key.current()
        try:
            if len(token) > _MOST:
                raise jwt.InvalidTokenError
            claims = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                options={"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            access = Access(UserId(str(UUID(claims["sub"]))), bytes.fromhex(claims["sid"]))
            issued, expires = _whole(claims["iat"]), _whole(claims["exp"])
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
            raise Unauthenticated("sign in first") from None
        now, leeway = _seconds(self._clock.now()), int(LEEWAY.total_seconds())
        if len(access.session) != _ID or not 0 < expires - issued <= LIVES.total_seconds() or issued > now + leeway:
            raise Unauthenticated("sign in first")
        if expires <= now:
            raise Unauthenticated("the access token has expired; refresh the session")
        return access


def presented(headers: Mapping[str, str], cookies: Mapping[str, str]) -> str:
    """The token that a request shows: ``Authorization: Bearer``, else the browser's cookie; empty when neither."""
    bearer = bearer_of(headers)
    return cookies.get(ACCESS_COOKIE, "") if bearer is None else bearer


def bearer_of(headers: Mapping[str, str]) -> str | None:
    """What ``Authorization: Bearer`` holds; None without it."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _seconds(moment: datetime) -> int:
    return int((moment - EPOCH).total_seconds())


def _whole(claim: Any) -> int:
    if isinstance(claim, bool) or not isinstance(claim, int):
        raise ValueError("not a number of seconds")
    return claim
