"""A provider's events are believed when they are signed, fresh and make sense."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from cryptwire.codec.billing import event_from_wire, event_to_wire, must_be_signed, signature
from cryptwire.domain.hopper import UserId
from cryptwire.domain.plan import BillingEvent, BillingKind
from cryptwire.errors import Invalid, Unauthenticated

T = datetime(2026, 3, 1, tzinfo=UTC)
SECRET, BODY = "s" * 32, b'{"a": 1}'
USER = UserId("00000000-0000-4000-8000-000000000001")
EVENT = BillingEvent("test", "e1", USER, "c1", BillingKind.PAID, "pro", T, T + timedelta(days=30))


def test_an_event_comes_back_as_it_was_sent() -> None:
    assert event_from_wire(event_to_wire(EVENT), "test", T) == EVENT
    ended = BillingEvent("test", "e2", USER, "c1", BillingKind.ENDED, "pro", T)
    assert event_from_wire(event_to_wire(ended), "test", T) == ended


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_what_was_signed_within_five_minutes_is_believed(seconds: int) -> None:
    must_be_signed(BODY, signature(BODY, SECRET, T), SECRET, T + timedelta(seconds=seconds))


def test_one_right_signature_of_several_is_enough() -> None:
    stamp, _, right = signature(BODY, SECRET, T).partition(",")
    must_be_signed(BODY, f"{stamp},v1=00, {right}", SECRET, T)


RIGHT = signature(BODY, SECRET, T)


@pytest.mark.parametrize(
    ("header", "body", "later"),
    [
        ("", BODY, 0),
        (RIGHT, BODY + b" ", 0),
        (RIGHT, BODY, 301),
        (RIGHT, BODY, -301),
        (signature(BODY, "t" * 32, T), BODY, 0),
        (RIGHT.replace("t=", "t=1"), BODY, 0),
        (RIGHT.partition(",")[2], BODY, 0),
        (RIGHT.partition(",")[0], BODY, 0),
        (RIGHT.replace("v1=", "v0="), BODY, 0),
        (RIGHT[:-1], BODY, 0),
        ("t=٣,v1=ä", BODY, 0),
        ("t=9" * 1000, BODY, 0),
        (f"t={T.timestamp():.0f}," + "v1=00," * 5 + RIGHT.partition(",")[2], BODY, 0),
    ],
)
def test_what_is_not_signed_or_stale_is_not_believed(header: str, body: bytes, later: int) -> None:
    with pytest.raises(Unauthenticated):
        must_be_signed(body, header, SECRET, T + timedelta(seconds=later))


GOOD = json.loads(event_to_wire(EVENT))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 50_000,
        b"\xff",
        *(
            json.dumps(fields).encode()
            for fields in (
                {name: value for name, value in GOOD.items() if name != "user"},
                GOOD | {"more": "x"},
                GOOD | {"at": 1},
                GOOD | {"at": "2026-03-01T00:00:00"},
                GOOD | {"at": "2026-03-02T00:00:00+00:00"},
                GOOD | {"at": "yesterday"},
                GOOD | {"until": "9999-12-31T23:59:59-12:00"},
                GOOD | {"user": "1"},
                GOOD | {"user": None},
                GOOD | {"kind": "gift"},
                GOOD | {"kind": "ended"},
                GOOD | {"plan": "admin"},
                GOOD | {"id": "\x00"},
            )
        ),
    ],
)
def test_what_makes_no_sense_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid):
        event_from_wire(body, "test", T)
