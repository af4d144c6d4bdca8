"""What hoppers would have to buy and sell to match targets. Advice: nothing acts by it."""

from datetime import datetime
from decimal import Decimal
from typing import Self

import strawberry

from api.handlers.analytics.rebalancing import HopperRebalancing, rebalancings
from api.handlers.analytics.scope import MOST_HOPPERS
from api.schema.analytics.parts import Part, analytic
from api.schema.rules import covered
from cryptwire.domain import rebalancing
from cryptwire.domain.definitions import DEFINITIONS
from cryptwire.errors import Invalid

_MOST_MOVES = 50

RebalancingAdvice = strawberry.enum(
    rebalancing.Advice,
    name="RebalancingAdvice",
    description="Buy, sell; keep: it is at its target, too near for a trade, or the base currency; leave: it has no"
    " target, or no price.",
)


@covered("view", "targets")
@strawberry.type(description="One asset of a hopper beside its target; money in the currency of the choice.")
class RebalancingMove:
    asset: str = strawberry.field(description="Currency or coin, upper case.")
    advice: RebalancingAdvice = strawberry.field(description="What would bring it to its target.")  # type: ignore[valid-type]
    weight: float | None = strawberry.field(description="Its share of all that has a price; null: it has none.")
    target: float | None = strawberry.field(description="The share that was set; null: none was.")
    difference: float | None = strawberry.field(description="Target less weight.")
    amount: Decimal | None = strawberry.field(description="What would be bought, below 0 sold, before fees.")
    quantity: Decimal | None = strawberry.field(description="The same in units, at the last price.")
    fee: Decimal | None = strawberry.field(
        description="What that trade would cost, about; null: no trade, or not known."
    )
    note: str | None = strawberry.field(description="What to know about it.")

    @classmethod
    def of(cls, move: rebalancing.Move) -> Self:
        is_both = move.weight is not None and move.target is not None
        return cls(
            asset=move.asset,
            advice=move.advice,
            weight=None if move.weight is None else float(move.weight),
            target=None if move.target is None else float(move.target),
            difference=float((move.target or 0) - (move.weight or 0)) if is_both else None,
            amount=move.amount,
            quantity=move.quantity,
            fee=move.fee,
            note=move.note,
        )


@covered("view", "targets")
@strawberry.type(description="A hopper beside its targets; money in the currency of the choice.")
class HopperRebalance:
    hopper_id: strawberry.ID = strawberry.field(description="Cryptohopper's id of the hopper.")
    at: datetime = strawberry.field(description="When it held that, and at prices of when.")
    is_live: bool = strawberry.field(
        description="True when it is tracked; false: as of the last midnight that is known."
    )
    set_at: datetime = strawberry.field(description="When the targets were set.")
    base_currency: str = strawberry.field(description="What coins would be bought with and sold for.")
    is_whole: bool = strawberry.field(
        description="True when targets add up to 1: coins without one are to be sold. Else these are left alone."
    )
    value: Decimal | None = strawberry.field(description="What all is worth that has a price.")
    moves: list[RebalancingMove] = strawberry.field(description=f"The largest amounts first, {_MOST_MOVES} at most.")
    assets: int = strawberry.field(description="How many assets it holds or has targets for.")
    trades: int = strawberry.field(description="How many trades are advised.")
    bought: Decimal | None = strawberry.field(description="What would be bought altogether.")
    sold: Decimal | None = strawberry.field(description="What would be sold altogether.")
    fees: Decimal | None = strawberry.field(description="What that would cost, about; null: not known.")
    fee_rate: float | None = strawberry.field(
        description="The fee as a fraction: what the hopper's last trades paid; null: none is known."
    )
    base_after: Decimal | None = strawberry.field(description="What would be left of the base currency.")
    is_short_of_base: bool = strawberry.field(
        description="True when there is not enough of it: something without a target would have to be sold first."
    )

    @classmethod
    def of(cls, one: HopperRebalancing) -> Self:
        found = one.found
        return cls(
            hopper_id=strawberry.ID(one.held.hopper.id),
            at=one.held.at,
            is_live=one.held.is_live,
            set_at=one.targets.set_at,
            base_currency=one.held.base,
            is_whole=found.is_whole,
            value=found.value,
            moves=[RebalancingMove.of(move) for move in found.moves[:_MOST_MOVES]],
            assets=len(found.moves),
            trades=found.trades,
            bought=found.bought,
            sold=found.sold,
            fees=found.fees,
            fee_rate=None if one.fee is None else float(one.fee.rate),
            base_after=found.base_after,
            is_short_of_base=found.base_after < 0,
        )


@covered("view", "targets")
@strawberry.type(description="Hoppers beside their targets, whatever the range.")
class Rebalance:
    currency: str = strawberry.field(description="The currency of the choice.")
    definition: str = strawberry.field(description="What this is.")
    least: Decimal | None = strawberry.field(description="Amounts below this are not traded.")
    hoppers: list[HopperRebalance] = strawberry.field(description="Those that have targets, the first of them.")
    has_more: bool = strawberry.field(description="True when more have some.")
    without_targets: list[strawberry.ID] = strawberry.field(description="Those that have none.")
    left_out: list[strawberry.ID] = strawberry.field(
        description="Those that have some, and of whose balance nothing is known, or nothing of the last thirty days."
    )
    notes: list[str] = strawberry.field(description="What is to be known about it.")


@strawberry.type
class RebalancingFigures(Part):
    @analytic(
        "view",
        "targets",
        "What hoppers would have to buy and sell to match their targets, as newly as balances are known, whatever the"
        " range; of the first hoppers that have targets, 100 at most. Amounts below `least` (in the currency; ten US"
        " dollars unless said; INVALID while amounts are masked) are no trades. Nothing acts by it.",
    )
    async def rebalancing(self, least: Decimal | None = None, first: int = 10) -> Rebalance:
        if not 1 <= first <= MOST_HOPPERS:
            raise Invalid(f"first is 1 to {MOST_HOPPERS}, not {first}")
        found = await rebalancings(self.reading, least)
        return Rebalance(
            currency=self.scope.currency,
            definition=DEFINITIONS["rebalancing"],
            least=found.least,
            hoppers=[HopperRebalance.of(one) for one in found.hoppers[:first]],
            has_more=len(found.hoppers) > first,
            without_targets=[strawberry.ID(id) for id in found.without_targets],
            left_out=[strawberry.ID(id) for id in found.left_out],
            notes=list(found.notes),
        )
