"""Rules that act: decides on every snapshot of a hopper whether a rule set fires, and does its actions once.

Takes figures of hoppers and pairs (NATS), rule sets and kill switches (database). Gives intents, states and the audit
(database), decisions (NATS ``action.>``), actions through the gateway. The only service that acts on a hopper of its
own accord; how it decides is in ``logic``, which neither waits, talks nor asks the time.
"""
