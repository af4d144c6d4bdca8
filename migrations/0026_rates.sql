-- The past of rates, by whom each was told, and what people want their hoppers to hold.

ALTER TABLE rates ADD COLUMN source smallint NOT NULL DEFAULT 1;  -- 1 published, 2 and 3 traded, 4 of a day; 0 is market_caps

CREATE TABLE rate_days (                              -- days whose last rates were read afterwards
    date    date PRIMARY KEY,                         -- UTC
    read_at timestamptz NOT NULL DEFAULT now(),
    rates   integer NOT NULL                          -- how many currencies were told; 0: the source has none of that day
);

CREATE TABLE rate_pasts (                             -- coins whose hours are read from exchanges
    currency text PRIMARY KEY,
    since    timestamptz NOT NULL,                    -- every hour of [since, until) is known or not to be had
    until    timestamptz NOT NULL,
    market   text NOT NULL,                           -- where it was read last; '': there is none
    read_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE targets (                                -- what a hopper is to hold; advice follows, nothing acts
    user_id   uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    hopper_id text NOT NULL REFERENCES hoppers ON DELETE CASCADE,
    asset     text NOT NULL,
    weight    numeric NOT NULL CHECK (weight > 0 AND weight <= 1),  -- share of the whole value
    set_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, hopper_id, asset)
);
CREATE INDEX targets_hopper ON targets (hopper_id);

GRANT SELECT, INSERT, UPDATE ON rate_days, rate_pasts TO cryptwire_processor;
GRANT SELECT, INSERT, DELETE ON targets TO cryptwire_api;
