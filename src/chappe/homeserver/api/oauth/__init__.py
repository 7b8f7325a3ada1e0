"""The OAuth 2.0 API over HTTP: metadata, registration, tokens. Its pages are in `api/pages`."""
