"""What the datafeed decides, without waiting, talking or asking the time."""
