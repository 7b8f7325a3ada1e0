"""A server that would begin anew, or run on a database that cannot carry it, says so and touches nothing."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from chappe.homeserver.database.embedded import EmbeddedPostgres
from chappe.homeserver.database.embedded_folder import MARK, DatabaseFolderRefused
from chappe.homeserver.database.requirements import DatabaseRefused, Facts, connect_checked
from tests.process import ServedProcess


def _tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


async def test_a_folder_that_lost_its_pg_version_is_left_as_it_is(tmp_path: Path) -> None:
    server = await ServedProcess(tmp_path / "data", "--dev").start()
    await server.stop()
    folder = tmp_path / "data" / "postgres"
    (folder / "PG_VERSION").unlink()
    (folder / "notes of the operator.txt").write_text("mine")
    before = _tree(folder)
    status, said = await server.run("serve", "--dev", "--port", "0")
    assert status == 1 and "Traceback" not in said
    assert "PG_VERSION is missing" in said and str(folder) in said and "n'est pas vide" in said
    assert _tree(folder) == before


@pytest.mark.parametrize(
    "found", [["my file"], ["base/1/1249", "global/pg_control"], ["data/PG_VERSION"], [".hidden"], ["lost+found/", "x"]]
)
def test_what_is_in_the_folder_is_never_removed(tmp_path: Path, found: list[str]) -> None:
    folder = tmp_path / "postgres"
    for name in found:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).mkdir() if name.endswith("/") else (folder / name).write_text("kept")
    before = _tree(tmp_path)
    with pytest.raises(DatabaseFolderRefused, match="is not empty"):
        EmbeddedPostgres(folder).start_blocking()
    assert _tree(tmp_path) == before


@pytest.mark.parametrize("found", [[], ["lost+found"]])
def test_a_disk_of_its_own_gets_the_database_and_keeps_what_it_has(tmp_path: Path, found: list[str]) -> None:
    folder = tmp_path / "postgres"
    folder.mkdir()
    for name in found:
        (folder / name).mkdir()
    for _ in range(2):  # made, and found again
        server = EmbeddedPostgres(folder, fsync="off")
        server.start_blocking()
        server.stop_blocking()
        assert sorted(path.name for path in folder.iterdir()) == sorted(["cluster", *found])


def test_a_database_that_is_gone_is_missed(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", fsync="off")
    server.start_blocking()
    server.stop_blocking()
    (tmp_path / "postgres").rename(tmp_path / "elsewhere")
    for is_mount_point in (False, True):
        if is_mount_point:
            (tmp_path / "postgres").mkdir()
        with pytest.raises(DatabaseFolderRefused, match="a database was there before"):
            EmbeddedPostgres(tmp_path / "postgres").start_blocking()
    (tmp_path / "postgres").rmdir()
    (tmp_path / "elsewhere").rename(tmp_path / "postgres")
    again = EmbeddedPostgres(tmp_path / "postgres", fsync="off")
    again.start_blocking()
    again.stop_blocking()
    shutil.rmtree(tmp_path / "postgres")
    (tmp_path / MARK).unlink()  # as the words say
    anew = EmbeddedPostgres(tmp_path / "postgres", fsync="off")
    anew.start_blocking()
    anew.stop_blocking()


def test_a_failed_initdb_removes_what_it_made_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    (folder / "lost+found").mkdir(parents=True)
    server = EmbeddedPostgres(folder)
    real = server._run
    server._run = lambda arguments: real([*arguments, "--no-such-option"])  # type: ignore[method-assign]
    with pytest.raises(DatabaseFolderRefused, match="no-such-option"):
        server.start_blocking()
    assert _tree(tmp_path) == {"postgres", "postgres/lost+found"}


@pytest.mark.parametrize(
    "facts, said",
    [
        (Facts(150_018, "UTF8", "C", False), "this is PostgreSQL 15; Chappe needs 17 or newer"),
        (Facts(160_004, "UTF8", "C", True), "this is PostgreSQL 16"),
        (Facts(180_000, "LATIN1", "C", False), "its encoding is LATIN1"),
        (Facts(180_000, "SQL_ASCII", "C", True), "its encoding is SQL_ASCII"),
        (Facts(180_000, "UTF8", "fr_FR.UTF-8", False), "its collation is fr_FR.UTF-8"),
        (Facts(180_000, "UTF8", "C.UTF-8", False), "its collation is C.UTF-8"),
        (Facts(180_000, "UTF8", "fr_FR.UTF-8", True), None),  # it has served so: a new version does not lock it out
        (Facts(170_000, "UTF8", "C", False), None),
        (Facts(190_001, "UTF8", "POSIX", False), None),
    ],
)
def test_what_chappe_asks_of_a_postgresql(facts: Facts, said: str | None) -> None:
    unmet = facts.unmet()
    assert unmet is None if said is None else said in (unmet or "")


async def test_a_wrong_encoding_is_refused_before_the_first_table(postgres: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(postgres.url_of("postgres"))
    await connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    await connection.close()
    with pytest.raises(DatabaseRefused, match=r"latin .*encoding is LATIN1"):
        await connect_checked(postgres.url_of("latin"))
    connection = await asyncpg.connect(postgres.url_of("latin"))
    assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    await connection.close()


async def test_a_database_that_is_not_there_is_named_without_its_password(
    postgres: EmbeddedPostgres, new_database: Callable[[], Awaitable[str]]
) -> None:
    with pytest.raises(DatabaseRefused, match=r"nowhere .*does not let Chappe in"):
        await connect_checked(postgres.url_of("nowhere"))
    with pytest.raises(DatabaseRefused, match=r"chappe on 127\.0\.0\.1:9 cannot be reached") as error:
        await connect_checked("postgresql://chappe:secret@127.0.0.1:9/chappe")
    assert "secret" not in str(error.value)
    connection = await connect_checked(await new_database())
    await connection.close()
