"""Second factors: the secrets of authenticator apps, sealed at rest, and recovery codes, of which tables hold a proof.

Both keys are derived (HKDF-SHA256) from the key for mailed links, which only the API and the processor can read.
"""

import base64
import hashlib
import hmac
import secrets

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cryptwire.domain.hopper import UserId
from cryptwire.errors import Corrupt

ISSUER = "Cryptwire"
CODES = 10
STEP = 30  # seconds
_WINDOW = 1  # steps before and after: clocks differ
_NONCE = 12  # bytes
_CODE = 10  # bytes: 16 characters of base32


class SecondFactors:
    """Makes, seals and checks. ``key`` is the content of the key file."""

    def __init__(self, key: bytes) -> None:
        self._seal = AESGCM(_derived(key, b"cryptwire totp"))
        self._codes = _derived(key, b"cryptwire recovery codes")

    def sealed(self, user: UserId, secret: str) -> tuple[bytes, bytes]:
        """Nonce and cipher text of a user's secret; it opens for no other user."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce, self._seal.encrypt(nonce, secret.encode(), user.encode())

    def opened(self, user: UserId, nonce: bytes, sealed: bytes) -> str:
        """The secret; raises Corrupt when it was not sealed for this user with this key."""
        try:
            return self._seal.decrypt(nonce, sealed, user.encode()).decode()
        except InvalidTag:
            raise Corrupt("the secret of a second factor does not open with this key") from None

    def proof(self, user: UserId, code: str) -> bytes:
        """What the table holds of a recovery code, however it is written."""
        return hmac.digest(self._codes, f"{user}\0{_plain(code)}".encode("utf-8", "replace"), hashlib.sha256)


def new_secret() -> str:
    """A secret of 160 bits for an authenticator app, in base32."""
    return pyotp.random_base32()


def new_codes() -> list[str]:
    """Ten recovery codes of 80 bits, such as ``ABCD-EFGH-IJKL-MNOP``."""
    texts = (base64.b32encode(secrets.token_bytes(_CODE)).decode() for _ in range(CODES))
    return ["-".join(text[at : at + 4] for at in range(0, 16, 4)) for text in texts]


def address_of(secret: str, email: str) -> str:
    """The ``otpauth://`` address that an authenticator app reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def step_of(secret: str, code: str, seconds: int) -> int | None:
    """In which step of 30 s, one before or after included, ``code`` is the right one; None when in none.

    ``seconds`` since the Unix epoch.
    """
    digits = "".join(code.split())
    if not (len(digits) == 6 and digits.isascii() and digits.isdecimal()):
        return None
    now = seconds // STEP
    totp = pyotp.TOTP(secret)
    right = [step for step in range(now - _WINDOW, now + _WINDOW + 1) if _is(totp, step, digits)]
    return right[-1] if right else None


def _is(totp: pyotp.TOTP, step: int, digits: str) -> bool:
    return hmac.compare_digest(totp.generate_otp(step), digits)


def _plain(code: str) -> str:
    return "".join(char for char in code.upper() if char.isalnum())


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, None, purpose).derive(key)
