"""HTTP in: an endpoint parses, authenticates, calls one function and shapes the answer.

Here are those of no feature: what servers ask, the pages of signing in, the web client, what the server knows. The others stand with
what they are about: `accounts/api`, `rooms/api`, `sync/api`, `modules/receipts/api.py`. A file is named like the specification's
OpenAPI file (data/api/client-server/room_send.yaml: room_send.py).
"""
