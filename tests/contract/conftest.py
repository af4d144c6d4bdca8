"""Where a contract is tried: against the twin in memory, and against the real thing."""

import pytest


@pytest.fixture(params=["twin", "real"])
def place(request: pytest.FixtureRequest) -> str:
    """``twin`` or ``real``."""
    return str(request.param)
