"""Every requirement of docs/rules.md is found in a test by its number, where the table says."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHORT = {"C/": "controller/logic/", "T/": "tests/unit/controller/", "I/": "tests/integration/"}


def rows() -> dict[int, tuple[list[str], list[str]]]:
    """By number: the files that are named, and those of tests."""
    section = (ROOT / "docs" / "rules.md").read_text().partition("\n## Requirements\n")[2]
    found = {}
    for number, _, where, test, _ in re.findall(r"^\| R(\d+) \|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|$", section, re.M):
        found[int(number)] = (re.findall(r"`([^`]+/[^`]+)`", where), re.findall(r"`([^`]+)`", test))
    return found


def file(name: str) -> Path:
    for short, long in SHORT.items():
        if name.startswith(short):
            return ROOT / (long + name.removeprefix(short))
    return ROOT / name


def test_every_requirement_has_a_row_and_each_row_a_test_of_its_number() -> None:
    assert list(rows()) == list(range(1, 29))
    for number, (where, tests) in rows().items():
        assert tests
        for name in (*where, *tests):
            assert file(name).is_file(), (number, name)
        for name in tests:
            assert re.search(rf"def test_\w*_?[rR]{number}_", file(name).read_text()), (number, name)
