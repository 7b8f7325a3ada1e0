"""Where media bytes live: a folder by default, any object store that obstore knows by its URL."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.store import LocalStore, from_url

from chappe.config import Media

CHUNK = 1 << 20


class BlobStore:
    """Streams both ways: no blob is held in memory."""

    def __init__(self, location: str, options: Mapping[str, str] | None = None) -> None:
        """`location`: a folder, or a URL such as `s3://bucket/prefix`. `options`: what obstore knows for it."""
        self._is_local = "://" not in location
        self._root = Path(location).resolve() if self._is_local else None
        self._store: Any = _folder(Path(location)) if self._is_local else _remote(location, dict(options or {}))

    async def put(self, key: str, chunks: AsyncIterable[bytes]) -> None:
        await obstore.put_async(self._store, key, chunks, chunk_size=5 << 20, max_concurrency=2)

    async def move(self, source: str, target: str) -> None:
        """In the place of what may be there. On return a folder's file outlives a power cut; object stores see to it themselves."""
        if self._root is not None:
            await asyncio.to_thread(_sync_file, self._root / _on_disk(source))
        await obstore.rename_async(self._store, source, target)
        if self._root is not None:
            await asyncio.to_thread(_sync_folders, self._root, (self._root / _on_disk(target)).parent)

    @property
    def checks_itself(self) -> bool:
        """Whether what it holds is believed to be there and whole, without asking each time."""
        return not self._is_local

    async def older(self, prefix: str, before_ms: int) -> AsyncIterator[list[tuple[str, int]]]:
        """Pages of (key, bytes) of the blobs under a prefix that were written before then, and what dead processes left half written.

        An object store keeps half-written ones out of sight, and drops them by a rule of the bucket.
        """
        async for page in obstore.list(self._store, prefix, chunk_size=1000):
            yield [(e["path"], e["size"]) for e in page if e["last_modified"].timestamp() * 1000 < before_ms]
        if self._root is not None:
            yield await asyncio.to_thread(_half_written, self._root, prefix, before_ms)

    async def version_of(self, key: str) -> tuple[int, str] | None:
        """(size, what changes whenever the blob is written). None where there is none."""
        try:
            found = await obstore.head_async(self._store, key)
        except FileNotFoundError:
            return None
        return int(found["size"]), str(found["e_tag"])

    async def digest(self, key: str, size: int) -> bytes:
        """The SHA-256 of a blob. Raises FileNotFoundError."""
        if self._root is not None and (path := self._root / key).is_file():
            return await asyncio.to_thread(_digest_of_file, path)
        digest = hashlib.sha256()
        async for chunk in self.get(key, 0, size):
            digest.update(chunk)
        return digest.digest()

    async def get(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes [start, end). Raises FileNotFoundError."""
        if self._is_local:  # a file: one read a step, a tenth of what obstore's stream costs
            for at in range(start, end, CHUNK):
                yield bytes(await obstore.get_range_async(self._store, key, start=at, end=min(at + CHUNK, end)))
        elif start < end:
            result = await obstore.get_async(self._store, key, options={"range": (start, end)})
            async for chunk in result.stream(min_chunk_size=CHUNK):
                yield bytes(chunk)

    async def signed_url(self, key: str, seconds: int) -> str | None:
        """An address that gives the blob to whoever has it, for a while; None where the store has none."""
        if self._is_local:
            return None
        return str(await obstore.sign_async(self._store, "GET", key, timedelta(seconds=seconds)))

    async def copy_all(self, target: BlobStore) -> AsyncIterator[tuple[str, int]]:
        """Copies every blob that the target does not have in the same size. Yields (key, bytes) of each that was copied."""
        async for page in obstore.list(self._store):
            for entry in page:
                key, size = entry["path"], entry["size"]
                if key.startswith("uploads/") or await target.size_of(key) == size:
                    continue
                await target.put(key, self.get(key, 0, size))
                yield key, size

    async def size_of(self, key: str) -> int | None:
        found = await self.version_of(key)
        return None if found is None else found[0]

    async def read(self, key: str) -> bytes | None:
        """A small blob, or None."""
        try:
            result = await obstore.get_async(self._store, key)
        except FileNotFoundError:
            return None
        return bytes(await result.bytes_async())

    async def write(self, key: str, data: bytes) -> None:
        await obstore.put_async(self._store, key, data)

    async def delete_below(self, prefix: str) -> None:
        """Everything whose key begins like this."""
        async for page in obstore.list(self._store, prefix):
            await self.delete(*[entry["path"] for entry in page])

    async def delete(self, *keys: str) -> None:
        for key in keys:
            try:
                if self._root is not None and is_half_written(key):
                    (self._root / key).unlink()
                else:
                    await obstore.delete_async(self._store, key)
            except FileNotFoundError:
                continue


def s3_options(endpoint: str | None, region: str, key: str | None, secret: str | None) -> dict[str, str]:
    """Of the settings, for obstore; what is not set comes from the environment, as Amazon's tools do it."""
    values = {"aws_endpoint": endpoint, "aws_region": region, "aws_access_key_id": key, "aws_secret_access_key": secret}
    return {name: value for name, value in values.items() if value is not None}


def _on_disk(key: str) -> str:
    """How obstore writes a key as a path: what file systems might refuse is percent-encoded."""
    return re.sub(r"[\x00-\x1f\x7f\\{}^%`\[\]\"<>~#|*?]", lambda found: f"%{ord(found[0]):02X}", key)


def is_half_written(key: str) -> bool:
    """How obstore calls a file of a folder until it is whole; it neither lists nor deletes such ones."""
    return re.search(r"#\d+$", key) is not None


def _half_written(root: Path, prefix: str, before_ms: int) -> list[tuple[str, int]]:
    found = []
    for folder, _, names in os.walk(root / prefix):
        for path in (Path(folder) / name for name in names if is_half_written(name)):
            with contextlib.suppress(FileNotFoundError):  # just now whole, or given up
                about = path.stat()
                if about.st_mtime * 1000 < before_ms:
                    found.append((str(path.relative_to(root)), about.st_size))
    return found


def _digest_of_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _sync_file(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _sync_folders(root: Path, folder: Path) -> None:
    """A file's name, and those of the folders that were made for it."""
    if not folder.is_dir():
        os.sync()  # the store writes this name in another way
        return
    while folder.is_relative_to(root):
        _sync_file(folder)
        folder = folder.parent


def _remote(location: str, options: dict[str, Any]) -> Any:
    plain = str(options.get("aws_endpoint", "")).startswith("http://")
    return from_url(location, config=options or None, client_options={"allow_http": plain})  # type: ignore[call-overload, unused-ignore]


def _folder(path: Path) -> LocalStore:
    path.mkdir(parents=True, exist_ok=True)
    return LocalStore(str(path.resolve()))


def open_blobs(media: Media, folder: str, location: str | None = None) -> BlobStore:
    """Where the files are, as the configuration says; or at another place with the same access."""
    options = s3_options(media.s3_endpoint, media.s3_region, media.s3_access_key, media.s3_secret_key)
    place = location or media.location or folder
    return BlobStore(place, options if place.startswith("s3://") else None)
