"""Session tokens: what the API signs for a user's session, and the gateway verifies before it acts for him."""

from datetime import timedelta
from pathlib import Path

from cryptwire.clock import Clock
from cryptwire.codec import signed_session
from cryptwire.codec.signed_session import LEEWAY, SignedSession
from cryptwire.codec.signing_keys import PublicKeyFile, private_key
from cryptwire.errors import Fenced, Forbidden, Invalid

AUDIENCE = "cryptwire-gateway"
LONGEST = timedelta(minutes=15)


class Signer:
    """Signs for the API. ``key`` is an Ed25519 private key in PEM; raises Invalid when it is not."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._clock = clock
        self._key = private_key(key)

    def signed(self, who: SignedSession, lives: timedelta = LONGEST) -> str:
        """A token for ``who``; raises Invalid when it would live longer than the gateway takes."""
        if not timedelta(0) < lives <= LONGEST:
            raise Invalid(f"a session token lives {LONGEST} at most")
        return signed_session.signed(self._key, AUDIENCE, who, self._clock.now(), lives)


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
            who, expired = signed_session.read(key, AUDIENCE, text, self._clock.now(), LONGEST)
        except ValueError:
            raise Forbidden("this is no session token of the API's") from None
        if expired >= LEEWAY:
            raise Fenced("the session token has expired")
        return who
