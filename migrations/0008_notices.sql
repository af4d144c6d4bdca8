-- What users are told: notices, and the mails that carry them and the links of their accounts.

CREATE TABLE notices (
    notice_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id   uuid REFERENCES users ON DELETE CASCADE,  -- NULL: for those who run the system
    class     text NOT NULL CHECK (class IN ('action', 'failure', 'data-problem', 'info')),
    kind      text NOT NULL,
    key       text NOT NULL,                            -- told once
    facts     jsonb NOT NULL DEFAULT '{}',
    hopper_id text,
    at        timestamptz NOT NULL,
    added_at  timestamptz NOT NULL DEFAULT now(),
    read_at   timestamptz
);
CREATE UNIQUE INDEX notices_once ON notices (coalesce(user_id, '00000000-0000-0000-0000-000000000000'), key);
CREATE INDEX notices_user ON notices (user_id, notice_id DESC);

CREATE TABLE mails (                                    -- an outbox: added in the transaction that makes it due
    mail_id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    address    text NOT NULL,
    template   text NOT NULL,
    facts      jsonb NOT NULL DEFAULT '{}',             -- what is filled in; never a secret
    user_id    uuid REFERENCES users ON DELETE CASCADE,
    added_at   timestamptz NOT NULL DEFAULT now(),
    due_at     timestamptz NOT NULL DEFAULT now(),      -- when it is tried next
    tries      integer NOT NULL DEFAULT 0,
    sent_at    timestamptz,
    given_up   text                                     -- why it will not be sent
);
CREATE INDEX mails_due ON mails (due_at) WHERE sent_at IS NULL AND given_up IS NULL;

GRANT INSERT ON notices, mails TO cryptwire_api, cryptwire_processor, cryptwire_controller, cryptwire_gateway;
GRANT SELECT, UPDATE, DELETE ON notices, mails TO cryptwire_processor;
GRANT SELECT (notice_id, user_id, key) ON notices TO cryptwire_controller, cryptwire_gateway;
GRANT SELECT ON notices TO cryptwire_api;
GRANT UPDATE (read_at) ON notices TO cryptwire_api;
