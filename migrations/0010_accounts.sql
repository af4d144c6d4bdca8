-- Accounts: how somebody comes in, under what he is signed in, and how he is forgotten.

-- A session's id is no secret: the browser's access token names it, the row decides.
ALTER TABLE sessions RENAME COLUMN session_hash TO session_id;
ALTER TABLE sessions RENAME COLUMN created_at TO began_at;
ALTER TABLE sessions
    ADD COLUMN device           text NOT NULL DEFAULT '',      -- the name that the client gave
    ADD COLUMN user_agent       text NOT NULL DEFAULT '',
    ADD COLUMN address          text NOT NULL DEFAULT '',      -- whence it was begun
    ADD COLUMN seen_at          timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN authenticated_at timestamptz NOT NULL DEFAULT now(),  -- when the password was given last
    ADD COLUMN generation       integer NOT NULL DEFAULT 0,    -- of the newest refresh tokens
    ADD COLUMN rotated_at       timestamptz NOT NULL DEFAULT now(),  -- when that generation was begun
    ADD COLUMN ended_why        text;

CREATE TABLE refresh_tokens (                           -- kept after their use: a second use tells of a thief
    token_hash bytea PRIMARY KEY,                       -- SHA-256; the token itself is the client's alone
    session_id bytea NOT NULL REFERENCES sessions ON DELETE CASCADE,
    generation integer NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_made ON refresh_tokens (made_at);

CREATE TABLE sign_ups (                                 -- asked for and not confirmed; several of one address may wait
    sign_up_id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email         text NOT NULL,
    password_hash text NOT NULL,                        -- argon2id
    zone          text NOT NULL,
    currency      text NOT NULL,
    asked_at      timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL
);
CREATE INDEX sign_ups_expiry ON sign_ups (expires_at);

CREATE TABLE one_time_tokens (                          -- what a mailed link stands for; no part of the link's secret
    token_id   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    purpose    text NOT NULL CHECK (purpose IN ('sign-up', 'password-reset', 'email-change')),
    user_id    uuid REFERENCES users ON DELETE CASCADE,
    sign_up_id uuid REFERENCES sign_ups ON DELETE CASCADE,
    address    text,                                    -- of a change of address: the new one
    made_at    timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    CHECK ((purpose = 'sign-up') = (sign_up_id IS NOT NULL) AND (purpose = 'sign-up') = (user_id IS NULL)),
    CHECK ((purpose = 'email-change') = (address IS NOT NULL))
);
CREATE INDEX one_time_tokens_user ON one_time_tokens (user_id);
CREATE INDEX one_time_tokens_sign_up ON one_time_tokens (sign_up_id);
CREATE INDEX one_time_tokens_expiry ON one_time_tokens (expires_at);

CREATE TABLE api_tokens (                               -- personal, for scripts
    token_id   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    token_hash bytea NOT NULL UNIQUE,                   -- SHA-256
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name       text NOT NULL,
    scopes     text[] NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'write']),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,                             -- NULL: not by itself
    seen_at    timestamptz,                             -- to the minute
    ended_at   timestamptz
);
CREATE INDEX api_tokens_user ON api_tokens (user_id);

CREATE TABLE totp (                                     -- the second factor of who has one
    user_id      uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    nonce        bytea NOT NULL,
    sealed       bytea NOT NULL,                        -- AES-256-GCM; user_id is bound in
    confirmed_at timestamptz,                           -- NULL: set up and never shown to work
    last_step    bigint NOT NULL DEFAULT 0              -- of the last code that was taken: a code is good once
);

CREATE TABLE recovery_codes (
    user_id   uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    code_hash bytea NOT NULL,                           -- HMAC-SHA256 with the service's key
    used_at   timestamptz,
    PRIMARY KEY (user_id, code_hash)
);

CREATE TABLE erasures (                                 -- accounts being erased; outlives the user, and is erased last
    user_id   uuid PRIMARY KEY,
    hoppers   text[] NOT NULL,                          -- that were his
    began_at  timestamptz NOT NULL DEFAULT now(),
    erased_at timestamptz                               -- when the user's row went; what comes late is swept for a while
);

GRANT SELECT, INSERT, UPDATE ON refresh_tokens, sign_ups, one_time_tokens, api_tokens TO cryptwire_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON totp, recovery_codes TO cryptwire_api;
GRANT INSERT ON users TO cryptwire_api;
GRANT UPDATE (email, password_hash, zone, currency, preferences, deletion_asked_at) ON users TO cryptwire_api;

-- whoever answers a script must know its token, and notes that it was seen
GRANT SELECT (token_hash, user_id, scopes, expires_at, seen_at, ended_at) ON api_tokens TO cryptwire_datafeed;
GRANT UPDATE (seen_at) ON api_tokens TO cryptwire_datafeed;

-- the processor begins resets for those who asked by mail, forgets what has expired, and erases
GRANT SELECT, INSERT, DELETE ON one_time_tokens TO cryptwire_processor;
GRANT SELECT, INSERT, UPDATE, DELETE ON erasures TO cryptwire_processor;
GRANT SELECT (session_id, user_id, expires_at, ended_at) ON sessions TO cryptwire_processor;
GRANT SELECT (token_hash, session_id, made_at) ON refresh_tokens TO cryptwire_processor;
GRANT SELECT (sign_up_id, email, expires_at) ON sign_ups TO cryptwire_processor;
GRANT DELETE ON sessions, refresh_tokens, sign_ups TO cryptwire_processor;
GRANT DELETE ON users, hoppers, assignments, candles, trades, flow_candidates, trade_comparisons TO cryptwire_processor;
GRANT SELECT (hopper_id) ON flow_candidates TO cryptwire_processor;

-- The audit outlives an account under a pseudonym (R25): one for the user and one for each of his hoppers, made here and
-- written nowhere else. Nobody but the gateway may write to it, so this is a function, and for those alone who are leaving.
CREATE FUNCTION pseudonymise_calls(leaving uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH pseudonym AS (SELECT gen_random_uuid() AS user_id),
         names AS (SELECT hopper_id, 'erased-' || gen_random_uuid() AS name
                     FROM (SELECT DISTINCT hopper_id FROM calls WHERE user_id = leaving) his)
    UPDATE calls c SET user_id = pseudonym.user_id, hopper_id = names.name, session = NULL, said = NULL
      FROM pseudonym, names
     WHERE c.user_id = leaving AND names.hopper_id = c.hopper_id
       AND EXISTS (SELECT FROM erasures e WHERE e.user_id = leaving)
$$;
REVOKE ALL ON FUNCTION pseudonymise_calls FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pseudonymise_calls TO cryptwire_processor;

-- the export of all of one's data
GRANT SELECT ON candles, trades, flow_candidates, trade_comparisons, notices, mails, assignments TO cryptwire_api;
