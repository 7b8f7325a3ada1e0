"""A node's life: start, listening, stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from chappe.config import warnings_of
from chappe.homeserver.app.parts import Parts
from chappe.homeserver.app.routes import routes_of_node
from chappe.homeserver.database.migrations import migrate
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.requirements import connect_checked
from chappe.homeserver.database.secrets import load_secrets
from chappe.homeserver.http.application import AccessLog, Application
from chappe.homeserver.http.router import Route, Router
from chappe.homeserver.http.server import Listener
from chappe.homeserver.part import Loop

log = logging.getLogger(__name__)
SHUTDOWN_PATIENCE = 10


class Homeserver(Parts):
    """One node. `start` … `stop`; with `serve=False` it has no listeners (the command line, while a server runs)."""

    def routes(self) -> list[Route]:
        """Every endpoint of this node."""
        return routes_of_node(self)

    async def start(self, serve: bool = True) -> None:
        await self._open_database()
        self._build()
        for warning in warnings_of(self.config) if serve else ():
            log.warning(warning)
        if not await self.database.fetchval("SELECT EXISTS (SELECT 1 FROM domains)"):
            await self.domains.add(self.config.server_name)
        await self.domains.reload()
        await self.clock.start()
        self.watchdog.start()
        loops = self.loops
        loops.start("group writer", self.writer.run)
        loops.start("clock", self.clock.poll)
        await self.accounts.load_erased()
        await self.rooms.fill_summaries()
        await self.accounts.store.fill_directory()
        await self.accounts.store.fill_lookup_hashes()
        if not serve:
            return
        await self.assembly.start()
        loops.start("jobs", self.jobs.run)
        for work in self.work:
            if isinstance(work, Loop):
                loops.start(work.name, work.run)
        await self._listen()

    async def _open_database(self) -> None:
        connection = await connect_checked(self._database_url)
        try:
            await migrate(connection)
            self.secrets = await load_secrets(connection)
        finally:
            await connection.close()
        self._database = await Database.connect(self._database_url)
        await self.time.compare(self._database)

    async def _listen(self) -> None:
        routes, access_log = self.routes(), AccessLog(self.config.access_log)
        for listener in self.config.listeners:
            router = Router(route for route in routes if route.endpoint.api in listener.apis)
            application = Application(
                router,
                self.sessions.authenticate,
                self.limits,
                self.metrics,
                access_log,
                self.closing,
                self.authenticate_server,
                self.peer_budgets,
                self.now_ms,
                self.unread,
                self.sessions.is_current,
                self.admin_door,
                "client" in listener.apis,
            )
            self.listeners.append(
                Listener(
                    application, listener.address, listener.port, listener.tls_certificate, listener.tls_key, listener.proxies
                )
            )
        for bound in self.listeners:
            await bound.start()

    async def stop(self) -> None:
        """Ends long polls, lets requests finish, writes what is queued, closes the database."""
        self.closing.set()
        started = bool(self.loops.names)
        if started:
            self.notifier.waiters.wake_all()
        await asyncio.gather(*(listener.stop() for listener in self.listeners))
        if started:
            await self._close_parts()
            self.watchdog.stop()
            await self.loops.stop()
            await self.tasks.close()
            await self._release()
            await self.writer.close()
        if self._database is not None:
            await self._database.close()

    async def _close_parts(self) -> None:
        """While the loops still run: what is under way ends, what is queued is written."""
        await self.assembly.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.writer.drain(), SHUTDOWN_PATIENCE)

    async def _release(self) -> None:
        """Other processes need not wait for what this one held."""
        releases = [work.release for work in self.work if isinstance(work, Loop) and work.release is not None]
        for release in (*releases, self.leases.release):
            with contextlib.suppress(Exception):
                await release()
