"""Fields and routes of the API."""
