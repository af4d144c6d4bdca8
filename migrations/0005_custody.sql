-- Renewals that are journalled, links that are begun here, and actions that make older answers void.

ALTER TABLE custody.tokens
    ADD COLUMN renewing_at    timestamptz,            -- since when a renewal's end is not known; NULL = there is none
    ADD COLUMN renewing_until timestamptz;            -- till then it is left to the gateway that began it
CREATE INDEX tokens_renewing ON custody.tokens (renewing_until) WHERE renewing_until IS NOT NULL;

ALTER TABLE custody.hoppers
    ADD COLUMN generation bigint NOT NULL DEFAULT 0;  -- only grows: each action on the hopper adds to it

CREATE TABLE custody.link_requests (                  -- consent that was asked for and has not come yet
    state_hash   bytea PRIMARY KEY,                   -- SHA-256 of the state; the state itself is not kept
    user_id      uuid NOT NULL REFERENCES public.users ON DELETE CASCADE,
    redirect_uri text NOT NULL,
    wrapped_key  bytea NOT NULL,
    master_key   text NOT NULL,
    nonce        bytea NOT NULL,
    sealed       bytea NOT NULL,                      -- PKCE's verifier, sealed like a token
    expires_at   timestamptz NOT NULL,
    used_at      timestamptz                          -- it is being exchanged; a state is good for once
);
CREATE INDEX link_requests_user ON custody.link_requests (user_id);
CREATE INDEX link_requests_expiry ON custody.link_requests (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON custody.link_requests TO cryptwire_gateway;
