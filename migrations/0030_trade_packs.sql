-- What was traded in each month that is over, in columns: figures of years read these instead of a row for each trade.

CREATE TABLE trade_packs (                            -- made of `trade_results` alone, by the processor
    hopper_id text NOT NULL REFERENCES hoppers ON DELETE CASCADE,
    month     date NOT NULL,                          -- its first day; months are UTC's
    trades    integer NOT NULL,                       -- how many are in it
    packed    bytea NOT NULL,                         -- see cryptwire/codec/trade_pack.py
    PRIMARY KEY (hopper_id, month)
);
ALTER TABLE trade_packs ALTER COLUMN packed SET STORAGE EXTERNAL;  -- compact as it is, and read more often than made

-- Whoever changes a result takes the pack of its month away with it: what is there is never old.
CREATE FUNCTION forget_trade_packs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM trade_packs p
     USING (SELECT DISTINCT hopper_id, date_trunc('month', at AT TIME ZONE 'UTC')::date AS month FROM changed) c
     WHERE p.hopper_id = c.hopper_id AND p.month = c.month;
    RETURN NULL;
END $$;
CREATE TRIGGER forgets_packs_inserted AFTER INSERT ON trade_results
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION forget_trade_packs();
CREATE TRIGGER forgets_packs_updated AFTER UPDATE ON trade_results
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION forget_trade_packs();
CREATE TRIGGER forgets_packs_updated_from AFTER UPDATE ON trade_results
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION forget_trade_packs();
CREATE TRIGGER forgets_packs_deleted AFTER DELETE ON trade_results
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION forget_trade_packs();

GRANT SELECT, INSERT, DELETE ON trade_packs TO cryptwire_processor;
GRANT SELECT ON trade_packs TO cryptwire_api;
