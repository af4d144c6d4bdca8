"""The gateway: the only service that holds users' Cryptohopper tokens.

Takes gRPC calls (``wire.v1.Gateway``) over mutual TLS from the services that may make them, and answers them from
Cryptohopper's API, spending each token's rate budget. Owns the tables ``custody.tokens`` and ``custody.hoppers``. It
exists so that no other service can lose a token, and so that all of them together stay within upstream's limits.
"""
