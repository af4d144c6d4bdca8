-- The past that the live chain has not seen: how far each hopper's is filled, and by whom.

CREATE TABLE backfills (
    hopper_id   text PRIMARY KEY REFERENCES hoppers ON DELETE CASCADE,
    since       timestamptz NOT NULL,                 -- nothing before is filled: chosen once, later where prices begin
    whole_until timestamptz NOT NULL,                 -- every candle opened in [since, whole_until) is there
    filled_at   timestamptz,                          -- when the past was first there; NULL: not yet
    began_at    timestamptz NOT NULL DEFAULT now(),   -- of the filling in hand, or of the last one; its candles:
    done        bigint NOT NULL DEFAULT 0,
    total       bigint NOT NULL DEFAULT 0,
    worker      text,
    alive_at    timestamptz NOT NULL DEFAULT '-infinity',  -- when its worker was last heard of
    again_at    timestamptz NOT NULL DEFAULT '-infinity',  -- not tried before
    said        text NOT NULL DEFAULT ''              -- what could not be filled or explained; empty: nothing
);

-- Few candles are partial, and those of the last days are looked for every quarter of an hour.
CREATE INDEX candles_partial ON candles (hopper_id, opened_at) WHERE quality = 1;

GRANT SELECT, INSERT, UPDATE ON backfills TO cryptwire_processor;
