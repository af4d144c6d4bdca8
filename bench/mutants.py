"""Mutation testing of what the controller decides: `make mutants`.

Each function of controller/logic is changed in one place after the other, and the unit tests that reach it must
notice. Runs in a copy below .cryptwire, so that the checkout stays as it is; a run that is broken off goes on where it
was as long as neither sources nor tests have changed. At most two hours, two at a time.
"""

import filecmp
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
COPY = ROOT / ".cryptwire" / "mutants"
LEAST = 0.90
_COPIED = ("controller", "cryptwire", "generated", "tests/unit/controller")
_FILES = ("pyproject.toml", "tests/__init__.py", "tests/rule_sets.py", "tests/unit/__init__.py")
_AT_ONCE = 2
_LONGEST = 2 * 3600
_SURVIVED, _UNTESTED = 0, 33  # mutmut's words for them: the exit codes of pytest


def main() -> int:
    """Exit code 0: at least nine of ten were noticed."""
    _copy()
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(_AT_ONCE)]
    try:
        done = subprocess.run(command, cwd=COPY, timeout=_LONGEST, check=False)
    except subprocess.TimeoutExpired:
        print("failed: two hours are over; start again, and it goes on where it was", file=sys.stderr)
        return 1
    if done.returncode:
        return done.returncode
    return 0 if _told() >= LEAST else 1


def _copy() -> None:
    """What the tests need, in a folder of its own; with another source or test everything is tried anew."""
    if COPY.exists() and not all(_is_same(ROOT / each, COPY / each) for each in (*_COPIED, *_FILES)):
        shutil.rmtree(COPY)
    for name in _COPIED:
        shutil.copytree(ROOT / name, COPY / name, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    for name in _FILES:
        shutil.copy(ROOT / name, COPY / name)


def _is_same(one: Path, two: Path) -> bool:
    if one.is_file():
        return two.is_file() and filecmp.cmp(one, two, shallow=False)
    names = {path.relative_to(one) for path in one.rglob("*.*") if "__pycache__" not in path.parts}
    return names == {path.relative_to(two) for path in two.rglob("*.*") if "__pycache__" not in path.parts} and all(
        _is_same(one / name, two / name) for name in names
    )


def _results() -> Iterator[tuple[str, str, int | None]]:
    """File, mutant, and the exit code of its tests."""
    for path in sorted((COPY / "mutants").rglob("*.meta")):
        codes = json.loads(path.read_text())["exit_code_by_key"]
        for name, code in codes.items():
            yield path.relative_to(COPY / "mutants").name.removesuffix(".meta"), name, code


def _told() -> float:
    """Prints each file's rate and who survived; the rate of all."""
    found, noticed, survivors = Counter[str](), Counter[str](), list[str]()
    for file, name, code in _results():
        found[file] += 1
        if code in (_SURVIVED, _UNTESTED, None):
            survivors.append(name)
        else:
            noticed[file] += 1
    for file in sorted(found):
        print(f"{file:24} {noticed[file]:5} of {found[file]:5}  {noticed[file] / found[file]:.1%}")
    print(*survivors, sep="\n")
    rate = noticed.total() / found.total()
    print(f"{noticed.total()} of {found.total()} mutants noticed: {rate:.1%}; `mutmut show NAME` in {COPY} shows one")
    return rate


if __name__ == "__main__":
    sys.exit(main())
