-- Linking from the app, the import of what a linked account holds, and hoppers that change later.

ALTER TABLE hoppers
    ADD COLUMN began_at    timestamptz,               -- when it was created at Cryptohopper; NULL: not told
    ADD COLUMN deleted_at  timestamptz,               -- it was not there any more; its history stays
    ADD COLUMN unlinked_at timestamptz;               -- its owner unlinked the account; nothing of it can be read
-- Only hoppers with neither are read, tracked and acted for.

CREATE TABLE link_states (                            -- consent that a session has asked for
    state_hash bytea PRIMARY KEY,                     -- SHA-256 of the state; the state itself is not kept
    session    bytea NOT NULL,                        -- it comes back to this session or to none
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);
CREATE INDEX link_states_user ON link_states (user_id);
CREATE INDEX link_states_expiry ON link_states (expires_at);

CREATE TABLE imports (                                -- the truth; what lies in Redis only says: look here
    user_id          uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    number           bigint NOT NULL DEFAULT 1,       -- which import of this user's it is
    state            text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed', 'stopped')),
    stage            text NOT NULL DEFAULT 'hoppers'
                     CHECK (stage IN ('hoppers', 'configuration', 'positions', 'trades', 'back-fill')),
    only_hoppers     text[],                          -- NULL: all of them
    hopper_id        text,                            -- in hand
    done             bigint NOT NULL DEFAULT 0,       -- of the stage: hoppers, trades or candles
    total            bigint,                          -- NULL: not known
    asked_at         timestamptz NOT NULL DEFAULT now(),
    began_at         timestamptz,
    estimated_end_at timestamptz,
    finished_at      timestamptz,
    error            text,                            -- why none of it can go on, and what to do
    worker           text,
    alive_at         timestamptz NOT NULL DEFAULT '-infinity',  -- when its worker was last heard of
    tries            integer NOT NULL DEFAULT 0       -- how often it was taken up
);
CREATE INDEX imports_open ON imports (alive_at) WHERE finished_at IS NULL;

CREATE TABLE import_hoppers (                         -- how far the import of each hopper is
    hopper_id     text PRIMARY KEY REFERENCES hoppers ON DELETE CASCADE,
    user_id       uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    number        bigint NOT NULL,                    -- of the import
    configured_at timestamptz,
    positioned_at timestamptz,
    traded_at     timestamptz,
    filled_at     timestamptz,
    trades_began_at timestamptz,                      -- every trade before is stored once traded_at is set
    cursor_at     timestamptz,                        -- of the last trade that was stored, with its id; they outlive
    cursor_id     text,                               -- the import: the next one goes on from there
    trades        bigint NOT NULL DEFAULT 0,
    candles       bigint NOT NULL DEFAULT 0,
    problem       text                                -- what failed and what to do; NULL: nothing
);
CREATE INDEX import_hoppers_user ON import_hoppers (user_id);

CREATE TABLE hopper_configs (                         -- as last read; only fields that are meant to be kept
    hopper_id text PRIMARY KEY REFERENCES hoppers ON DELETE CASCADE,
    read_at   timestamptz NOT NULL,
    fields    jsonb NOT NULL
);
CREATE TABLE hopper_config_changes (                  -- noticed between two readings
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hopper_id text NOT NULL REFERENCES hoppers ON DELETE CASCADE,
    at        timestamptz NOT NULL,                   -- when it was read
    field     text NOT NULL,
    was       text,                                   -- NULL: the field was not there
    became    text                                    -- NULL: the field is gone
);
CREATE INDEX hopper_config_changes_hopper ON hopper_config_changes (hopper_id, at);

CREATE TABLE hopper_reads (                           -- when positions and orders were last read
    hopper_id text NOT NULL REFERENCES hoppers ON DELETE CASCADE,
    what      text NOT NULL CHECK (what IN ('open', 'reserved', 'short', 'orders')),
    read_at   timestamptz NOT NULL,
    PRIMARY KEY (hopper_id, what)
);
CREATE TABLE positions (                              -- as last read
    hopper_id    text NOT NULL REFERENCES hoppers ON DELETE CASCADE,
    kind         text NOT NULL CHECK (kind IN ('open', 'reserved', 'short')),
    position_id  text NOT NULL,                       -- Cryptohopper's
    base         text NOT NULL,
    quote        text NOT NULL,
    quantity     numeric NOT NULL,
    rate         numeric NOT NULL,
    cost         numeric NOT NULL,
    opened_at    timestamptz,
    trigger      text NOT NULL DEFAULT '',
    is_held      boolean NOT NULL DEFAULT false,
    take_profit  numeric,                             -- these four in percent
    stop_loss    numeric,
    trailing_arm numeric,
    trailing_fall numeric,
    PRIMARY KEY (hopper_id, kind, position_id)
);
CREATE TABLE open_orders (                            -- as last read
    hopper_id text NOT NULL REFERENCES hoppers ON DELETE CASCADE,
    order_id  text NOT NULL,
    base      text NOT NULL,
    quote     text NOT NULL,
    side      smallint NOT NULL,                      -- 1 buy, 2 sell
    is_market boolean NOT NULL,
    quantity  numeric NOT NULL,
    rate      numeric,                                -- NULL: without a limit
    trigger   text NOT NULL,
    opened_at timestamptz,
    PRIMARY KEY (hopper_id, order_id)
);

CREATE TABLE hopper_events (                          -- what became of a hopper, noticed at ``at``
    event_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hopper_id text NOT NULL REFERENCES hoppers ON DELETE CASCADE,
    user_id   uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    kind      text NOT NULL CHECK (kind IN ('created', 'renamed', 'deleted', 'restored', 'base-changed', 'exchange-changed',
                                            'mode-changed')),
    was       text NOT NULL,
    became    text NOT NULL,
    at        timestamptz NOT NULL
);
CREATE INDEX hopper_events_hopper ON hopper_events (hopper_id, at);
CREATE INDEX hopper_events_user ON hopper_events (user_id);

GRANT SELECT, INSERT, DELETE ON link_states TO cryptwire_api;
GRANT SELECT, INSERT, UPDATE ON imports TO cryptwire_api;
GRANT SELECT ON import_hoppers, hopper_configs, hopper_config_changes, hopper_reads, positions, open_orders, hopper_events
    TO cryptwire_api;
GRANT UPDATE (unlinked_at) ON hoppers TO cryptwire_api;

GRANT SELECT, INSERT, UPDATE ON hoppers TO cryptwire_processor;
GRANT SELECT, INSERT, UPDATE, DELETE
    ON imports, import_hoppers, hopper_configs, hopper_reads, positions, open_orders TO cryptwire_processor;
GRANT SELECT, INSERT, DELETE ON hopper_config_changes, hopper_events, link_states TO cryptwire_processor;
