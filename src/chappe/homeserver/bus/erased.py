"""Who wants their messages erased for those who come after a position of the log (client-server API, "Account deactivation").

Accounts fill it, rooms look into it whenever they show something.
"""

from __future__ import annotations


class ErasedAuthors(dict[str, int]):
    """The position, by user id."""
