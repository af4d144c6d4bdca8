"""What each figure is, in a sentence: unit, and source of its formula. The same for a chart, an export and a rule.

QuantStats, empyrical (empyrical-reloaded) and freqtrade are libraries that have the same formula; where nobody is named
it is plain arithmetic. Fractions: 0.05 is 5 %.
"""

from collections.abc import Mapping
from types import MappingProxyType

DEFINITIONS: Mapping[str, str] = MappingProxyType(
    {
        # returns
        "time-weighted-return": "What a unit of money that was there all the time has earned, deposits and withdrawals "
        "taken out: the returns of all local days linked, Π(1 + r) − 1; a fraction (true time-weighted return, GIPS).",
        "money-weighted-return": "The yearly rate at which your own deposits and withdrawals, when they happened, make "
        "today's value; a fraction a year, actual/365 (XIRR).",
        "money-weighted-return-of-period": "The rate of the period at which your own deposits and withdrawals, when "
        "they happened, make its last value; a fraction (XIRR over the period instead of a year).",
        "annual-growth": "The yearly growth that would make the same return, (Π(1 + r))^(365 / n) − 1 over n daily "
        "returns; a fraction a year, not told of fewer than 90 days (CAGR: QuantStats, empyrical).",
        "volatility": "How much daily returns vary: their sample standard deviation × √365; a fraction a year "
        "(QuantStats, empyrical).",
        "sharpe": "Mean daily return above the risk-free one by the sample standard deviation, × √365; a number, not "
        "told of fewer than 30 days (QuantStats, empyrical).",
        "sortino": "Mean daily return by the downside deviation √(Σ min(r, 0)² / n) over all days, × √365; a number, "
        "not told of fewer than 30 days (QuantStats, empyrical).",
        "calmar": "Yearly growth by the greatest drawdown without its sign; a number, not told of fewer than 90 days "
        "(QuantStats, empyrical).",
        "omega": "The sum of daily gains by the sum of daily losses; a number, not told of fewer than 30 days "
        "(QuantStats, empyrical, threshold 0).",
        "tail-ratio": "The 95th percentile of daily returns by the 5th, without signs; a number, not told of fewer "
        "than 100 days (empyrical).",
        "value-at-risk": "On one day of twenty the return was below this: the historical 5th percentile; a fraction of "
        "a day, not told of fewer than 100 days (empyrical).",
        "conditional-value-at-risk": "The mean of the worst twentieth of daily returns, historical; a fraction of a "
        "day, not told of fewer than 100 days (empyrical).",
        "winning-days": "Days that gained by days that gained or lost, days without change left out; a fraction "
        "(QuantStats).",
        "exposure": "The share of the value that was invested, weighted by time; a fraction (not the share of days "
        "with a return, as QuantStats means it).",
        # value
        "candle": "Value over a stretch of time: where it began, the highest and lowest it reached, where it ended; an "
        "amount, each converted at the rate of its moment.",
        "value": "What all of it is worth: the sum over coins of quantity times last price, coins without a price "
        "counting nothing; an amount.",
        "value-before": "What all of it was worth when the range, or its first known day, began; an amount.",
        "flows": "Money that came less money that went without a trade, converted when it moved; an amount.",
        "brought": "What hoppers were worth that began within the range, or of which the value was not known before, "
        "less what those had that ended; an amount.",
        "gain": "Value at the end less value at the beginning, less flows and what hoppers that began or ended brought "
        "and took; an amount.",
        "unrealised": "What open positions are worth at last prices less what they cost: today and at midnights that "
        "were seen as Cryptohopper told the cost, without fees; at those that were made up afterwards as the trades "
        "tell it, with the fees of buying. Of positions one by one the trades tell the cost where it is plain, with "
        "these fees, so that their sum may be less; an amount.",
        "free": "What is neither in positions nor reserved; an amount.",
        "today": "The time-weighted return since the last local midnight; a fraction.",
        "today-gain": "What the value has changed by since the last local midnight, flows taken out; an amount.",
        # drawdown
        "max-drawdown": "The deepest fall of the flow-adjusted index below its highest so far, the beginning included; "
        "a fraction below 0 (QuantStats, empyrical).",
        "current-drawdown": "How far the flow-adjusted index is below its highest so far; a fraction below 0, 0 at a "
        "peak.",
        "ulcer": "How deep and long drawdowns were: √(Σ drawdown² / (n − 1)) over n days; a number (QuantStats).",
        "longest-under-water": "The most local days in a row at whose end the index was below a peak, the running "
        "drawdown to today; days (QuantStats).",
        "current-under-water": "Local days since the last peak of the index; days, 0 at a peak.",
        "share-under-water": "Days at whose end the index was below its highest so far by all days; a fraction.",
        # beside a benchmark
        "beta": "How much of the benchmark's daily moves the portfolio shares: cov(r, b) / var(b); a number, not told "
        "of fewer than 30 common days (QuantStats, empyrical).",
        "alpha": "What is earned beyond beta times the benchmark: (1 + mean(r − β b))^365 − 1; a fraction a year, "
        "annualised by compounding (empyrical; QuantStats multiplies instead).",
        "excess-return": "The portfolio's time-weighted return less that of the other, over the days of which both are "
        "known; a fraction.",
        "benchmark-difference": "What the portfolio is worth less what the other would be, had the same money gone "
        "into it when it came; an amount.",
        "information-ratio": "Mean daily return above the benchmark's by the standard deviation of that difference, "
        "not annualised; a number (QuantStats, empyrical's excess Sharpe).",
        # results of trades
        "results": "Sells that closed something, parts of positions counted one by one; a count.",
        "unknown-cost": "Sells of which nobody knows what had been paid for what they sold; a count.",
        "winners": "Results that brought more than they cost, fees of both sides in; a count.",
        "losers": "Results that brought less than they cost, fees of both sides in; a count.",
        "break-even": "Results that brought what they cost, fees of both sides in; a count.",
        "net-result": "What results brought less what they cost, fees of both sides in; an amount, converted at the "
        "rates of each trade's time.",
        "win-rate": "Results that won by results that won or lost, those that broke even told apart; a fraction.",
        "profit-factor": "The sum of gains by the sum of losses without sign; a number, none without a losing trade.",
        "payoff": "The mean gain by the mean loss without sign; a number, none without a losing trade.",
        "expectancy": "The mean net of a result, those that broke even among them; an amount.",
        "expectancy-ratio": "(1 + payoff) × share of winners − 1: what results bring for each unit that is lost; a "
        "number (freqtrade).",
        "mean-gain": "The mean net of the results that won; an amount.",
        "mean-loss": "The mean net of the results that lost; an amount, below 0.",
        "longest-winning-streak": "The most results in a row, by the time at which they closed, that all won; a count.",
        "longest-losing-streak": "The most results in a row, by the time at which they closed, that all lost; a count.",
        "current-streak": "Results in a row to the last one that won (above 0) or lost (below 0); a count.",
        "mean-holding-time": "The mean time from buying a position to selling it, several buys and partial sells "
        "weighted by quantity; seconds.",
        "median-holding-time": "Half of the positions were held longer, half shorter, several buys and partial sells "
        "weighted by quantity; seconds.",
        "long-holding-time": "A tenth of the positions was held longer than this (90th percentile), several buys and "
        "partial sells weighted by quantity; seconds.",
        "median-holding-time-of-winners": "Half of what won was held longer, half shorter: of each position the parts "
        "that were sold at a gain, as one, weighted by quantity; seconds.",
        "long-holding-time-of-winners": "A tenth of what won was held longer than this (90th percentile), of each "
        "position the parts that were sold at a gain, as one, weighted by quantity; seconds.",
        "median-holding-time-of-losers": "Half of what lost was held longer, half shorter: of each position the parts "
        "that were sold at a loss, as one, weighted by quantity; seconds.",
        "long-holding-time-of-losers": "A tenth of what lost was held longer than this (90th percentile), of each "
        "position the parts that were sold at a loss, as one, weighted by quantity; seconds.",
        "fees": "Fees of all trades, those in other coins converted at the trade's time; an amount.",
        "fee-drag": "Fees of both sides of the results by the sum of what each brought before fees, without signs; a "
        "fraction.",
        "result-share": "What a result brought by what it was opened with: the cost, of a short the proceeds; a "
        "fraction.",
        "trades": "Buys and sells, each fill by itself; a count.",
        "trades-a-day": "Trades by the local days from that of the first of them to the end of the range; a number.",
        "traded-volume": "What trades were worth without fees, bought and sold together; an amount.",
        # coins and positions
        "coin-profit": "Of a coin its worth at the end less that at the start, less what trades, flows, income and "
        "conversions put into it (a trade at its own price, all else at the price then), fees that were paid in it put "
        "back; an amount. With the fees of trades, flows, income, conversions and the difference account it adds up "
        "to the change of value, to the last digit.",
        "profit-if-closed": "What closing a position now would bring less what it cost with the fees of buying: "
        "quantity × bid × (1 − fee) − cost, of a short what its sale brought − quantity × ask × (1 + fee), at the fee "
        "that the hopper's last trades had; an amount.",
        "ath-distance": "How far below all-time highs what is held is: Σ weight × (1 − price / high), cash at its high "
        "and what is not known adding nothing; a fraction of the whole value.",
        "ath-distance-of-coins": "The same as a mean of the coins whose highs are known, by their weights: so far "
        "prices are below their highs; a fraction.",
        "concentration": "How much hangs on few assets: Σ weight², 1 for a single one, cash among them; a number "
        "(Herfindahl–Hirschman index).",
        "rebalancing": "Of each coin its share of the value beside the one that was set: what would have to be bought "
        "or sold at the last prices, the fees of that at what the hopper's last trades paid; advice, nothing acts.",
        "effective-assets": "As many assets of equal weight would be as concentrated: 1 / Σ weight²; a number.",
        "data-health": "Good: live figures are at most a minute old, or the hopper is read as its plan has it; "
        "delayed: something is older than that; blind: nothing was heard for five minutes, or nothing can be read.",
        "difference-account": "Units of coins that neither trades nor flows explain, at the price of the end (else the "
        "mean price of their trades, else that of the start), and what is left over of coins that have no price where "
        "they are held; an amount.",
    }
)
"""By name, lower case with hyphens."""
