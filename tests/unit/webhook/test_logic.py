"""Who called is proved by the signature; what was said is read leniently."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest

from cryptwire.errors import Invalid
from webhook.logic import Seen, is_signed, parsed, pause, read_from

SECRET = "s3cret"
BODY = b'{"type":"validate"}'
SIGNATURE = hmac.new(SECRET.encode(), BODY, hashlib.sha512).hexdigest()
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("given", [SIGNATURE, f"sha512={SIGNATURE}", SIGNATURE.upper(), f" {SIGNATURE} "])
def test_the_apps_signature_is_known(given: str) -> None:
    assert is_signed(BODY, given, SECRET)


@pytest.mark.parametrize(
    "given",
    ["", "sha512=", SIGNATURE[:-1], SIGNATURE[:-1] + "x", "é" * 128, hashlib.sha512(BODY).hexdigest()],
)
def test_any_other_is_not(given: str) -> None:
    assert not is_signed(BODY, given, SECRET)


def test_of_another_body_it_is_not() -> None:
    assert not is_signed(BODY + b" ", SIGNATURE, SECRET)


def call(*messages: object, kind: str = "messages") -> bytes:
    return json.dumps({"app_id": 1, "type": kind, "messages": messages}).encode()


@pytest.mark.parametrize("hopper_id", ["1001", 1001])
def test_a_trade_names_its_hopper(hopper_id: object) -> None:
    said = parsed(call({"type": "trade_completed", "data": {"coin": "BTC", "hopper_id": hopper_id}}))
    assert [(hint.is_trade, hint.hopper) for hint in said.hints] == [(True, "1001")]


@pytest.mark.parametrize("data", [None, [], "x", {}, {"hopper_id": None}, {"hopper_id": True}, {"hopper_id": ""}])
def test_or_it_does_not(data: object) -> None:
    assert parsed(call({"type": "trade_completed", "data": data})).hints[0].hopper is None


@pytest.mark.parametrize("hopper_id", ["\x00", "a b", "9" * 41, "../1", [1], 1.5])
def test_what_cannot_be_a_hopper_is_none(hopper_id: object) -> None:
    assert parsed(call({"type": "trade_completed", "data": {"hopper_id": hopper_id}})).hints[0].hopper is None


def test_what_is_no_message_is_counted() -> None:
    said = parsed(call({"type": "on_trigger"}, 7, None, "x"))
    assert (len(said.hints), said.malformed) == (1, 3)
    assert not said.hints[0].is_trade
    assert parsed(b'{"type":"messages","messages":{}}').hints == ()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"7", b"\xff", b'{"type":', b"[" * 60_000, b'{"a":' + b"9" * 60_000 + b"}"]
)
def test_what_is_no_call_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid):
        parsed(body)


def test_the_same_message_has_the_same_digest_whatever_its_order() -> None:
    first = parsed(b'{"type":"messages","messages":[{"type":"trade_completed","title":"x"}]}').hints[0]
    second = parsed(b'{"type":"messages","messages":[{"title":"x","type":"trade_completed"}]}').hints[0]
    assert first.digest == second.digest


def test_what_was_seen_is_new_again_after_ten_minutes() -> None:
    seen = Seen()
    seen.add(b"a", NOW)
    assert not seen.is_new(b"a", NOW + timedelta(minutes=9, seconds=59))
    assert seen.is_new(b"a", NOW + timedelta(minutes=10))
    assert seen.is_new(b"b", NOW)


def test_only_so_many_are_remembered() -> None:
    seen = Seen(most=2)
    for digest in (b"a", b"b", b"c"):
        seen.add(digest, NOW)
    assert [seen.is_new(digest, NOW) for digest in (b"a", b"b", b"c")] == [True, False, False]


def test_reading_begins_before_the_last_known_trade_or_a_day_back() -> None:
    assert read_from(NOW - timedelta(days=3), NOW) == NOW - timedelta(days=3, minutes=5)
    assert read_from(None, NOW) == NOW - timedelta(days=1)


def test_pauses_double_up_to_a_minute_and_respect_what_upstream_says() -> None:
    assert [pause(n, 0.999_999).total_seconds() for n in (1, 2, 3, 9, 99)] == pytest.approx([1, 2, 4, 60, 60], rel=1e-3)
    assert pause(1, 0.0) == timedelta(seconds=0.5)
    assert pause(1, 0.0, retry_after=42.0) == timedelta(seconds=42)
