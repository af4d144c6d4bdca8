-- What the gateway did to anybody's hopper, and what keeps it from doing anything.

CREATE TABLE calls (                                  -- one row for every action that was asked for; never changed but at its end
    call_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    is_admitted boolean NOT NULL,                     -- it was about to be sent; else it was turned away before
    intent_id   uuid,                                 -- the caller's, under which its own audit stands; NULL: unreadable
    number      bigint,                               -- which request of the intent
    service     text NOT NULL,                        -- by its certificate
    user_id     uuid,                                 -- no reference: the audit outlives the account
    hopper_id   text NOT NULL,
    call        text NOT NULL,
    parameters  jsonb NOT NULL,
    fence       numeric(20),                          -- the right it came with: a fence,
    session     bytea,                                -- or a session, as in ``sessions``
    rule_set_id text NOT NULL DEFAULT '',
    begun_at    timestamptz NOT NULL DEFAULT now(),
    sent_at     timestamptz,
    answered_at timestamptz,
    outcome     text CHECK (outcome IN ('done', 'refused', 'not-sent', 'unknown')),  -- NULL: under way, or never known
    reason      text,                                 -- which error its caller got, NULL: none
    said        text,                                 -- upstream's words, or the error's
    CHECK (NOT is_admitted OR (intent_id IS NOT NULL AND number IS NOT NULL AND user_id IS NOT NULL))
);
CREATE UNIQUE INDEX calls_once ON calls (intent_id, number) WHERE is_admitted;
CREATE INDEX calls_hopper ON calls (hopper_id, begun_at);

CREATE TABLE kill_switches (
    level  text NOT NULL CHECK (level IN ('rule', 'hopper', 'user', 'platform')),
    id     text NOT NULL,                             -- of the rule set, hopper or user; '' for the platform
    is_on  boolean NOT NULL,
    reason text NOT NULL,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (level, id),
    CHECK ((level = 'platform') = (id = ''))
);

GRANT SELECT, INSERT ON calls TO cryptwire_gateway;
GRANT UPDATE (sent_at, answered_at, outcome, reason, said) ON calls TO cryptwire_gateway;
GRANT SELECT ON calls TO cryptwire_api, cryptwire_controller;

GRANT SELECT ON kill_switches TO cryptwire_gateway, cryptwire_controller, cryptwire_api;

GRANT SELECT ON assignments, pods TO cryptwire_gateway;
GRANT SELECT (session_hash, user_id, expires_at, ended_at) ON sessions TO cryptwire_gateway;
