-- Cryptohopper tokens, encrypted; a schema that only the gateway's role can read.

CREATE SCHEMA custody;
REVOKE ALL ON SCHEMA custody FROM PUBLIC;

CREATE TABLE custody.tokens (
    user_id      uuid PRIMARY KEY REFERENCES public.users ON DELETE CASCADE,
    wrapped_key  bytea NOT NULL,                      -- the token's data key, wrapped by the master key
    master_key   text NOT NULL,                       -- which master key
    nonce        bytea NOT NULL,
    sealed       bytea NOT NULL,                      -- AES-256-GCM of access and refresh token; user_id is bound in
    scopes       text[] NOT NULL,
    expires_at   timestamptz NOT NULL,
    is_revoked   boolean NOT NULL DEFAULT false,      -- upstream refuses it: must be linked again
    linked_at    timestamptz NOT NULL DEFAULT now(),
    refreshed_at timestamptz
);

CREATE TABLE custody.hoppers (                        -- which hoppers a linked account has, as last read
    user_id   uuid NOT NULL REFERENCES custody.tokens ON DELETE CASCADE,
    hopper_id text NOT NULL,
    PRIMARY KEY (user_id, hopper_id)
);
