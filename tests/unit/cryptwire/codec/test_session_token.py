"""What the API signed for a session is taken within its time, and nothing else is."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from cryptwire.clock import EPOCH
from cryptwire.codec.session_token import AUDIENCE, Signer, Verifier
from cryptwire.codec.signed_session import SignedSession
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Fenced, Forbidden, Invalid, Unavailable
from cryptwire.memory.clock import HandClock

WHO = SignedSession(UserId("7e1f27d4-0000-4000-8000-000000000001"), bytes(range(32)))
MINUTE = timedelta(minutes=1)


class Keys:
    """A pair of keys; the public one is in a file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "session-key-public.pem"
        self.clock = HandClock()
        self.change()

    def change(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.private = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.public = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        fresh = self.path.with_suffix(".new")
        fresh.write_bytes(self.public)
        fresh.replace(self.path)

    def token(self, lives: timedelta = 15 * MINUTE) -> str:
        return Signer(self.private, self.clock).signed(WHO, lives)

    def claims(self, **other: Any) -> dict[str, Any]:
        now = int((self.clock.now() - EPOCH).total_seconds())
        claims = {"sub": WHO.user, "sid": WHO.session.hex(), "aud": AUDIENCE, "iat": now, "exp": now + 60, **other}
        return {name: value for name, value in claims.items() if value is not None}

    def forged(self, **other: Any) -> str:
        return jwt.encode(self.claims(**other), self.key, algorithm="EdDSA")

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.path, self.clock)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


def test_what_was_signed_is_verified(keys: Keys) -> None:
    assert keys.verifier.verified(keys.token()) == WHO


async def test_it_ends_with_its_time_and_five_seconds(keys: Keys) -> None:
    verifier, token = keys.verifier, keys.token(MINUTE)
    await keys.clock.turn(timedelta(seconds=64))
    assert verifier.verified(token) == WHO
    await keys.clock.turn(timedelta(seconds=1))
    with pytest.raises(Fenced, match="expired"):
        verifier.verified(token)


def test_no_token_lives_longer_than_fifteen_minutes(keys: Keys) -> None:
    with pytest.raises(Invalid):
        keys.token(16 * MINUTE)
    now = keys.claims()["iat"]
    assert keys.verifier.verified(keys.forged(exp=now + 900)) == WHO
    with pytest.raises(Forbidden):
        keys.verifier.verified(keys.forged(exp=now + 901))


def test_a_token_from_the_future_is_none(keys: Keys) -> None:
    now = keys.claims()["iat"]
    assert keys.verifier.verified(keys.forged(iat=now + 5)) == WHO
    with pytest.raises(Forbidden):
        keys.verifier.verified(keys.forged(iat=now + 6))


@pytest.mark.parametrize("name", ["sub", "sid", "aud", "iat", "exp"])
@pytest.mark.parametrize("value", [None, 1.5, True, "x", "", [], {}, -1, 10**30])
def test_every_claim_must_be_there_and_be_what_it_is(keys: Keys, name: str, value: Any) -> None:
    try:
        token = keys.forged(**{name: value})
    except TypeError:
        return  # the library does not even sign it
    with pytest.raises((Forbidden, Fenced)):
        keys.verifier.verified(token)


def test_another_audience_is_refused(keys: Keys) -> None:
    with pytest.raises(Forbidden):
        keys.verifier.verified(keys.forged(aud="cryptwire-datafeed"))


def test_another_key_is_refused(keys: Keys) -> None:
    forged = jwt.encode(keys.claims(), Ed25519PrivateKey.generate(), algorithm="EdDSA")
    other = jwt.encode(keys.claims(), ed448.Ed448PrivateKey.generate(), algorithm="EdDSA")
    elliptic = jwt.encode(keys.claims(), ec.generate_private_key(ec.SECP256R1()), algorithm="ES256")
    for token in (forged, other, elliptic):
        with pytest.raises(Forbidden):
            keys.verifier.verified(token)


def test_no_signature_and_a_signature_with_the_public_key_as_a_secret_are_refused(keys: Keys) -> None:
    none = jwt.encode(keys.claims(), None, algorithm="none")  # type: ignore[arg-type]
    with pytest.raises(Forbidden):
        keys.verifier.verified(none)
    header, claims = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "typ": "JWT"}, keys.claims())
    )
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(header + b"." + claims, keys.public)
    signature = base64.urlsafe_b64encode(mac).rstrip(b"=")
    with pytest.raises(Forbidden):
        keys.verifier.verified(b".".join((header, claims, signature)).decode())


@pytest.mark.parametrize("text", ["", ".", "..", "x" * 5000, "a.b.c", "\0", "eyJhbGciOiJFZERTQSJ9.e30.", "ä.ö.ü"])
def test_nonsense_is_refused(keys: Keys, text: str) -> None:
    with pytest.raises(Forbidden):
        keys.verifier.verified(text)


def test_a_changed_token_is_refused(keys: Keys) -> None:
    head, claims, signature = keys.token().split(".")
    for changed in (f"{head}.{claims[:-2]}AA.{signature}", f"{head}.{claims}.{'A' * len(signature)}"):
        with pytest.raises(Forbidden):
            keys.verifier.verified(changed)


def test_a_key_that_changes_is_read_again(keys: Keys) -> None:
    verifier, old = keys.verifier, keys.token()
    keys.change()
    assert verifier.verified(keys.token()) == WHO
    with pytest.raises(Forbidden):
        verifier.verified(old)


def test_without_its_key_nobody_is_verified(keys: Keys) -> None:
    verifier, token = keys.verifier, keys.token()
    keys.path.unlink()
    with pytest.raises(Unavailable):
        verifier.verified(token)
    keys.path.write_bytes(b"rubbish")
    with pytest.raises(Unavailable):
        verifier.verified(token)
    keys.path.write_bytes(keys.public)
    assert verifier.verified(token) == WHO


def test_keys_that_are_none_are_told_at_the_start(keys: Keys, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        Verifier(tmp_path / "nowhere", keys.clock)
    keys.path.write_bytes(keys.private)
    with pytest.raises(Invalid, match="no Ed25519"):
        Verifier(keys.path, keys.clock)
    for key in (b"", keys.public):
        with pytest.raises(Invalid):
            Signer(key, keys.clock)


def test_a_token_shows_in_no_repr(keys: Keys) -> None:
    from cryptwire.domain.action import Act, IntentId, SessionToken

    token = keys.token()
    assert token not in repr(Act(IntentId("x"), 1, SessionToken(token)))
