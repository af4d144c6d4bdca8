"""The webhook receiver over HTTP, with real PostgreSQL and NATS."""
