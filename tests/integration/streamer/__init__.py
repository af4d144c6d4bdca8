"""The streamer with real Redis and NATS, and exchanges played over their real protocols."""
