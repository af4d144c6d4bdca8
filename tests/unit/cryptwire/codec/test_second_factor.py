"""Codes are right in their half minute and those beside it; secrets open for their user alone."""

from uuid import uuid4

import pyotp
import pytest

from cryptwire.codec.second_factor import STEP, SecondFactors, address_of, new_codes, new_secret, step_of
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Corrupt

ME, YOU = UserId(str(uuid4())), UserId(str(uuid4()))
FACTORS = SecondFactors(b"k" * 32)


def test_the_codes_of_rfc_6238_are_right() -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # RFC 6238, appendix B: "12345678901234567890"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")):
        assert step_of(secret, code, seconds) == seconds // STEP


def test_a_code_is_taken_one_step_early_or_late_and_no_further() -> None:
    secret, at = new_secret(), 1_800_000_000
    code = pyotp.TOTP(secret).generate_otp(at // STEP)
    taken = [offset for offset in range(-3, 4) if step_of(secret, code, at + offset * STEP) == at // STEP]
    assert taken == [-1, 0, 1]
    spaced = f" {code[:3]} {code[3:]} "
    assert step_of(secret, spaced, at) == at // STEP


@pytest.mark.parametrize(
    "code", ["", "1", "12345", "1234567", "abcdef", "１２３４５６", "12345\x00", "-12345", "x" * 10_000]
)
def test_what_is_no_code_is_never_right(code: str) -> None:
    assert step_of(new_secret(), code, 1_800_000_000) is None


def test_a_secret_opens_for_its_user_with_its_key_alone() -> None:
    nonce, sealed = FACTORS.sealed(ME, "SECRET")
    assert FACTORS.opened(ME, nonce, sealed) == "SECRET"
    assert b"SECRET" not in sealed
    for factors, user in ((FACTORS, YOU), (SecondFactors(b"l" * 32), ME)):
        with pytest.raises(Corrupt):
            factors.opened(user, nonce, sealed)


def test_recovery_codes_are_many_and_proofs_of_them_lead_nowhere() -> None:
    codes = new_codes()
    assert len(set(codes)) == 10
    assert all(len(code) == 19 for code in codes)
    proof = FACTORS.proof(ME, codes[0])
    assert FACTORS.proof(ME, codes[0].lower().replace("-", " ")) == proof
    assert proof not in (
        FACTORS.proof(YOU, codes[0]),
        FACTORS.proof(ME, codes[1]),
        SecondFactors(b"l" * 32).proof(ME, codes[0]),
    )
    assert FACTORS.proof(ME, "\ud800\x00") != proof


def test_an_authenticator_reads_its_address() -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    address = address_of(secret, "a b@example.com")
    assert address == f"otpauth://totp/Cryptwire:a%20b%40example.com?secret={secret}&issuer=Cryptwire"
