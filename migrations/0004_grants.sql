-- The least that each service needs. The roles are made by `cryptwire migrate` before this runs.

GRANT SELECT ON users, hoppers TO cryptwire_api;
GRANT SELECT, INSERT, UPDATE ON sessions TO cryptwire_api;

GRANT SELECT ON candles, trades, hoppers, users, sessions TO cryptwire_datafeed;

GRANT SELECT ON hoppers, assignments, pods TO cryptwire_tracker;

GRANT SELECT ON assignments TO cryptwire_writer;
GRANT SELECT, INSERT, UPDATE ON candles, flow_candidates TO cryptwire_writer;

GRANT SELECT ON hoppers TO cryptwire_webhook;
GRANT SELECT, INSERT ON trades TO cryptwire_webhook;

GRANT SELECT ON hoppers, assignments, pods TO cryptwire_processor;
GRANT SELECT, INSERT ON trades TO cryptwire_processor;
GRANT SELECT ON candles TO cryptwire_processor;

GRANT USAGE ON SCHEMA custody TO cryptwire_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON custody.tokens, custody.hoppers TO cryptwire_gateway;
