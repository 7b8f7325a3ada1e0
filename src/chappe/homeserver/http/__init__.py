"""The HTTP server: a bare ASGI application, our router on raw paths, typed bodies, Matrix errors, rate limits."""
