"""Tasks that were lost while something was still to come of them: nobody keeps them, nobody ends them.

asyncio says so in the log, when the memory of such a task is freed: perhaps much later, and in another test.
"""

from __future__ import annotations

import gc
import logging

LOST = "Task was destroyed but it is pending"
found: list[str] = []  # what they were, as asyncio says it


class _Listener(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if (said := record.getMessage()).startswith(LOST):
            found.append(said)


logging.getLogger("asyncio").addHandler(_Listener(logging.ERROR))


def lost() -> list[str]:
    """Those of now, too."""
    gc.collect()
    return found
