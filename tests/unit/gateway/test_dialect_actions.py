"""What an action's answer means: done, surely not done, or not known."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cryptwire.errors import Exhausted, Forbidden, Invalid, NotFound, Unconfirmed
from gateway import dialect
from gateway.ports import TokenRefused

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def done(status: int, body: str) -> Any:
    return dialect.done(status, body.encode(), None, NOW)


def test_what_was_done_is_told_in_upstreams_words() -> None:
    assert dialect.said(done(200, '{"data":"Orders\\n cancelled"}')) == "Orders  cancelled"
    assert dialect.said(done(200, 'notice\n{"data":"ok","error":0}')) == "ok"
    assert dialect.said({"success": True}) == "success"
    assert len(dialect.said("x" * 1000)) == 200


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, '{"error":401}', TokenRefused),
        (200, '{"status":401,"message":"x"}', TokenRefused),
        (402, "{}", Forbidden),
        (403, '{"message":"scope"}', Forbidden),
        (403, "<html>blocked</html>", Forbidden),
        (404, "{}", NotFound),
        (400, "{}", Invalid),
        (405, '{"message":"Missing Authentication Token"}', Invalid),
        (408, "", Invalid),
        (413, "", Invalid),
        (422, "{}", Invalid),
        (429, "", Exhausted),
        (200, '{"status":429,"message":"Too many"}', Exhausted),
        (200, '{"error":{"code":404,"message":"x"}}', NotFound),
        (200, '{"error":1,"message":"x"}', Unconfirmed),
        (200, '{"data":"x","error":500}', Unconfirmed),
        (500, "{}", Unconfirmed),
        (502, "<html>", Unconfirmed),
        (504, "", Unconfirmed),
        (302, "", Unconfirmed),
        (200, "", Unconfirmed),
        (200, "<html>ok</html>", Unconfirmed),
        (200, '{"data":"Panic mo', Unconfirmed),
        (200, "{}", Unconfirmed),
        (200, '["ok"]', Unconfirmed),
    ],
)
def test_what_an_answer_leaves_open_is_never_taken_for_a_refusal(
    status: int, body: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as raised:
        done(status, body)
    assert type(raised.value) is error


@pytest.mark.parametrize("data", [None, 5, [], {}, {"success": False}])
def test_an_answer_without_sense_leaves_it_open(data: Any) -> None:
    with pytest.raises(Unconfirmed):
        dialect.said(data)
    with pytest.raises(Unconfirmed):
        dialect.panic_said(data)


def test_panic_has_begun_when_the_answer_names_it() -> None:
    assert dialect.panic_said("PANIC Mode enabled!") == "PANIC Mode enabled!"
    assert dialect.panic_said("x" * 300 + " panic mode") == "x" * 200
    for other in ("Hopper is disabled", ""):
        with pytest.raises(Invalid, match="did not start panic mode"):
            dialect.panic_said(other)


def test_the_answer_to_a_changed_configuration_goes_no_further() -> None:
    assert "hush" not in dialect.config_said({"config": {"api_key": "hush"}})
    assert dialect.config_said("saved") == "saved"
    with pytest.raises(Unconfirmed):
        dialect.config_said([])
    with pytest.raises(Unconfirmed):
        dialect.config_said({})


def test_sells_and_cancels_name_numbers() -> None:
    assert dialect.selling(["7", "12"], is_market=True) == {"position_id": [7, 12], "market_order": 1}
    assert dialect.cancelling(["7"]) == {"order_ids": [7]}


@pytest.mark.parametrize("ids", [[], ["x"], [""], ["-1"], ["1.5"], ["7", "07"], ["²"], ["9" * 30], ["1"] * 501])
def test_ids_that_cannot_be_are_refused(ids: list[str]) -> None:
    with pytest.raises(Invalid):
        dialect.selling(ids, is_market=False)
    with pytest.raises(Invalid):
        dialect.cancelling(ids)
