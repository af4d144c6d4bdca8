"""Figures to take along: CSV files, streamed, over the same choice of hoppers, days and currency as ``analytics``."""
