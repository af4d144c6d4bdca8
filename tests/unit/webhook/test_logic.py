"""Who called is proved by the signature; what was said is read leniently."""

import hashlib
import hmac
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryptwire.errors import Invalid
from webhook.logic import Form, Secrets, Seen, parsed, pause, read_from, signer

SECRETS = Secrets("s3cret", "sh4red")
BODY = b'{"type":"validate"}'
SIGNATURE = hmac.new(b"s3cret", BODY, hashlib.sha512).hexdigest()
SHARED = hmac.new(b"sh4red", BODY, hashlib.sha256).hexdigest()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = ["type", "messages", "data", "hopper_id", "id", "event", "payload", "messages", "trade_completed"]


@pytest.mark.parametrize("given", [SIGNATURE, f"sha512={SIGNATURE}", SIGNATURE.upper(), f" {SIGNATURE} "])
def test_the_apps_signature_is_known(given: str) -> None:
    assert signer(BODY, given, None, SECRETS) is Form.APP


@pytest.mark.parametrize("given", [SHARED, SHARED.upper(), f" {SHARED} "])
def test_the_shared_secrets_signature_is_known(given: str) -> None:
    assert signer(BODY, None, given, SECRETS) is Form.SHARED


@pytest.mark.parametrize(
    "given",
    [
        "", "sha512=", "sha256=", SIGNATURE[:-1], SIGNATURE[:-1] + "x", "é" * 128, hashlib.sha512(BODY).hexdigest(),
        SHARED[:-1], hashlib.sha256(BODY).hexdigest(), hmac.new(b"", BODY, hashlib.sha256).hexdigest(),
    ],
)  # fmt: skip
def test_any_other_is_not(given: str) -> None:
    assert signer(BODY, given, None, SECRETS) is None
    assert signer(BODY, None, given, SECRETS) is None
    assert signer(BODY, None, None, SECRETS) is None


def test_each_secret_signs_its_own_form_only() -> None:
    assert signer(BODY, hmac.new(b"sh4red", BODY, hashlib.sha512).hexdigest(), None, SECRETS) is None
    assert signer(BODY, None, hmac.new(b"s3cret", BODY, hashlib.sha256).hexdigest(), SECRETS) is None


def test_a_wrong_signature_of_the_app_is_not_mended_by_a_right_shared_one() -> None:
    assert signer(BODY, "wrong", SHARED, SECRETS) is None
    assert signer(BODY, SIGNATURE, "wrong", SECRETS) is Form.APP


@pytest.mark.parametrize("shared", [None, ""])
def test_without_a_shared_secret_its_form_is_refused(shared: str | None) -> None:
    given = hmac.new(b"", BODY, hashlib.sha256).hexdigest()
    assert signer(BODY, None, given, Secrets("s3cret", shared)) is None


def test_of_another_body_it_is_not() -> None:
    assert signer(BODY + b" ", SIGNATURE, None, SECRETS) is None
    assert signer(BODY + b" ", None, SHARED, SECRETS) is None


def test_secrets_are_not_shown() -> None:
    assert "s3cret" not in repr(SECRETS)
    assert "sh4red" not in repr(SECRETS)


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


def test_what_is_no_message_is_counted_and_strange() -> None:
    said = parsed(call({"type": "on_trigger"}, 7, None, "x", {"title": "no type"}, {"type": 1}))
    assert (len(said.hints), said.malformed) == (1, 5)
    assert not said.hints[0].is_trade
    assert said.strange


@pytest.mark.parametrize(
    "body", [b'{"type":"messages","messages":{}}', b'{"type":"messages"}', b'{"type":"novelty"}', b"{}", b'{"type":[]}']
)
def test_what_has_another_shape_is_strange(body: bytes) -> None:
    said = parsed(body)
    assert (said.hints, bool(said.strange)) == ((), True)


def test_topics_that_are_no_trades_are_known() -> None:
    said = parsed(call({"type": "on_panic_start"}, {"type": "order_cancelled", "data": {"hopper_id": "1"}}))
    assert ([hint.is_trade for hint in said.hints], said.strange) == ([False, False], "")


def test_the_other_form_tells_of_a_filled_order() -> None:
    payload = {"market": "BTC/USDT", "type": "buy", "amount": 1, "price": 2, "id": 7}
    unnamed = parsed(json.dumps({"event": "order_filled", "payload": payload}).encode(), Form.SHARED)
    named = parsed(
        json.dumps({"event": "order_filled", "payload": {**payload, "hopper_id": 1001}}).encode(), Form.SHARED
    )
    assert [(hint.is_trade, hint.hopper) for hint in (*unnamed.hints, *named.hints)] == [(True, None), (True, "1001")]
    assert (unnamed.strange, named.strange) == ("", "")


@pytest.mark.parametrize("event", ["order_cancelled", "something_new"])
def test_other_events_are_no_trades_and_not_strange(event: str) -> None:
    said = parsed(json.dumps({"event": event, "payload": []}).encode(), Form.SHARED)
    assert ([hint.is_trade for hint in said.hints], said.strange) == ([False], "")


@pytest.mark.parametrize("body", [b"{}", b'{"event":7}', b'{"event":""}', b'{"event":"order_filled","payload":[]}'])
def test_of_the_other_form_what_has_another_shape_is_strange(body: bytes) -> None:
    said = parsed(body, Form.SHARED)
    assert (said.hints, bool(said.strange)) == ((), True)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"7", b"\xff", b'{"type":', b"[" * 60_000, b'{"a":' + b"9" * 60_000 + b"}"]
)
@pytest.mark.parametrize("form", Form)
def test_what_is_no_call_is_refused(body: bytes, form: Form) -> None:
    with pytest.raises(Invalid):
        parsed(body, form)


@given(st.binary(max_size=200), st.sampled_from(Form))
def test_no_bytes_break_it(body: bytes, form: Form) -> None:
    with suppress(Invalid):
        parsed(body, form)


leaves: st.SearchStrategy[object] = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(KEYS), values, max_size=4), st.sampled_from(Form))
def test_no_call_breaks_it_and_what_it_names_can_be_a_hopper(said: dict[str, object], form: Form) -> None:
    for hint in parsed(json.dumps(said).encode(), form).hints:
        assert hint.hopper is None or (hint.hopper.isalnum() and len(hint.hopper) <= 40)


@pytest.mark.parametrize("identity", [{"id": "7"}, {"id": 7}, {"order_id": "x-7"}, {"trade_id": 7}])
def test_the_same_message_is_known_again_by_its_identity_whatever_its_order(identity: dict[str, object]) -> None:
    data = {"coin": "BTC", "hopper_id": "1", **identity}
    first = parsed(call({"type": "trade_completed", "title": "x", "data": data})).hints[0]
    second = parsed(call({"data": data, "title": "x", "type": "trade_completed"})).hints[0]
    other = parsed(call({"type": "trade_completed", "title": "x", "data": {**data, "amount": "2"}})).hints[0]
    assert first.digest is not None
    assert first.digest == second.digest != other.digest


@pytest.mark.parametrize("identity", [{}, {"id": None}, {"id": ""}, {"id": True}, {"order_id": []}])
def test_a_message_without_an_identity_is_always_a_new_one(identity: dict[str, object]) -> None:
    data = {"coin": "BTC", "hopper_id": "1", **identity}
    assert parsed(call({"type": "trade_completed", "data": data})).hints[0].digest is None


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
