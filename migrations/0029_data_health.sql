-- What data health is told by: what Cryptohopper says of each hopper, and when a webhook was last heard; which trade
-- opened a position.

ALTER TABLE hoppers
    ADD COLUMN seen_at    timestamptz,                -- when Cryptohopper last listed it, with the next three
    ADD COLUMN total      numeric,                    -- its own sum, in the base currency; NULL: not told
    ADD COLUMN is_enabled boolean,
    ADD COLUMN wrong      text NOT NULL DEFAULT '';   -- what it says is wrong with it; empty: nothing

ALTER TABLE positions ADD COLUMN buy_id text;         -- Cryptohopper's id of the trade that opened it; NULL: not told

CREATE TABLE webhook_hints (                          -- when a message of Cryptohopper's last told of a trade
    hopper_id text PRIMARY KEY REFERENCES hoppers ON DELETE CASCADE,
    heard_at  timestamptz NOT NULL,
    times     bigint NOT NULL DEFAULT 1               -- how many led to a read of the trade list
);

GRANT SELECT, INSERT, UPDATE ON webhook_hints TO cryptwire_webhook;
GRANT SELECT ON webhook_hints TO cryptwire_api;
