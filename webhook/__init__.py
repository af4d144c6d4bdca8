"""The webhook receiver: what Cryptohopper calls when a hopper traded.

Consumes: signed POSTs of both forms. Emits: rows of ``trades``, and NATS ``trade.<exchange>.<hopper_id>`` for new ones.
Owns: ``strange_calls``, what was signed and not understood; trades are added by the processor, too. Exists so that a
trade is seen within seconds and not only at the next poll. A call is a hint: rows come from the trade list, so a call
lost, doubled or forged adds nothing wrong.
"""
