-- Who may see what: users, their sessions and hoppers, and which pod tracks which hopper.

CREATE TABLE users (
    user_id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email         text NOT NULL,
    password_hash text NOT NULL,                      -- argon2id
    zone          text NOT NULL DEFAULT 'UTC',        -- IANA
    currency      text NOT NULL DEFAULT 'USD',
    plan          text NOT NULL DEFAULT 'free' CHECK (plan IN ('free', 'trial', 'pro', 'admin')),
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email ON users (lower(email));

CREATE TABLE sessions (
    session_hash bytea PRIMARY KEY,                   -- SHA-256 of the secret that the client holds
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz
);
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE hoppers (
    hopper_id       text PRIMARY KEY,                 -- Cryptohopper's
    user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name            text NOT NULL,
    exchange        text NOT NULL,                    -- ccxt's id
    base_currency   text NOT NULL,
    is_paper        boolean NOT NULL,
    refresh_seconds integer NOT NULL CHECK (refresh_seconds > 0),
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX hoppers_user ON hoppers (user_id);

CREATE TABLE pods (
    pod          text PRIMARY KEY,
    confirmed_at timestamptz NOT NULL
);

CREATE TABLE assignments (
    hopper_id  text PRIMARY KEY REFERENCES hoppers ON DELETE CASCADE,
    pod        text NOT NULL REFERENCES pods,
    fence      bigint NOT NULL CHECK (fence > 0),     -- grows whenever the pod changes
    granted_at timestamptz NOT NULL DEFAULT now()     -- when this fence was given
);
CREATE INDEX assignments_pod ON assignments (pod);
