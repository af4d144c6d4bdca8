-- What tells an import that goes wrong from one that goes on, and hands that hang from hands that work.

ALTER TABLE imports
    ADD COLUMN faults     integer NOT NULL DEFAULT 0,             -- how often our own code failed at it
    ADD COLUMN not_before timestamptz NOT NULL DEFAULT '-infinity', -- left alone until then, after such a fault
    ADD COLUMN moved_at   timestamptz;                            -- when it last came on; NULL: not since it was asked for
