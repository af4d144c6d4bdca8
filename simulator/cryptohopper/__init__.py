"""Cryptohopper as its apps and the makers' first client knew it: OAuth 2, REST v1 (dialect A), webhooks (form 1)."""
