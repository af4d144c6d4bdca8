"""JWT (RFC 7519) signed with Ed25519 (RFC 8037) that names a user and his session: what both kinds of tokens are.

``sub`` is the user, ``sid`` the session's id, ``aud`` for whom it is: the audience keeps one kind from being taken for
the other, for the key is one and the API's alone.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cryptwire.clock import EPOCH
from cryptwire.domain.hopper import UserId

LEEWAY = timedelta(seconds=5)
"""So far two clocks may differ."""
_ALGORITHM = "EdDSA"
_MOST = 4_000  # characters
_ID = 32  # bytes
_CLAIMS = ("sub", "sid", "iat", "exp", "aud")


@dataclass(frozen=True, slots=True)
class SignedSession:
    """A user, and the session (its id) under which he acts."""

    user: UserId
    session: bytes


def signed(
    key: Ed25519PrivateKey, audience: str, who: SignedSession, now: datetime, lives: timedelta, **more: object
) -> str:
    """A token for ``who`` that lives so long from ``now`` on; ``more`` claims are for display."""
    issued = _seconds(now)
    claims = {
        "sub": who.user,
        "sid": who.session.hex(),
        "aud": audience,
        "iat": issued,
        "exp": issued + int(lives.total_seconds()),
    }
    return jwt.encode(claims | more, key, algorithm=_ALGORITHM)


def read(
    key: Ed25519PublicKey, audience: str, token: str, now: datetime, longest: timedelta
) -> tuple[SignedSession, timedelta]:
    """Who shows it, and since when it has expired (below 0: it lives).

    Raises ValueError for what was not signed with this key for this audience, lives longer than ``longest``, or was
    issued in the future.
    """
    try:
        if len(token) > _MOST:
            raise ValueError("too long")
        claims = jwt.decode(
            token,
            key,
            algorithms=[_ALGORITHM],
            audience=audience,
            options={"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
        who = SignedSession(UserId(str(UUID(claims["sub"]))), bytes.fromhex(claims["sid"]))
        issued, expires = _whole(claims["iat"]), _whole(claims["exp"])
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        raise ValueError("no token of ours") from None
    seconds = _seconds(now)
    is_short = 0 < expires - issued <= longest.total_seconds()
    if len(who.session) != _ID or not is_short or issued > seconds + LEEWAY.total_seconds():
        raise ValueError("no token of ours")
    return who, timedelta(seconds=seconds - expires)


def _seconds(moment: datetime) -> int:
    return int((moment - EPOCH).total_seconds())


def _whole(claim: Any) -> int:
    if isinstance(claim, bool) or not isinstance(claim, int):
        raise ValueError("not a number of seconds")
    return claim
