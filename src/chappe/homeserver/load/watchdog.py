"""Says what held the event loop: everybody waits while one request computes.

A heartbeat on the loop is due every 50 ms; how late it comes is how long the loop was held. A thread looks whether the
heartbeat is late, and notes what the loop's thread is doing while it still does it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback

log = logging.getLogger(__name__)

BEAT_SECONDS = 0.05
TOO_LONG_SECONDS = 0.1
_FRAMES_TOLD = 12


class Watchdog:
    """`longest`, `longest_busy`: since `forget`, in seconds; the second is how much of it was computing, not waiting for a
    processor or a disk. `blocked`: how often it took too long. One thread, which ends with `stop`."""

    def __init__(self) -> None:
        self.blocked, self.longest, self.longest_busy = 0, 0.0, 0.0
        self._due = 0.0
        self._busy_before = 0.0
        self._holder: tuple[float, str] | None = None  # of the beat that was due then: what the loop was doing
        self._timer: asyncio.TimerHandle | None = None
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    def start(self) -> None:
        """From the thread of the loop that is to be watched."""
        self._loop, self._ident = asyncio.get_running_loop(), threading.get_ident()
        self._expect()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            self._thread.join()

    def forget(self) -> None:
        """Measures anew from here."""
        self.longest = self.longest_busy = 0.0

    def _expect(self) -> None:
        self._due, self._busy_before = time.monotonic() + BEAT_SECONDS, time.thread_time()
        self._timer = self._loop.call_later(BEAT_SECONDS, self._beat)

    def _beat(self) -> None:
        due, late = self._due, time.monotonic() - self._due
        busy = min(late, time.thread_time() - self._busy_before)
        self.longest, self.longest_busy = max(self.longest, late), max(self.longest_busy, busy)
        if late > TOO_LONG_SECONDS:
            self.blocked += 1
            holder = self._holder[1] if self._holder is not None and self._holder[0] == due else "not seen"
            fields = {"ms": round(late * 1000), "busy_ms": round(busy * 1000), "holder": holder}
            log.warning("the event loop was held", extra={"fields": fields})
        self._expect()

    def _watch(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            due = self._due
            seen = self._holder is not None and self._holder[0] == due
            if not seen and time.monotonic() - due > TOO_LONG_SECONDS / 2:
                self._holder = (due, self._describe())

    def _describe(self) -> str:
        """The task, and where it is: innermost last."""
        frame = sys._current_frames().get(self._ident)
        stack = traceback.extract_stack(frame)[-_FRAMES_TOLD:] if frame is not None else []
        places = [
            f"{entry.filename.rsplit('/site-packages/', 1)[-1].rsplit('/src/', 1)[-1]}:{entry.lineno} {entry.name}"
            for entry in stack
        ]
        try:
            task = asyncio.current_task(self._loop)
        except RuntimeError:
            task = None
        return f"{task.get_name() if task is not None else 'no task'}: " + " > ".join(places)
