"""What the services share, lowest first: values, wire forms, connections, and how a service runs."""
