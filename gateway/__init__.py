"""The gateway: the only service that holds users' Cryptohopper tokens.

Takes gRPC calls (``wire.v1.Gateway``) over mutual TLS from the services that may make them, and answers them from
Cryptohopper's API, spending each token's rate budget. It also acts there, once for each request that may be made, and
writes down what became of it. Owns the tables of schema ``custody`` and ``calls``. It exists so that no other service
can lose a token or act unseen, and so that all of them together stay within upstream's limits.
"""
