"""Domain value to wire message and back, one module for each .proto.

Reading raises Invalid for bytes that are no such message or contradict themselves: everything from outside is hostile
until parsed.
"""
