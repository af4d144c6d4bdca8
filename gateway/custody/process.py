"""The process that holds tokens gives none of its memory away."""

import ctypes
import resource
import sys

from cryptwire import log

_log = log.Log(__name__)
_PR_SET_DUMPABLE = 4  # linux/prctl.h


def harden() -> bool:
    """No core of this process is written, and no other process of its user may look into its memory.

    Whether all of that holds: only Linux has the second; elsewhere it is said and the process goes on.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not sys.platform.startswith("linux"):
        _log.warning("other processes of this user may look into the gateway's memory", system=sys.platform)
        return False
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        _log.warning("other processes of this user may look into the gateway's memory", errno=ctypes.get_errno())
        return False
    return True
