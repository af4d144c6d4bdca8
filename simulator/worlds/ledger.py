"""Who owns what, by double entry: whatever comes to one account leaves another."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal, NamedTuple

ZERO = Decimal(0)

Part = Literal["free", "orders", "reserved", "all"]


class Account(NamedTuple):
    """A hopper's coins: free ones (positions included), those held by open orders, reserved ones. Or all of others."""

    owner: str
    part: Part


class Posting(NamedTuple):
    """So much of a coin comes to an account, or leaves it when ``amount`` is negative."""

    account: Account
    coin: str
    amount: Decimal


class Overdrawn(Exception):
    """An event that would leave a hopper's account below nothing; it was not booked."""


class Unbalanced(Exception):
    """An event whose postings do not sum to zero; it was not booked."""


OUTSIDE = Account("outside", "all")  # where deposits come from


def maker_of(exchange: str) -> Account:
    """Whom hoppers trade with."""
    return Account(f"maker of {exchange}", "all")


def fees_of(exchange: str) -> Account:
    """What an exchange earned."""
    return Account(f"fees of {exchange}", "all")


class Ledger:
    """Balances of every account. An event is booked whole or not at all; over all accounts each coin sums to zero."""

    def __init__(self) -> None:
        self._held: dict[Account, dict[str, Decimal]] = {}

    def book(self, postings: Iterable[Posting]) -> None:
        """One event. Raises Unbalanced or Overdrawn."""
        sums: dict[str, Decimal] = {}
        changed: dict[tuple[Account, str], Decimal] = {}
        for account, coin, amount in postings:
            sums[coin] = sums.get(coin, ZERO) + amount
            place = account, coin
            before = changed.get(place)
            if before is None:
                before = self._held.get(account, {}).get(coin, ZERO)
            changed[place] = before + amount
        if any(sums.values()):
            raise Unbalanced(f"{sums}")
        for (account, coin), amount in changed.items():
            if amount < 0 and account.part != "all":
                raise Overdrawn(f"{account.owner} has not enough {coin} ({account.part})")
        for (account, coin), amount in changed.items():
            if amount:
                self._held.setdefault(account, {})[coin] = amount
            elif account in self._held:
                self._held[account].pop(coin, None)

    def of(self, account: Account) -> Mapping[str, Decimal]:
        """What an account holds, by coin; nothing is left out but zeros."""
        return self._held.get(account, {})

    def accounts(self) -> Mapping[Account, Mapping[str, Decimal]]:
        return self._held

    def sums(self) -> dict[str, Decimal]:
        """Each coin summed over all accounts: zeros."""
        found: dict[str, Decimal] = {}
        for held in self._held.values():
            for coin, amount in held.items():
                found[coin] = found.get(coin, ZERO) + amount
        return found
