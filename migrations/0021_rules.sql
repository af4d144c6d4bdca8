-- Rule sets, how they stand, what they wanted done, and what was done: written so that nothing is done twice or forgotten.

CREATE TABLE rule_sets (
    rule_set_id  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    hopper_id    text NOT NULL REFERENCES hoppers ON DELETE CASCADE,
    version      integer NOT NULL CHECK (version > 0),       -- the newest
    mode         text NOT NULL DEFAULT 'off' CHECK (mode IN ('off', 'shadow', 'armed')),
    mode_number  bigint NOT NULL DEFAULT 1,                  -- grows with each change of mode or version
    shadow_since timestamptz,                                -- this version watches in shadow since; NULL: it did not
    replayed_at  timestamptz,                                -- this version was replayed over the hopper's own history
    created_at   timestamptz NOT NULL DEFAULT now(),
    changed_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX rule_sets_hopper ON rule_sets (hopper_id);
CREATE INDEX rule_sets_user ON rule_sets (user_id);

CREATE TABLE rule_set_versions (                             -- never changed
    rule_set_id uuid NOT NULL REFERENCES rule_sets ON DELETE CASCADE,
    version     integer NOT NULL,
    user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    body        jsonb NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (rule_set_id, version)
);

CREATE TABLE rule_set_changes (                              -- what people did to rule sets; the controller puts it into the audit
    change_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule_set_id uuid NOT NULL,                               -- no reference: a deleted one's are still to be audited
    hopper_id   text NOT NULL REFERENCES hoppers ON DELETE CASCADE,
    user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    kind        text NOT NULL CHECK (kind IN ('created', 'edited', 'mode', 'deleted', 'replayed', 'resumed', 'retried', 'abandoned')),
    version     integer NOT NULL,
    mode        text NOT NULL,
    mode_number bigint NOT NULL,
    by          text NOT NULL,                               -- user, or admin:<name>
    note        text NOT NULL DEFAULT '',                    -- such as why shadow was skipped
    at          timestamptz NOT NULL DEFAULT now(),
    audited_at  timestamptz
);
CREATE INDEX rule_set_changes_hopper ON rule_set_changes (hopper_id) WHERE audited_at IS NULL;

CREATE TABLE rule_states (                                   -- how a rule set stands; written with the decision (R16)
    rule_set_id uuid PRIMARY KEY REFERENCES rule_sets ON DELETE CASCADE,
    hopper_id   text NOT NULL REFERENCES hoppers ON DELETE CASCADE,
    version     integer NOT NULL,
    mode_number bigint NOT NULL,
    epoch       bigint NOT NULL CHECK (epoch > 0),           -- grows with each arming, for ever
    state       jsonb NOT NULL,
    fence       bigint NOT NULL,                             -- of the assignment it was written under
    revision    bigint NOT NULL,                             -- grows by one with each write: who wrote on an older one writes not
    snapshot_at timestamptz,                                 -- the newest snapshot that counts in it
    written_at  timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);                                    -- written every few seconds: a new version fits beside the old

CREATE TABLE intents (                                       -- one wish to act; before anything is sent (R10, R11)
    intent_id   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    rule_set_id uuid NOT NULL,                               -- no references: what was done outlives what wanted it
    version     integer NOT NULL,
    mode_number bigint NOT NULL,                             -- of the rule set when it fired
    epoch       bigint NOT NULL,
    hopper_id   text NOT NULL,
    user_id     uuid NOT NULL,
    is_shadow   boolean NOT NULL,
    snapshot_id text NOT NULL,
    snapshot    bytea NOT NULL,                              -- the message that was decided on (R1)
    decided_at  timestamptz NOT NULL,
    actions     jsonb NOT NULL,
    progress    jsonb NOT NULL,                              -- which step, which request, what was seen
    turn        bigint NOT NULL DEFAULT 0,                   -- grows by one with each change of it, as in rule_states
    state       text NOT NULL CHECK (state IN ('open', 'waiting', 'done', 'partial', 'failed', 'abandoned')),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (rule_set_id, version, epoch)
);
CREATE INDEX intents_open ON intents (hopper_id) WHERE state IN ('open', 'waiting');
CREATE INDEX intents_hopper ON intents (hopper_id, decided_at);
CREATE INDEX intents_user ON intents (user_id, decided_at);

CREATE TABLE audit_chains (                                  -- the one place that says whose a chain is: erased with the account
    hopper_id text PRIMARY KEY,
    chain     uuid NOT NULL UNIQUE DEFAULT gen_random_uuid()
);

CREATE TABLE audit (                                         -- one chain per hopper (R25); rows are added and never changed
    chain       uuid NOT NULL,
    number      bigint NOT NULL CHECK (number > 0),
    at          timestamptz NOT NULL,
    kind        text NOT NULL,
    rule_set_id uuid,
    version     integer,
    intent_id   uuid,                                        -- the same as in `calls`
    body        json NOT NULL,                               -- nothing personal, no secret; the very text that is hashed
    previous    bytea NOT NULL,                              -- the hash before; 32 zeros for the first
    hash        bytea NOT NULL,                              -- SHA-256 over the one before and all of the above
    PRIMARY KEY (chain, number)
);
CREATE INDEX audit_intent ON audit (intent_id) WHERE intent_id IS NOT NULL;

CREATE TABLE audit_people (                                  -- who, apart from what is hashed: erased with the account
    chain   uuid NOT NULL,
    number  bigint NOT NULL,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    PRIMARY KEY (chain, number)
);
CREATE INDEX audit_people_user ON audit_people (user_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON rule_sets TO cryptwire_api;
GRANT SELECT, INSERT ON rule_set_versions, rule_set_changes TO cryptwire_api;
GRANT SELECT ON rule_states, intents, audit, audit_chains, audit_people TO cryptwire_api;

GRANT SELECT ON hoppers, assignments, pods, rule_sets, rule_set_versions, rule_set_changes TO cryptwire_controller;
GRANT SELECT (user_id, zone, plan, plan_until, deletion_asked_at) ON users TO cryptwire_controller;
GRANT UPDATE (mode, mode_number, replayed_at, changed_at) ON rule_sets TO cryptwire_controller;
GRANT INSERT, UPDATE (audited_at) ON rule_set_changes TO cryptwire_controller;
GRANT SELECT, INSERT, UPDATE ON rule_states TO cryptwire_controller;
GRANT SELECT, INSERT ON intents TO cryptwire_controller;
GRANT UPDATE (progress, turn, state, changed_at) ON intents TO cryptwire_controller;
GRANT SELECT, INSERT ON audit, audit_chains, audit_people TO cryptwire_controller;
GRANT SELECT ON candles, flows, hopper_histories TO cryptwire_controller;

-- what no reference ties to the user is erased beside him
GRANT SELECT (hopper_id), DELETE ON intents, audit_chains TO cryptwire_processor;

GRANT SELECT ON hoppers, assignments, pods, candles, trades, flows, flow_candidates, hopper_histories, hopper_events
    TO cryptwire_analyser;
GRANT SELECT (user_id, zone, plan, plan_until) ON users TO cryptwire_analyser;
