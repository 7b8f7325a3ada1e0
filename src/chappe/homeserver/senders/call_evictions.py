"""Who may be in a call no longer is out of it: whatever the reason, since all are judged anew, again and again.

A device that was signed out is marked in the commit that signs it out, an account in the state that it enters; the rest (has left, was
banned, has expired, the room is of another level now) is found by asking. Whoever was put out is kept out for as long as a token would
let them in again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from itertools import groupby

from chappe.homeserver.database.pool import DATABASE_LOST
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.load.tasks import Tasks
from chappe.homeserver.modules.calls.admission import CallAdmission
from chappe.homeserver.modules.calls.news import CallNews
from chappe.homeserver.modules.calls.participants import CallParticipants, Participant
from chappe.homeserver.modules.calls.sfu import Sfu
from chappe.homeserver.modules.calls.sfus import Sfus
from chappe.matrix.errors import MatrixError

log = logging.getLogger(__name__)
LOOK_EVERY, PAUSE = 1.0, 0.2  # seconds


class CallEvictions:
    """Each node looks: to put out somebody who is out already does no harm, and a node that is stuck holds nobody in."""

    def __init__(
        self, participants: CallParticipants, admission: CallAdmission, sfus: Sfus, tasks: Tasks, news: CallNews, now_ms: NowMs
    ) -> None:
        self._participants, self._admission, self._sfus = participants, admission, sfus
        self._tasks, self._now_ms = tasks, now_ms
        self._news = asyncio.Event()
        self._busy: set[str] = set()  # SFUs that are being asked: one that does not answer delays none of the others
        self.put_out, self.looks = 0, 0
        news.listen(self.look_now)

    def look_now(self) -> None:
        """Something has happened to an account, or somebody has come in."""
        self._news.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        if not self._sfus:
            await asyncio.Event().wait()
        while True:
            try:
                await self.look()
            except (TimeoutError, *DATABASE_LOST):
                await asyncio.sleep(PAUSE)
            except Exception:
                log.exception("calls could not be looked at")
                await asyncio.sleep(PAUSE)
            await asyncio.sleep(PAUSE)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), LOOK_EVERY - PAUSE)
            self._news.clear()

    async def look(self) -> None:
        """Judges everybody, once for each room that they are in."""
        judged: dict[tuple[str, str], bool] = {}
        out: dict[str, list[Participant]] = {}
        for row in await self._participants.all():
            if not row.is_ended:
                who = (row.user_id, row.room_id)
                if who not in judged:
                    judged[who] = await self._admission.allows(*who)
                if judged[who]:
                    continue
            out.setdefault(row.sfu, []).append(row)
        for name, rows in out.items():
            sfu = self._sfus.find(name)
            if sfu is not None and name not in self._busy:
                self._busy.add(name)
                self._tasks.start(self._empty(sfu, rows), name="whoever is put out of calls")
        self.looks += 1

    async def _empty(self, sfu: Sfu, rows: list[Participant]) -> None:
        try:
            fresh = [row for row in rows if row.put_out_ts is None]
            await asyncio.gather(*(self._put_out(sfu, row) for row in fresh))
            await self._keep_out(sfu, [row for row in rows if row.put_out_ts is not None])
        except MatrixError:
            return  # the SFU does not answer: the next look tries again
        finally:
            self._busy.discard(sfu.name)

    async def _put_out(self, sfu: Sfu, row: Participant) -> None:
        await sfu.remove(row.alias, row.identity, self._now_ms())
        await self._participants.put_out(row.place)
        self.put_out += 1

    async def _keep_out(self, sfu: Sfu, rows: list[Participant]) -> None:
        """Who has come back with a token that is not over yet."""
        for alias, of_alias in groupby(rows, key=lambda row: row.alias):
            present = await sfu.present(alias)
            for row in of_alias:
                if row.identity in present:
                    await sfu.remove(alias, row.identity, self._now_ms())
                    self.put_out += 1

    async def upkeep(self) -> None:
        """Now and then: who is in calls stays on the list, who can come in no more goes from it."""
        for (name, alias), _ in groupby(await self._participants.all(), key=_room):
            if (sfu := self._sfus.find(name)) is not None:
                with contextlib.suppress(MatrixError):
                    await self._participants.seen(name, alias, await sfu.present(alias))
        await self._participants.forget_others(self._sfus.names())


def _room(row: Participant) -> tuple[str, str]:
    return row.sfu, row.alias
