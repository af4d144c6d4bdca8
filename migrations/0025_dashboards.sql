-- What a user has made of his figures: dashboards in versions, and links by which strangers see what he chose.

CREATE TABLE dashboards (
    dashboard_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name         text NOT NULL,
    version      integer NOT NULL CHECK (version > 0),       -- the newest
    created_at   timestamptz NOT NULL DEFAULT now(),
    changed_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX dashboards_user ON dashboards (user_id, created_at);

CREATE TABLE dashboard_versions (                            -- never changed; the newest twenty are kept
    dashboard_id uuid NOT NULL REFERENCES dashboards ON DELETE CASCADE,
    version      integer NOT NULL,
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    body         json NOT NULL,                              -- names the format it is of
    made_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dashboard_id, version)
);
CREATE INDEX dashboard_versions_user ON dashboard_versions (user_id);

CREATE TABLE share_links (
    link_id     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    token_hash  bytea NOT NULL UNIQUE,                       -- SHA-256; the token itself is in the link alone
    title       text NOT NULL,
    hoppers     text[] NOT NULL CHECK (cardinality(hoppers) > 0),  -- no references: one that is his no more shows nothing
    parts       text[] NOT NULL CHECK (cardinality(parts) > 0),    -- which groups of figures
    days        json NOT NULL,                               -- a range that moves on, or dates
    currency    text,                                        -- NULL: the user's
    is_masked   boolean NOT NULL DEFAULT true,               -- amounts are not told
    shows_names boolean NOT NULL DEFAULT false,              -- of hoppers
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL CHECK (expires_at > created_at AND expires_at <= created_at + interval '366 days'),
    revoked_at  timestamptz,
    views       bigint NOT NULL DEFAULT 0,                   -- as far as they were written down: a minute's may be missing
    viewed_at   timestamptz
);
CREATE INDEX share_links_user ON share_links (user_id, created_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON dashboards TO cryptwire_api;
GRANT SELECT, INSERT, DELETE ON dashboard_versions TO cryptwire_api;
GRANT SELECT, INSERT ON share_links TO cryptwire_api;
GRANT UPDATE (revoked_at, views, viewed_at) ON share_links TO cryptwire_api;
GRANT SELECT (link_id, expires_at, revoked_at), DELETE ON share_links TO cryptwire_processor;
