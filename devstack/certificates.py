"""A certificate authority for development, a certificate for each service, and the key of session tokens."""

import contextlib
import ipaddress
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cryptwire.clock import Clock
from cryptwire.errors import Invalid

SERVERS = frozenset({"gateway"})
"""Services that are called: theirs are also certificates of a server on this machine."""
_AUTHORITY = "ca"
LIVES = timedelta(days=30)
_AUTHORITY_LIVES = timedelta(days=3650)
_EARLIER = timedelta(hours=1)  # a clock may be behind


def issue(folder: Path, services: Sequence[str], now: datetime, lives: timedelta = LIVES) -> None:
    """Make ``ca.pem``, and ``<service>.pem`` with ``<service>-key.pem`` for each of ``services``.

    The authority is kept; a certificate is made anew when less than a third of the time that it ``lives`` is left or it
    does not belong to authority and key. Keys are readable by the owner alone. Raises Invalid for a name that is no
    service's.
    """
    for service in services:
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,40}", service) or service == _AUTHORITY:
            raise Invalid(f"{service[:40]!r} cannot be the name of a service")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority, authority_key = _authority(folder, now)
    for service in services:
        kept = _read(folder, service)
        if kept is None or not _is_good(*kept, service, authority, now + lives / 3):
            key = ec.generate_private_key(ec.SECP256R1())
            _write(folder, service, _certificate(service, key, authority, authority_key, now, lives), key)


async def keep_issued(
    folder: Path, services: Sequence[str], clock: Clock, say: Callable[[str], None], lives: timedelta = LIVES
) -> None:
    """Make anew what comes near its end, forever: a look each thirtieth of its life, which is a day."""
    while True:
        await clock.sleep(lives / 30)
        try:
            issue(folder, services, clock.now(), lives)
        except OSError as error:
            say(f"certificates cannot be renewed now: {error}")


def issue_session_key(folder: Path) -> None:
    """Make the keys of session tokens: ``session-key.pem`` for the API, ``session-key-public.pem`` for the gateway.

    Kept when they belong together. The private one is readable by the owner alone.
    """
    private, public = folder / "session-key.pem", folder / "session-key-public.pem"
    with contextlib.suppress(OSError, ValueError, TypeError):
        key = serialization.load_pem_private_key(private.read_bytes(), None)
        if isinstance(key, ed25519.Ed25519PrivateKey) and _public(key) == public.read_bytes():
            return
    fresh = ed25519.Ed25519PrivateKey.generate()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _put(private, _private(fresh), 0o600)
    _put(public, _public(fresh), 0o644)


def _authority(folder: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    kept = _read(folder, _AUTHORITY)
    if kept is not None and kept[0].not_valid_after_utc > now + LIVES:
        return kept
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Cryptwire development")
    usage = dict.fromkeys(_USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + _AUTHORITY_LIVES)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(folder, _AUTHORITY, certificate, key)
    return certificate, key


def _certificate(
    service: str,
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    lives: timedelta,
) -> x509.Certificate:
    names: list[x509.GeneralName] = [x509.DNSName(service)]
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if service in SERVERS:
        names += [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
    usage = dict.fromkeys(_USAGES, False) | {"digital_signature": True}
    return (
        x509.CertificateBuilder(authority.subject, _name(service), key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + lives)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _is_good(
    certificate: x509.Certificate,
    _: ec.EllipticCurvePrivateKey,
    service: str,
    authority: x509.Certificate,
    until: datetime,
) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return certificate.subject == _name(service) and certificate.not_valid_after_utc >= until


def _read(folder: Path, name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    """Certificate and key, when both are there, whole, and belong together."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        certificate = x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())
        key = serialization.load_pem_private_key((folder / f"{name}-key.pem").read_bytes(), None)
        if isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == certificate.public_key():
            return certificate, key
    return None


def _write(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    """The key first: a certificate without its key would look good."""
    _put(
        folder / f"{name}-key.pem",
        _private(key),
        0o600,
    )
    _put(folder / f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _private(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public(key: ed25519.Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _put(path: Path, content: bytes, mode: int) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=mode)
    fresh.write_bytes(content)
    fresh.replace(path)
