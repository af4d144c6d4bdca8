"""The background processor: what must be done at a time, and not because somebody asked.

Consumes: the clock; the trade lists of all hoppers, through the gateway. Emits: rows of ``trades``, and NATS
``trade.<exchange>.<hopper_id>`` for new ones. Owns: ``job_runs`` and ``trade_comparisons``. Exists so that what the
fast ways miss is mended: a webhook that was lost, or did not say whose it is, costs a quarter of an hour and no trade.

It imports what a linked account holds, and notices when its hoppers change (owns ``hoppers``, ``import_hoppers``,
``hopper_configs``, ``positions``, ``open_orders``, ``hopper_events`` and, with the API, ``imports``): from the queue in
Redis, which says where to look. Emits NATS ``import.<user_id>``.

It also tells people (``notices``, ``mails``, users' webhooks; owns ``deliveries`` and ``outages``), and watches over
all services by their heartbeats in Redis and by ``portfolio.*.live``.

It keeps the days of hoppers and decides what their flows were (owns ``midnights``, ``balances``, ``daily_statistics``,
``statistics_progress`` and, with the API, ``flows`` and ``hopper_histories``): from live portfolios or the gateway at
each user's midnight, and from stored candles and trades for what was missed.

It fills the past of hoppers that the live chain has not seen (owns ``backfills``): candles through the Redis list, from
trades, balances and the exchanges' candles (``candles.>``). Emits NATS ``portfolio.<hopper_id>.rewritten``.
"""
