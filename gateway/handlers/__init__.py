"""The calls of ``wire.v1.Gateway``: admit the caller, decode, ask, encode."""

from gateway.actions import Actions
from gateway.custody import Custody
from gateway.handlers.account import AccountCalls
from gateway.handlers.actions import ActionCalls
from gateway.handlers.admission import Context, Desk, caller_of, refuse
from gateway.handlers.reads import ReadCalls
from gateway.reads import Reads

__all__ = ["AccountCalls", "ActionCalls", "Context", "Desk", "Handlers", "ReadCalls", "caller_of", "refuse"]


class Handlers(AccountCalls, ReadCalls, ActionCalls):
    """Every call of the contract."""

    def __init__(self, desk: Desk, custody: Custody, reads: Reads, actions: Actions) -> None:
        self._desk = desk
        self._custody = custody
        self._reads = reads
        self._actions = actions
