"""Faults and effects on demand: what the real service does now and then, a test can have at once, counted.

``kinds`` has every fault by name, ``bodies`` changes what an answer says, ``wire`` how it travels, ``queue`` says which
request is met, ``effects`` what really becomes of a command.
"""
