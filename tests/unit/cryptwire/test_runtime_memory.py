"""Memory that is kept: what a process frees it has again without the kernel giving it page by page."""

import platform
import resource
import subprocess
import sys

_SIZE = 64 * 2**20
_CHILD = """
import resource, sys
from cryptwire.runtime import keep_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    pieces = [b"1" * 2**22 for _ in range(10)]
    del pieces
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

is_kept = sys.argv[1] == "kept" and keep_memory({size})
print(int(is_kept), *(faults() for _ in range(3)))
"""


def test_pages_that_are_kept_are_not_had_anew() -> None:
    pages = 10 * 2**22 // resource.getpagesize()
    told = {}
    for how in ("kept", "given back"):
        run = [sys.executable, "-c", _CHILD.format(size=_SIZE), how]
        said = subprocess.run(run, capture_output=True, text=True, check=True, timeout=60).stdout
        told[how] = list(map(int, said.split()))
    assert bool(told["kept"][0]) == (platform.libc_ver()[0] == "glibc")
    if told["kept"][0]:
        assert max(told["kept"][1:]) <= pages // 20
        assert min(told["given back"][1:]) > pages // 2, "else there is nothing to keep"
