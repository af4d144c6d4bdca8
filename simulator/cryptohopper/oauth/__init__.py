"""OAuth 2 as an old server written in PHP has it: ``/oauth2/authorize``, ``/oauth2/token``, ``/oauth2/revoke``."""
