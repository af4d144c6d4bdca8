"""Access tokens: what a client shows with every request.

``plan`` and ``permissions`` in them are for display; the session's row decides.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path

from cryptwire.clock import Clock
from cryptwire.codec import signed_session
from cryptwire.codec.signed_session import SignedSession
from cryptwire.codec.signing_keys import PublicKeyFile, private_key
from cryptwire.errors import Unauthenticated

AUDIENCE = "cryptwire"
LIVES = timedelta(minutes=10)
ACCESS_COOKIE = "cw_access"
REFRESH_COOKIE = "cw_refresh"


class AccessSigner:
    """Signs for the API. ``key`` is an Ed25519 private key in PEM; raises Invalid when it is not."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = private_key(key)
        self._clock = clock

    def signed(self, who: SignedSession, plan: str, permissions: Iterable[str] = ()) -> str:
        """A token that is good for ten minutes."""
        now = self._clock.now()
        return signed_session.signed(self._key, AUDIENCE, who, now, LIVES, plan=plan, permissions=list(permissions))


class AccessVerifier:
    """Verifies for everybody. ``path`` holds the public key; raises Invalid when it is not there at the start."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._key = PublicKeyFile(path)
        self._clock = clock

    def verified(self, token: str) -> SignedSession:
        """Who shows it. Raises Unauthenticated when it has expired or is none of the API's."""
        key = self._key.current()
        try:
            who, expired = signed_session.read(key, AUDIENCE, token, self._clock.now(), LIVES)
        except ValueError:
            raise Unauthenticated("sign in first") from None
        if expired >= timedelta(0):
            raise Unauthenticated("the access token has expired; refresh the session")
        return who


def presented(headers: Mapping[str, str], cookies: Mapping[str, str]) -> str:
    """The token that a request shows: ``Authorization: Bearer``, else the browser's cookie; empty when neither."""
    bearer = bearer_of(headers)
    return cookies.get(ACCESS_COOKIE, "") if bearer is None else bearer


def bearer_of(headers: Mapping[str, str]) -> str | None:
    """What ``Authorization: Bearer`` holds; None without it."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None
