-- Orders in which trades are listed besides the time: by coin, and by what Cryptohopper says a sell earned.

CREATE INDEX trades_coin ON trades (hopper_id, base, at, trade_id);
CREATE INDEX trades_best ON trades (hopper_id, result, at, trade_id) WHERE result IS NOT NULL;
