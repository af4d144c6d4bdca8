-- Candles of exchange pairs, for charts: asked for once, kept for everybody. None that has not closed is here.

CREATE TABLE pair_series (                            -- candles of one length of one pair
    series_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exchange  text NOT NULL,
    base      text NOT NULL,
    quote     text NOT NULL,
    grain     integer NOT NULL CHECK (grain > 0),     -- seconds
    begins_at timestamptz,                            -- nothing is before; NULL: nobody has looked
    UNIQUE (exchange, base, quote, grain)
);

CREATE TABLE pair_candles (
    series_id integer NOT NULL,
    opened_at timestamptz NOT NULL,                   -- a multiple of the grain since the epoch
    open      double precision NOT NULL,              -- prices in the pair's quote
    high      double precision NOT NULL,
    low       double precision NOT NULL,
    close     double precision NOT NULL,
    volume    double precision NOT NULL,              -- in its base
    PRIMARY KEY (series_id, opened_at)
);

CREATE TABLE pair_blocks (                            -- what was asked for: of [begins_at, known_until) all is here
    series_id   integer NOT NULL REFERENCES pair_series ON DELETE CASCADE,
    begins_at   timestamptz NOT NULL,
    known_until timestamptz NOT NULL,
    PRIMARY KEY (series_id, begins_at)
);

GRANT SELECT, INSERT ON pair_series, pair_candles, pair_blocks TO cryptwire_datafeed;
GRANT UPDATE (begins_at) ON pair_series TO cryptwire_datafeed;
GRANT UPDATE (known_until) ON pair_blocks TO cryptwire_datafeed;

-- A chart marks what the user's open positions cost; all of his hoppers together are told in his currency.
GRANT SELECT ON positions, hopper_reads, hopper_events, rates, market_caps, coins TO cryptwire_datafeed;

-- Charts reach back ten years; what is older is dropped half a year later. Charts of long ago fill chunks that are
-- compressed already, so chunks are long.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
       AND current_setting('timescaledb.license', true) = 'timescale' THEN
        PERFORM create_hypertable('pair_candles', by_range('opened_at', INTERVAL '180 days'),
                                  create_default_indexes => false);
        ALTER TABLE pair_candles SET (timescaledb.compress, timescaledb.compress_segmentby = 'series_id',
                                      timescaledb.compress_orderby = 'opened_at');
        PERFORM add_compression_policy('pair_candles', INTERVAL '200 days');
        PERFORM add_retention_policy('pair_candles', INTERVAL '126 months');
    END IF;
END $$;
