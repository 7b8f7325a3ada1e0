"""HTTP in: an endpoint parses, authenticates, calls one function and shapes the answer.

A file is named like the specification's OpenAPI file (data/api/client-server/room_send.yaml: client/room_send.py).
The endpoints of a feature stand in its folder: `modules/receipts/api.py`.
"""
