"""Access tokens live for ten minutes by the clock, and are believed by their key alone."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import jwt
import pytest

from cryptwire.codec.access_token import AccessSigner, AccessVerifier, bearer_of, presented
from cryptwire.codec.session_token import Signer, Verifier
from cryptwire.codec.signed_session import SignedSession
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Forbidden, Invalid, Unauthenticated, Unavailable
from cryptwire.memory.clock import HandClock
from devstack.certificates import issue_session_key

WHO = SignedSession(UserId(str(uuid4())), bytes(range(32)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    issue_session_key(tmp_path / "keys")
    return tmp_path / "keys"


async def test_a_token_is_good_for_ten_minutes(folder: Path) -> None:
    clock = HandClock()
    verifier = AccessVerifier(folder / "session-key-public.pem", clock)
    token = AccessSigner((folder / "session-key.pem").read_bytes(), clock).signed(WHO, "pro", ["app view allow"])
    assert verifier.verified(token) == WHO
    await clock.turn(timedelta(minutes=10) - timedelta(seconds=1))
    assert verifier.verified(token) == WHO
    await clock.turn(timedelta(seconds=1))
    with pytest.raises(Unauthenticated, match="expired"):
        verifier.verified(token)
    clock.set(clock.now() - timedelta(minutes=11))
    with pytest.raises(Unauthenticated):
        verifier.verified(token)


def test_the_key_is_one_and_the_audience_keeps_both_kinds_of_tokens_apart(folder: Path) -> None:
    clock = HandClock()
    private, public = (folder / "session-key.pem").read_bytes(), folder / "session-key-public.pem"
    access = AccessSigner(private, clock).signed(WHO, "pro")
    for_gateway = Signer(private, clock).signed(SignedSession(WHO.user, WHO.session))
    with pytest.raises(Forbidden):
        Verifier(public, clock).verified(access)
    with pytest.raises(Unauthenticated):
        AccessVerifier(public, clock).verified(for_gateway)


def test_what_is_displayed_is_never_what_decides(folder: Path) -> None:
    token = AccessSigner((folder / "session-key.pem").read_bytes(), HandClock()).signed(WHO, "free", ["x"])
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["plan"], claims["permissions"]) == ("free", ["x"])
    verified = AccessVerifier(folder / "session-key-public.pem", HandClock()).verified(token)
    assert not hasattr(verified, "plan")


def test_without_its_key_nobody_is_believed(folder: Path, tmp_path: Path) -> None:
    public = folder / "session-key-public.pem"
    clock = HandClock()
    verifier = AccessVerifier(public, clock)
    token = AccessSigner((folder / "session-key.pem").read_bytes(), clock).signed(WHO, "pro")
    public.unlink()
    with pytest.raises(Unavailable):
        verifier.verified(token)
    issue_session_key(folder)
    with pytest.raises(Unauthenticated):
        verifier.verified(token)
    with pytest.raises(Invalid):
        AccessVerifier(tmp_path / "none.pem", clock)
    with pytest.raises(Invalid):
        AccessSigner(b"no key", clock)


@pytest.mark.parametrize(
    ("headers", "cookies", "shown"),
    [
        ({}, {}, ""),
        ({}, {"cw_access": "c"}, "c"),
        ({"authorization": "Bearer b"}, {"cw_access": "c"}, "b"),
        ({"authorization": "bearer  b "}, {}, "b"),
        ({"authorization": "Bearer"}, {"cw_access": "c"}, ""),
        ({"authorization": "Basic b"}, {"cw_access": "c"}, "c"),
        ({"authorization": ""}, {"cw_access": "c"}, "c"),
    ],
)
def test_a_request_shows_its_bearer_token_else_its_cookie(
    headers: dict[str, str], cookies: dict[str, str], shown: str
) -> None:
    assert presented(headers, cookies) == shown
    assert (bearer_of(headers) is None) == (not headers.get("authorization", "").lower().startswith("bearer"))
