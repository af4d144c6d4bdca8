-- What the world's money and coins are worth: exchange rates, market caps, all-time highs, and how their sources do.

CREATE TABLE rates (
    currency text NOT NULL,                           -- ISO 4217, or a coin's symbol
    at       timestamptz NOT NULL,                    -- when it was published
    per_usd  numeric NOT NULL CHECK (per_usd > 0),    -- units for one US dollar
    PRIMARY KEY (currency, at)
);

CREATE TABLE coins (                                  -- as last told; those that fall out of the list keep their last
    coin_id     bigint PRIMARY KEY,                   -- CoinMarketCap's: symbols are not unique
    symbol      text NOT NULL,
    name        text NOT NULL,
    slug        text NOT NULL,
    rank        integer NOT NULL,
    price       numeric NOT NULL,                     -- US dollars
    market_cap  numeric NOT NULL,                     -- US dollars
    supply      numeric,                              -- coins in circulation
    at          timestamptz NOT NULL,                 -- when this was published
    high        numeric NOT NULL,                     -- the highest price ever, US dollars
    high_at     timestamptz NOT NULL,
    high_read_at timestamptz                          -- when the source told it; NULL: the highest that was seen here
);
CREATE INDEX coins_symbol ON coins (symbol, rank);

CREATE TABLE market_caps (
    coin_id    bigint NOT NULL,
    at         timestamptz NOT NULL,
    rank       integer NOT NULL,
    price      numeric NOT NULL,
    market_cap numeric NOT NULL,
    PRIMARY KEY (coin_id, at)
);
CREATE INDEX market_caps_at ON market_caps (at);

CREATE TABLE sources (                                -- who is asked, and what is to be remembered between two questions
    source     text PRIMARY KEY,
    asked_at   timestamptz,
    read_at    timestamptz,                           -- when values were last got, or confirmed as unchanged
    failures   integer NOT NULL DEFAULT 0,            -- in a row
    said       text NOT NULL DEFAULT '',              -- the last failure
    not_before timestamptz,                           -- when it may be asked again
    etag       text,
    modified   text
);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
       AND current_setting('timescaledb.license', true) = 'timescale' THEN
        PERFORM create_hypertable('rates', by_range('at', INTERVAL '30 days'));
        PERFORM create_hypertable('market_caps', by_range('at', INTERVAL '7 days'), create_default_indexes => false);
        ALTER TABLE rates SET (timescaledb.compress, timescaledb.compress_segmentby = 'currency',
                               timescaledb.compress_orderby = 'at');
        ALTER TABLE market_caps SET (timescaledb.compress, timescaledb.compress_segmentby = 'coin_id',
                                     timescaledb.compress_orderby = 'at');
        PERFORM add_compression_policy('rates', INTERVAL '60 days');
        PERFORM add_compression_policy('market_caps', INTERVAL '14 days');
    END IF;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON rates, coins, market_caps, sources TO cryptwire_processor;
GRANT SELECT ON rates, coins, market_caps, sources TO cryptwire_api;
