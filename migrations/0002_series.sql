-- What is recorded: candles, trades, flow candidates.

CREATE TABLE candles (
    hopper_id text NOT NULL,
    opened_at timestamptz NOT NULL,                   -- a multiple of 900 s since the epoch
    open      double precision NOT NULL,              -- in the hopper's base currency
    high      double precision NOT NULL,
    low       double precision NOT NULL,
    close     double precision NOT NULL,
    gap       real NOT NULL,                          -- seconds without fresh prices
    quality   smallint NOT NULL,                      -- 1 partial, 2 backfilled, 3 complete
    fence     bigint NOT NULL,
    -- Candles are written boundary by boundary, so one hopper's lie on as many pages as there are boundaries; a chart
    -- reads them from the index alone.
    PRIMARY KEY (hopper_id, opened_at) INCLUDE (open, high, low, close)
);

CREATE TABLE trades (
    hopper_id    text NOT NULL,
    trade_id     text NOT NULL,                       -- Cryptohopper's
    exchange     text NOT NULL,
    base         text NOT NULL,
    quote        text NOT NULL,
    side         smallint NOT NULL,                   -- 1 buy, 2 sell
    quantity     numeric NOT NULL,
    rate         numeric NOT NULL,
    total        numeric NOT NULL,                    -- in quote, without fee
    fee          numeric NOT NULL,
    fee_currency text NOT NULL,
    at           timestamptz NOT NULL,
    buy_id       text,
    trigger      text,
    result       numeric,                             -- percent, of a sell
    PRIMARY KEY (hopper_id, trade_id)
);
CREATE INDEX trades_at ON trades (hopper_id, at);

CREATE TABLE flow_candidates (
    hopper_id    text NOT NULL,
    at           timestamptz NOT NULL,
    asset        text NOT NULL,
    quantity     numeric NOT NULL,                    -- unexplained units, signed
    price        double precision NOT NULL,           -- in the base currency at that instant
    value_before double precision NOT NULL,
    fence        bigint NOT NULL,
    PRIMARY KEY (hopper_id, at, asset)
);

-- Where TimescaleDB is loaded, candles are a hypertable, compressed after a month and kept for ten years. The tables and
-- the answers are the same without it. Whether it is loaded shows in a setting that it alone brings and that every owner
-- may read (shared_preload_libraries takes a superuser). Its Apache edition neither compresses nor drops: plain tables.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
       AND current_setting('timescaledb.max_background_workers', true) IS NOT NULL THEN
        CREATE EXTENSION IF NOT EXISTS timescaledb;
        IF current_setting('timescaledb.license') = 'timescale' THEN
            PERFORM create_hypertable('candles', by_range('opened_at', INTERVAL '7 days'));
            ALTER TABLE candles SET (timescaledb.compress, timescaledb.compress_segmentby = 'hopper_id',
                                     timescaledb.compress_orderby = 'opened_at');
            PERFORM add_compression_policy('candles', INTERVAL '30 days');
            PERFORM add_retention_policy('candles', INTERVAL '10 years');
            RETURN;
        END IF;
    END IF;
    -- The index alone is enough only for pages that vacuum has seen; nothing is ever deleted, so inserts must call it.
    ALTER TABLE candles SET (autovacuum_vacuum_insert_scale_factor = 0.02);
END $$;
