"""API: who a user is and what he has, in GraphQL; and the built app, so that a browser needs one address.

Consumes the tables of users, sessions and hoppers, and ``portfolio.*.live`` (the last state of each hopper, kept in
memory). Owns the sessions. Serves ``/graphql``, ``/config.json`` and, under every other path, the app.
"""
