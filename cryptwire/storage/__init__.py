"""PostgreSQL and Redis: the connections, and one module for each table or key."""
