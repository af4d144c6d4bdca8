-- What was traded in the candle in progress before the tracker held its hopper, or while it heard nothing.

GRANT SELECT ON trades TO cryptwire_tracker;
