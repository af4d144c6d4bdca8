"""Certificates are made once, renewed in time, and never readable by others where they are keys."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cryptwire.codec.session_token import Signer, Verifier
from cryptwire.codec.signed_session import SignedSession
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Invalid
from cryptwire.memory.clock import HandClock
from devstack.certificates import issue, issue_session_key, keep_issued

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("gateway", "tracker")


def read(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_service_has_a_certificate_of_the_authority(tmp_path: Path) -> None:
    issue(tmp_path / "made", NAMES, NOW)
    for name in NAMES:
        certificate = read(tmp_path / "made", name)
        certificate.verify_directly_issued_by(read(tmp_path / "made", "ca"))
        assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == name
        assert certificate.not_valid_after_utc == NOW + timedelta(days=30)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName)[0] == name
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert (ExtendedKeyUsageOID.SERVER_AUTH in purposes) is (name == "gateway")
        assert ("localhost" in names.get_values_for_type(x509.DNSName)) is (name == "gateway")


def test_keys_are_their_owners_alone(tmp_path: Path) -> None:
    issue(tmp_path, NAMES, NOW)
    keys = list(tmp_path.glob("*-key.pem"))
    assert len(keys) == 3
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in keys)


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    issue(tmp_path, NAMES, NOW)
    before = contents(tmp_path)
    issue(tmp_path, NAMES, NOW + timedelta(days=19))
    assert contents(tmp_path) == before


def test_less_than_ten_days_before_the_end_it_is_renewed_by_the_same_authority(tmp_path: Path) -> None:
    issue(tmp_path, NAMES, NOW)
    before = contents(tmp_path)
    issue(tmp_path, NAMES, NOW + timedelta(days=21))
    after = contents(tmp_path)
    assert after["ca.pem"] == before["ca.pem"]
    assert after["tracker.pem"] != before["tracker.pem"]
    read(tmp_path, "tracker").verify_directly_issued_by(read(tmp_path, "ca"))


def test_one_that_lives_shorter_is_renewed_when_a_third_is_left(tmp_path: Path) -> None:
    lives = timedelta(minutes=30)
    issue(tmp_path, NAMES, NOW, lives)
    before = contents(tmp_path)
    issue(tmp_path, NAMES, NOW + timedelta(minutes=20), lives)
    assert contents(tmp_path) == before
    issue(tmp_path, NAMES, NOW + timedelta(minutes=21), lives)
    assert contents(tmp_path)["tracker.pem"] != before["tracker.pem"]


async def test_they_are_kept_issued_without_end(tmp_path: Path) -> None:
    clock = HandClock(NOW)
    issue(tmp_path, NAMES, NOW)
    keeping = asyncio.create_task(keep_issued(tmp_path, NAMES, clock, print))
    for _ in range(100):
        await clock.turn(timedelta(days=1))
        left = read(tmp_path, "tracker").not_valid_after_utc - clock.now()
        assert left >= timedelta(days=9)
    keeping.cancel()


async def test_a_folder_that_is_away_is_told_and_tried_again(tmp_path: Path) -> None:
    clock = HandClock(NOW)
    said: list[str] = []
    folder = tmp_path / "made"
    (tmp_path / "made").write_text("a file stands where the folder should be")
    keeping = asyncio.create_task(keep_issued(folder, NAMES, clock, said.append))
    await clock.turn(timedelta(days=1))
    assert "cannot be renewed" in said[0]
    folder.unlink()
    await clock.turn(timedelta(days=1))
    assert (folder / "tracker.pem").exists()
    keeping.cancel()


def test_the_key_of_session_tokens_is_made_once_and_is_a_pair(tmp_path: Path) -> None:
    issue_session_key(tmp_path)
    before = contents(tmp_path)
    assert (tmp_path / "session-key.pem").stat().st_mode & 0o777 == 0o600
    clock = HandClock(NOW)
    who = SignedSession(UserId("7e1f27d4-0000-4000-8000-000000000001"), bytes(32))
    token = Signer(before["session-key.pem"], clock).signed(who)
    assert Verifier(tmp_path / "session-key-public.pem", clock).verified(token) == who
    issue_session_key(tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["session-key.pem", "session-key-public.pem"])
def test_half_a_pair_of_session_keys_is_made_anew(tmp_path: Path, name: str) -> None:
    issue_session_key(tmp_path)
    (tmp_path / name).write_bytes(b"rubbish")
    issue_session_key(tmp_path)
    assert contents(tmp_path)[name].startswith(b"-----BEGIN")


def test_a_new_service_leaves_the_others(tmp_path: Path) -> None:
    issue(tmp_path, NAMES, NOW)
    before = contents(tmp_path)
    issue(tmp_path, (*NAMES, "api"), NOW)
    after = contents(tmp_path)
    assert {name: after[name] for name in before} == before
    assert "api.pem" in after


@pytest.mark.parametrize("name", ["tracker.pem", "tracker-key.pem", "ca.pem", "ca-key.pem"])
@pytest.mark.parametrize("content", [b"", b"rubbish"])
def test_what_is_broken_is_made_anew(tmp_path: Path, name: str, content: bytes) -> None:
    issue(tmp_path, NAMES, NOW)
    (tmp_path / name).write_bytes(content)
    issue(tmp_path, NAMES, NOW)
    for service in NAMES:
        read(tmp_path, service).verify_directly_issued_by(read(tmp_path, "ca"))


def test_a_certificate_of_another_service_is_no_good(tmp_path: Path) -> None:
    issue(tmp_path, NAMES, NOW)
    for end in (".pem", "-key.pem"):
        (tmp_path / f"gateway{end}").write_bytes((tmp_path / f"tracker{end}").read_bytes())
    issue(tmp_path, NAMES, NOW)
    assert read(tmp_path, "gateway").subject != read(tmp_path, "tracker").subject


@pytest.mark.parametrize("name", ["ca", "../x", "", "a/b", "A", "x.y"])
def test_a_name_that_is_no_services_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid):
        issue(tmp_path, [name], NOW)
