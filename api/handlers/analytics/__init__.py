"""Figures over a choice of a user's hoppers and days: what is asked about, what is read, how it is combined."""
