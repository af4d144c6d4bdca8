"""NATS: subjects and the bus."""
