-- The export of all of one's data reads what there is of him, whichever service wrote it; secrets are none of it.

GRANT SELECT ON imports, import_hoppers, hopper_configs, hopper_config_changes, hopper_reads, positions, open_orders,
    hopper_events, backfills, flows, hopper_histories, billing_events, outages, midnights, balances, daily_statistics,
    statistics_progress, deliveries TO cryptwire_api;

-- What does not go with the user's row must be erased beside it.
GRANT SELECT, DELETE ON balances TO cryptwire_processor;
