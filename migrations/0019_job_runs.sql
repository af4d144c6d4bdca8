-- Which jobs there are and when each last finished a run; and who works at a job now, found without its old runs.

CREATE INDEX job_runs_open ON job_runs (job) WHERE finished_at IS NULL;

CREATE TABLE jobs (
    job         text PRIMARY KEY,
    every       interval NOT NULL,
    since       timestamptz NOT NULL DEFAULT now(),   -- when it was first served, or served again after a pause
    served_at   timestamptz NOT NULL DEFAULT now(),   -- when somebody last looked for what is due, or worked at it
    finished_at timestamptz                           -- when a run was last done
);

GRANT SELECT, INSERT, UPDATE ON jobs TO cryptwire_processor;
