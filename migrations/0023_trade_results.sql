-- What each trade cost and what it closed, kept current by the processor; and the strategy that made a trade.

ALTER TABLE trades ADD COLUMN strategy text;          -- its name; NULL: none, or not told when the trade was read

CREATE TABLE trade_results (                          -- computed from `trades` alone: one row for each
    hopper_id    text NOT NULL REFERENCES hoppers ON DELETE CASCADE,
    trade_id     text NOT NULL,
    at           timestamptz NOT NULL,
    exchange     text NOT NULL,
    base         text NOT NULL,
    quote        text NOT NULL,
    side         smallint NOT NULL,                   -- 1 buy, 2 sell
    quantity     numeric NOT NULL,
    price        numeric NOT NULL,                    -- the trade's rate, in quote
    total        numeric NOT NULL,                    -- in quote, without fee
    fee          numeric,                             -- in quote at the trade's time; NULL: nobody could convert it
    fee_units    numeric NOT NULL,                    -- as told
    fee_currency text NOT NULL,
    currency     text NOT NULL,                       -- the hopper's base currency at that time
    rate         numeric,                             -- units of currency for one of quote at that time; NULL: not known
    trigger      text,                                -- of this trade, as the next
    strategy     text,
    closed       numeric,                             -- of base; NULL, as all that follow: it closed nothing
    proceeds     numeric,                             -- in quote, the fee taken off
    cost         numeric,                             -- in quote, with the buys' fees; NULL: not known what was sold
    fees         numeric,                             -- of both sides, in quote, as far as known
    net          numeric,                             -- proceeds - cost
    opened_at    timestamptz,                         -- mean of the buys' times, by quantity
    is_short     boolean,
    buy_trigger  text,                                -- of what it closed; 'several': of different ones; NULL: unknown
    buy_strategy text,
    PRIMARY KEY (hopper_id, trade_id)
);
CREATE INDEX trade_results_at ON trade_results (hopper_id, at, trade_id);
CREATE INDEX trade_results_closed ON trade_results (hopper_id, at, trade_id) WHERE closed IS NOT NULL;

CREATE TABLE result_progress (                        -- every trade until (until_at, until_id) has its row
    hopper_id   text PRIMARY KEY REFERENCES hoppers ON DELETE CASCADE,
    until_at    timestamptz,                          -- NULL: there was no trade
    until_id    text,
    ledger      jsonb NOT NULL,                       -- what was held then, and what it cost
    bases       integer NOT NULL DEFAULT 0,           -- how many changes of the base currency were counted in
    again_at    timestamptz,                          -- prices that nobody knew are asked for again; NULL: none lacks
    tries       integer NOT NULL DEFAULT 0,           -- how often they were asked for
    computed_at timestamptz NOT NULL,
    said        text NOT NULL DEFAULT ''              -- what is not known; empty: nothing
);

-- A trade that is read again may tell the strategy that was not kept before.
GRANT UPDATE (strategy, stored_at) ON trades TO cryptwire_webhook, cryptwire_processor;
GRANT SELECT, INSERT, UPDATE, DELETE ON trade_results, result_progress TO cryptwire_processor;
GRANT SELECT ON trade_results, result_progress TO cryptwire_api;
