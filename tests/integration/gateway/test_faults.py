"""The gateway before an upstream of whose answers a fifth are faulty; `make faults` is the same with 100,000 calls."""

import pytest

from bench import faults
from cryptwire.config import environment

CALLS, USERS = (100_000, 60) if environment().get("CRYPTWIRE_FULL") == "1" else (600, 5)


@pytest.mark.slow
async def test_no_answer_is_wrong_no_action_is_sent_twice_and_no_call_is_stuck() -> None:
    report = await faults.run(CALLS, USERS)
    assert report.wrong == [], report.text()
    assert sum(report.faults.values()) > 0.15 * report.upstream
    assert report.reads["ok"] > 0.8 * sum(report.reads.values())
    assert report.actions["Unconfirmed"] > 0, report.text()
    assert report.actions["ok"] > report.actions.total() / 2, report.text()
