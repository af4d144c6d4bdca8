-- What people do with rule sets by the API, and that no user can turn off a kill switch which is not a user's.

GRANT INSERT ON kill_switches TO cryptwire_api;
GRANT UPDATE (is_on, reason, set_by, set_at) ON kill_switches TO cryptwire_api;
GRANT SELECT ON pods TO cryptwire_api;

ALTER TABLE kill_switches ENABLE ROW LEVEL SECURITY;          -- the owner, by whom administrators come, is above it
CREATE POLICY everybody_sees ON kill_switches FOR SELECT USING (true);
CREATE POLICY users_turn_on ON kill_switches FOR INSERT TO cryptwire_api
    WITH CHECK (level <> 'platform' AND set_by LIKE 'user:%');
CREATE POLICY users_turn_their_own ON kill_switches FOR UPDATE TO cryptwire_api
    USING (level <> 'platform' AND (NOT is_on OR set_by LIKE 'user:%'))
    WITH CHECK (level <> 'platform' AND set_by LIKE 'user:%');

CREATE INDEX rule_set_changes_rule_set ON rule_set_changes (rule_set_id, change_id);
