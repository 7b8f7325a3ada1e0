"""The end of listening, without a connection lost on the way."""

from __future__ import annotations

import asyncio

TURNS = 2  # in the first, what was accepted gets its transport; in the second, its protocol


async def stop_accepting(server: asyncio.Server) -> None:
    """Closes the listening sockets of `server`; connections that it has stay.

    asyncio builds an accepted connection one turn of the loop after it took it from the kernel. A server that is closed in
    between refuses it in the middle: nobody owns the socket and nobody closes it (a client that connects at that moment waits
    until the garbage collector comes by). So the sockets are read no longer first, and closed when what was accepted is there.
    """
    loop = asyncio.get_running_loop()
    for listening in server.sockets:
        loop.remove_reader(listening.fileno())
    for _ in range(TURNS):
        await asyncio.sleep(0)
    server.close()
