-- Webhooks that nobody understood, the runs of the processor's jobs, and how far each hopper's trades were compared.

CREATE TABLE strange_calls (
    digest   bytea PRIMARY KEY,                       -- SHA-256 of the whole body: a repetition is no new row
    form     smallint NOT NULL,                       -- whose secret signed it: 1 the app's, 2 the shared one
    reason   text NOT NULL,
    size     integer NOT NULL,                        -- bytes of the whole body
    body     bytea NOT NULL,                          -- its beginning
    first_at timestamptz NOT NULL,
    last_at  timestamptz NOT NULL,
    times    bigint NOT NULL DEFAULT 1
);
CREATE INDEX strange_calls_last ON strange_calls (last_at);

CREATE TABLE job_runs (                               -- a run belongs to whoever inserts it; no row: not begun yet
    job         text NOT NULL,
    due_at      timestamptz NOT NULL,
    worker      text NOT NULL,
    tries       integer NOT NULL DEFAULT 1,           -- how often it was begun
    began_at    timestamptz NOT NULL DEFAULT now(),
    alive_at    timestamptz NOT NULL DEFAULT now(),   -- when its worker was last heard of
    finished_at timestamptz,
    said        text NOT NULL DEFAULT '',
    PRIMARY KEY (job, due_at)
);

CREATE TABLE trade_comparisons (
    hopper_id      text PRIMARY KEY REFERENCES hoppers ON DELETE CASCADE,
    complete_until timestamptz NOT NULL,              -- every trade before is in `trades`
    mended         bigint NOT NULL DEFAULT 0          -- trades that only comparing has found
);

GRANT SELECT, INSERT, UPDATE, DELETE ON strange_calls TO cryptwire_webhook;
GRANT SELECT, INSERT, UPDATE ON job_runs, trade_comparisons TO cryptwire_processor;
