-- What more is known of a user: his plan's end, his preferences, and whether he has asked to be forgotten.

ALTER TABLE users
    ADD COLUMN plan_until        timestamptz,          -- the plan ends then; NULL: not by itself
    ADD COLUMN trial_began_at    timestamptz,          -- a trial is had once
    ADD COLUMN preferences       jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN deletion_asked_at timestamptz;          -- nobody may come in any more; the processor erases the rest

-- The plan of this moment: what has ended is free, whoever comes to write that down.
CREATE FUNCTION plan_now(plan text, plan_until timestamptz) RETURNS text
    LANGUAGE sql STABLE RETURN CASE WHEN plan_until <= now() THEN 'free' ELSE plan END;

GRANT SELECT (user_id, email, zone, currency, plan, plan_until, trial_began_at, preferences, created_at, deletion_asked_at)
    ON users TO cryptwire_processor;
