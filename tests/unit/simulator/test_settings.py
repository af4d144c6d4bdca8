"""Settings come from the environment and are refused when they make no sense."""

from pathlib import Path
from typing import Any

import pytest

from simulator.settings import Settings


def test_what_is_not_given_keeps_its_default() -> None:
    assert Settings.of({"CRYPTWIRE_PORT": "1"}) == Settings()


def test_each_value_is_read_as_what_it_is() -> None:
    read = Settings.of(
        {
            "CRYPTWIRE_SIMULATOR_PORT": "9",
            "CRYPTWIRE_SIMULATOR_FOLDER": "some/where",
            "CRYPTWIRE_SIMULATOR_TICK_SECONDS": "0.1",
            "CRYPTWIRE_SIMULATOR_REDIRECT_URIS": "http://a/, http://b/",
        }
    )
    assert (read.port, read.folder, read.tick_milliseconds) == (9, Path("some/where"), 100)
    assert read.redirect_uris == ("http://a/", "http://b/")


@pytest.mark.parametrize(
    "given", [{"tick_seconds": 0.7}, {"tick_seconds": 0.0001}, {"decision_seconds": 7}, {"history_days": -1}]
)
def test_nonsense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must"):
        Settings(**given)


def test_a_value_that_is_no_number_names_its_variable() -> None:
    with pytest.raises(ValueError, match="CRYPTWIRE_SIMULATOR_PORT"):
        Settings.of({"CRYPTWIRE_SIMULATOR_PORT": "eighty"})
