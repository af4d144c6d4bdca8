-- How what is to be told gets to people: by which channels, how often it was tried; and what is silent just now.

ALTER TABLE notices ADD COLUMN routed_at timestamptz;   -- when its channels were chosen
CREATE INDEX notices_unrouted ON notices (notice_id) WHERE routed_at IS NULL;
CREATE INDEX notices_read ON notices (read_at) WHERE read_at IS NOT NULL;
CREATE INDEX mails_sent ON mails (added_at) WHERE sent_at IS NOT NULL OR given_up IS NOT NULL;

CREATE TABLE outgoing_webhooks (                         -- where a user's own programs hear of his notices
    user_id       uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    url           text NOT NULL,
    sealed_secret bytea NOT NULL,                        -- AES-256-GCM, bound to the user; the key is in a file
    created_at    timestamptz NOT NULL DEFAULT now(),
    failing_since timestamptz,                           -- NULL: the newest call was taken
    off_at        timestamptz,                           -- nothing is sent any more: a day of failures
    tried_at      timestamptz,
    answer        text NOT NULL DEFAULT ''               -- what became of the newest call
);

CREATE TABLE deliveries (                                -- one notice by one channel
    delivery_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    notice_id   bigint NOT NULL REFERENCES notices ON DELETE CASCADE,
    user_id     uuid REFERENCES users ON DELETE CASCADE,
    channel     text NOT NULL CHECK (channel IN ('mail', 'webhook')),
    state       text NOT NULL CHECK (state IN ('held', 'due', 'sent', 'failed')),
    likeness    text NOT NULL,                           -- notices that read the same have the same
    mail_id     uuid REFERENCES mails ON DELETE SET NULL,
    added_at    timestamptz NOT NULL DEFAULT now(),
    routed_at   timestamptz NOT NULL DEFAULT now(),      -- when it was given to its mail
    due_at      timestamptz NOT NULL DEFAULT now(),
    tries       integer NOT NULL DEFAULT 0,
    done_at     timestamptz,
    said        text NOT NULL DEFAULT '',
    UNIQUE (notice_id, channel)
);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE channel = 'webhook' AND state = 'due';
CREATE INDEX deliveries_held ON deliveries (user_id) WHERE state = 'held';
CREATE INDEX deliveries_mail ON deliveries (mail_id) WHERE mail_id IS NOT NULL;
CREATE INDEX deliveries_user ON deliveries (user_id, routed_at);
CREATE INDEX deliveries_added ON deliveries (added_at);

CREATE TABLE outages (                                   -- silences that were told and have not ended: each is told once
    subject   text PRIMARY KEY,                          -- service:tracker/pod-1, server:nats, hopper:42, user:…
    user_id   uuid REFERENCES users ON DELETE CASCADE,   -- who was told; NULL: those who run the system
    began_at  timestamptz NOT NULL,
    told_at   timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT (user_id, url, created_at, failing_since, off_at, tried_at, answer) ON outgoing_webhooks TO cryptwire_api;
GRANT INSERT, DELETE, UPDATE ON outgoing_webhooks TO cryptwire_api;
GRANT SELECT ON deliveries TO cryptwire_api;
GRANT SELECT, UPDATE, DELETE ON outgoing_webhooks TO cryptwire_processor;
GRANT SELECT, INSERT, UPDATE, DELETE ON deliveries, outages TO cryptwire_processor;
GRANT SELECT (generation) ON sessions, refresh_tokens TO cryptwire_processor;
GRANT SELECT (token_id, expires_at, ended_at), DELETE ON api_tokens TO cryptwire_processor;
GRANT DELETE ON job_runs TO cryptwire_processor;
GRANT SELECT (digest, last_at), DELETE ON strange_calls TO cryptwire_processor;
