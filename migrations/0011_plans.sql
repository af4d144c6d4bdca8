-- Who gave a plan, what the payment provider said of it, and fences that no deleted row can bring back.

ALTER TABLE users
    ADD COLUMN plan_by text CHECK (plan_by IN ('trial', 'billing', 'admin'));  -- NULL: it came with the account
CREATE INDEX users_plan_until ON users (plan_until) WHERE plan_until IS NOT NULL;

CREATE TABLE billing_events (                         -- as they came; what a user has paid for is computed from all of his
    provider     text NOT NULL,
    event_id     text NOT NULL,                       -- the provider's: what comes again is no new row
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    subscription text NOT NULL,                       -- the provider's name of the contract
    kind         text NOT NULL CHECK (kind IN ('paid', 'cancelled', 'ended', 'refunded', 'payment-failed')),
    plan         text NOT NULL CHECK (plan IN ('pro')),
    at           timestamptz NOT NULL,                -- by the provider's clock
    until        timestamptz,                         -- paid until then; with 'paid' only
    received_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, event_id),
    CHECK ((kind = 'paid') = (until IS NOT NULL))
);
CREATE INDEX billing_events_user ON billing_events (user_id);

-- Fences grow over all hoppers together: a row that was deleted and made again never begins anew.
CREATE SEQUENCE fences;
SELECT setval('fences', greatest(
    1,
    (SELECT max(fence) FROM assignments),
    (SELECT max(fence) FROM candles),
    (SELECT max(fence)::bigint FROM calls WHERE fence < 1e15)  -- a caller's word, however large, is none of ours
));
ALTER TABLE assignments ALTER fence SET DEFAULT nextval('fences');

GRANT SELECT, INSERT ON billing_events TO cryptwire_api;
GRANT UPDATE (plan, plan_until, plan_by, trial_began_at) ON users TO cryptwire_api;
GRANT SELECT (plan_by), UPDATE (plan, plan_until, plan_by) ON users TO cryptwire_processor;
