-- What a hopper held at midnights, its days, its flows, and the versions of its history.

CREATE TABLE midnights (                              -- a hopper at the end of a day; its coins are in `balances`
    hopper_id  text NOT NULL REFERENCES hoppers ON DELETE CASCADE,
    at         timestamptz NOT NULL,
    taken_at   timestamptz,                           -- when balances and prices were those; NULL: made up afterwards
    positions  integer,                               -- open ones; NULL: not known, as the next three
    invested   numeric,                               -- worth of the positions, in the base currency
    unrealised numeric,                               -- that less what they cost
    reserved   numeric,                               -- worth of what the hopper may not sell
    PRIMARY KEY (hopper_id, at)
);

CREATE TABLE balances (
    hopper_id text NOT NULL,
    at        timestamptz NOT NULL,                   -- a midnight
    asset     text NOT NULL,
    quantity  numeric NOT NULL,
    price     numeric,                                -- in the base currency; NULL: could not be priced, counts nothing
    PRIMARY KEY (hopper_id, at, asset)
);

CREATE TABLE daily_statistics (                       -- of a date, the highest version not above the one asked for counts
    hopper_id       text NOT NULL REFERENCES hoppers ON DELETE CASCADE,
    zone            text NOT NULL,
    date            date NOT NULL,
    version         integer NOT NULL,                 -- of the hopper's history
    begins_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL,
    currency        text NOT NULL,                    -- the base currency, of all money here
    balance         numeric,                          -- sum of stored quantities x prices at the end
    opening         double precision,
    closing         double precision,
    closing_quality smallint NOT NULL,                -- of the candle that ended with the day; 0: there is none
    realised        numeric NOT NULL,
    unrealised      numeric,
    fees            numeric NOT NULL,
    other_fees      jsonb NOT NULL,                   -- fees that could not be converted, by coin
    results         integer NOT NULL,
    trades          integer NOT NULL,
    positions       integer,
    free            numeric,
    invested        numeric,
    reserved        numeric,
    flows           numeric NOT NULL,
    differences     jsonb NOT NULL,                   -- units of a coin that neither trades nor flows explain
    divisor         double precision NOT NULL,        -- index = closing / divisor; 0: nothing is left
    index_began_at  timestamptz,                      -- NULL: with the first candle
    index           double precision,
    gap             real NOT NULL,                    -- seconds without fresh prices
    is_made_up      boolean NOT NULL,
    computed_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (hopper_id, zone, date, version)
);
CREATE INDEX daily_statistics_doubtful ON daily_statistics (hopper_id, computed_at) WHERE closing_quality < 2;

CREATE TABLE statistics_progress (                    -- every day of this zone from begins_at to until_at is there
    hopper_id   text NOT NULL REFERENCES hoppers ON DELETE CASCADE,
    zone        text NOT NULL,
    version     integer NOT NULL,
    begins_at   timestamptz NOT NULL,
    until_at    timestamptz NOT NULL,
    ledger      jsonb NOT NULL,                       -- what was held at until_at, and what it cost
    began_at    timestamptz NOT NULL DEFAULT now(),
    computed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (hopper_id, zone)
);

CREATE TABLE flows (                                  -- versions are added, none is changed
    flow_id      uuid NOT NULL,
    version      integer NOT NULL CHECK (version > 0),
    hopper_id    text NOT NULL REFERENCES hoppers ON DELETE CASCADE,
    at           timestamptz NOT NULL,
    asset        text NOT NULL,
    quantity     numeric NOT NULL,                    -- signed units
    price        double precision NOT NULL,           -- in the base currency at that instant
    value_before double precision NOT NULL,
    kind         text NOT NULL,
    state        text NOT NULL CHECK (state IN ('open', 'confirmed', 'explained', 'rejected')),
    counterpart  uuid,                                -- the other side of a transfer
    decided_by   text NOT NULL CHECK (decided_by IN ('tracker', 'polls', 'user')),
    decided_at   timestamptz NOT NULL,
    PRIMARY KEY (flow_id, version)
);
CREATE INDEX flows_hopper ON flows (hopper_id, at);

CREATE TABLE hopper_histories (                       -- version 1 has no row
    hopper_id    text NOT NULL REFERENCES hoppers ON DELETE CASCADE,
    version      integer NOT NULL CHECK (version > 1),
    changed_from timestamptz NOT NULL,                -- what was before is as it was
    at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (hopper_id, version)
);

-- When a trade became known to us: days that ended before are computed anew.
ALTER TABLE trades ADD COLUMN stored_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX trades_stored ON trades (hopper_id, stored_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON midnights, balances, daily_statistics, statistics_progress
    TO cryptwire_processor;
GRANT SELECT, INSERT ON flows, hopper_histories TO cryptwire_processor, cryptwire_api;
GRANT SELECT ON flow_candidates TO cryptwire_processor;
GRANT SELECT ON daily_statistics, statistics_progress, midnights, balances TO cryptwire_api;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
       AND current_setting('timescaledb.license', true) = 'timescale' THEN
        PERFORM create_hypertable('balances', by_range('at', INTERVAL '30 days'));
        ALTER TABLE balances SET (timescaledb.compress, timescaledb.compress_segmentby = 'hopper_id',
                                  timescaledb.compress_orderby = 'at, asset');
        PERFORM add_compression_policy('balances', INTERVAL '120 days');
        PERFORM add_retention_policy('balances', INTERVAL '10 years');
    END IF;
END $$;
