"""The webhook receiver: what Cryptohopper calls when a hopper traded.

Consumes: signed POSTs, form 1. Emits: rows of ``trades``, and NATS ``trade.<exchange>.<hopper_id>`` for each new one.
Owns: nothing; processor and webhook both add trades. Exists so that a trade is seen within seconds and not only at the
next poll. A call is a hint: rows come from the trade list, so a call lost, doubled or forged adds nothing wrong.
"""
