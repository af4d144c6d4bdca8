"""What is named like a secret does not reach the log."""

import pytest

from cryptwire.log import _line, redacted

SECRET = "s3cr3t-Value_0"


@pytest.mark.parametrize(
    "text",
    [
        "access_token=s3cr3t-Value_0",
        "access-token: s3cr3t-Value_0",
        '{"access_token": "s3cr3t-Value_0", "x": 1}',
        "{'refresh_token': 's3cr3t-Value_0'}",
        "https://x.test/cb?client_secret=s3cr3t-Value_0&state=1",
        "PASSWORD = s3cr3t-Value_0",
        "api_key=s3cr3t-Value_0, and more",
        "x-api-key: s3cr3t-Value_0",
        "Cookie: s3cr3t-Value_0",
        "Cookie: a=1; cw_access=s3cr3t-Value_0",
        "Authorization: Bearer s3cr3t-Value_0",
        '{"password": "with a space s3cr3t-Value_0"}',
        "postgresql://cryptwire:s3cr3t-Value_0@127.0.0.1:5432/db",
        "redis://:s3cr3t-Value_0@127.0.0.1/0",
        "two: nats://a:s3cr3t-Value_0@h and password=s3cr3t-Value_0",
        "invalid input for query argument $1: 'cwp_s3cr3t-Value_0-s3cr3t'",
        "whsec_abcd/efgh+ijkl=s3cr3t-Value_0",
        "no token of ours: eyJhbGciOiJFZERTQSJ9.s3cr3t-Value_0.s3cr3t-Value_0",
        "GET /confirm?token=s3cr3t-Value_0&x=1",
        "/link/callback?code=s3cr3t-Value_0&state=s3cr3t-Value_0",
    ],
)
def test_a_secret_is_cut_out(text: str) -> None:
    assert SECRET not in redacted(text)
    assert "***" in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "hopper=101 reason=the password is wrong",
        "http://127.0.0.1:8080/udf/time",
        "polled at 12:00:01, token of user 3",
        "state=done code=INVALID is no link",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_an_event_stays_one_line() -> None:
    assert "\n" not in _line("refused", {"reason": "first\nsecond\r\nthird"})
