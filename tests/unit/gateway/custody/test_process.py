"""A process that holds tokens leaves no core."""

import subprocess
import sys

import pytest

_ASK = """
import ctypes, resource
from gateway.custody.process import harden
assert harden()
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can be told so")
def test_after_it_was_hardened_no_core_is_written_and_nobody_looks_in() -> None:
    said = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["(0,", "0)", "0"]
