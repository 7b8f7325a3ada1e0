"""The OAuth 2.0 API (client-server API, "OAuth 2.0 API"): clients, grants, scopes. Its sessions are devices like any other."""
