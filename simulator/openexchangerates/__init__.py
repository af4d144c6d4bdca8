"""Open Exchange Rates: the latest rates of currencies, with its plans, errors and conditional requests."""
