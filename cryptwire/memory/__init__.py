"""Twins of bus, clock, queue and tables that live in memory: unit tests hand them in where a server would be.

Each passes the suite of tests/contract that the real thing passes. ``is_away`` plays an outage.
"""
