"""Bots and webhooks: accounts that are no people and say so, with somebody who answers for them, a scope and an end.

A webhook is a bot of one room. An incoming one posts what a secret address receives; an outgoing one sends the room's
messages to an address, signed.
"""
