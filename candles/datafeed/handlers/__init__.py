"""Messages, routes and the stream of the datafeed."""
