"""Memory that is kept: what a process frees it has again without the kernel giving it page by page."""

import platform
import resource
import subprocess
import sys

import pytest

_SIZE = 64 * 2**20
_CHILD = """
import resource, sys
from cryptwire.runtime import keep_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    pieces = [b"1" * 2**22 for _ in range(10)]
    del pieces
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "kept":
    keep_memory({size})
print(*(faults() for _ in range(3)))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what keeps memory is glibc's")
def test_pages_that_are_kept_are_not_had_anew() -> None:
    pages = 10 * 2**22 // resource.getpagesize()
    for how, most in (("kept", pages // 20), ("given back", 3 * pages)):
        run = [sys.executable, "-c", _CHILD.format(size=_SIZE), how]
        told = subprocess.run(run, capture_output=True, text=True, check=True, timeout=60).stdout
        counts = list(map(int, told.split()))
        assert max(counts) <= most
        if how == "given back":
            assert min(counts) > pages // 2, "else there is nothing to keep"
