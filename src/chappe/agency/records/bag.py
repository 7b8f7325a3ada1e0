"""A package whose parts prove that they are whole: BagIt (RFC 8493) in a ZIP file, sealed with a hosted domain's signing key."""

from __future__ import annotations

import datetime
import hashlib
import zipfile
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType

import orjson

from chappe.matrix.signing import SigningKey, sign_json, verify_json

SIGNATURE, TAG_MANIFEST, MANIFEST, INFO = ("signature.json", "tagmanifest-sha256.txt", "manifest-sha256.txt", "bag-info.txt")
_DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_COMPRESSED = (".json", ".jsonl", ".txt", ".xml", ".html")


class Bag:
    """Written part by part; `seal` ends it. Used as a context manager: what is not sealed is removed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._zip = zipfile.ZipFile(path, "x", allowZip64=True)
        self._hashes: dict[str, str] = {}
        self._bytes, self._sealed = 0, False

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._zip.close()
        if not self._sealed:
            self._path.unlink(missing_ok=True)

    async def add(self, name: str, data: bytes | AsyncIterable[bytes]) -> None:
        """`name`: below `data/`. A name that is there already gets a number."""
        name = self._free(f"data/{name}")
        digest = hashlib.sha256()
        if not isinstance(data, bytes):
            data = await _begun(data)  # what is not there is found out before it has a place in the package
        with self._zip.open(_entry(name), "w", force_zip64=True) as part:
            if isinstance(data, bytes):
                digest.update(data)
                self._bytes += part.write(data)
            else:
                async for chunk in data:
                    digest.update(chunk)
                    self._bytes += part.write(chunk)
        self._hashes[name] = digest.hexdigest()

    def _free(self, name: str) -> str:
        stem, dot, suffix = name.rpartition(".")
        candidate, number = name, 1
        while candidate in self._hashes:
            number += 1
            candidate = f"{stem}-{number}{dot}{suffix}" if dot else f"{name}-{number}"
        return candidate

    def seal(self, info: Mapping[str, str], tags: Mapping[str, bytes], server_name: str, key: SigningKey, now_ms: int) -> None:
        """`info`: what bag-info.txt says; `tags`: further files about the package."""
        told = {
            **info,
            "Bagging-Date": datetime.datetime.fromtimestamp(now_ms / 1000, datetime.UTC).date().isoformat(),
            "Payload-Oxum": f"{self._bytes}.{len(self._hashes)}",
            "Bag-Software-Agent": "Chappe",
        }
        files = {
            "bagit.txt": _DECLARATION,
            INFO: "".join(f"{label}: {' '.join(value.split())}\n" for label, value in told.items()).encode(),
            MANIFEST: _manifest(self._hashes),
            **tags,
        }
        files[TAG_MANIFEST] = _manifest({name: hashlib.sha256(data).hexdigest() for name, data in files.items()})
        seal = {"file": TAG_MANIFEST, "sha256": hashlib.sha256(files[TAG_MANIFEST]).hexdigest(), "signed_ts": now_ms}
        files[SIGNATURE] = orjson.dumps(sign_json(seal, server_name, key), option=orjson.OPT_INDENT_2)
        for name, data in files.items():
            self._zip.writestr(_entry(name), data)
        self._sealed = True


class BrokenBag(Exception):
    """Told in words."""


def verify(path: Path, keys: Mapping[tuple[str, str], str]) -> str:
    """Who sealed a package that is whole. `keys`: public keys (unpadded base64) by server name and key id. Raises BrokenBag."""
    try:
        with zipfile.ZipFile(path) as packed:
            seal = orjson.loads(packed.read(SIGNATURE))
            tags = packed.read(TAG_MANIFEST)
            if seal["sha256"] != hashlib.sha256(tags).hexdigest():
                raise BrokenBag("The seal is of another package")
            for name, expected in _listed(tags) | _listed(packed.read(MANIFEST)):
                if _digest(packed, name) != expected:
                    raise BrokenBag(f"{name} is not what was packed")
            known = {name for name, _ in _listed(packed.read(MANIFEST))}
            stray = [n for n in packed.namelist() if n.startswith("data/") and n not in known]
            if stray:
                raise BrokenBag(f"{stray[0]} was not packed")
            for server_name, signatures in seal["signatures"].items():
                for key_id in signatures:
                    public = keys.get((server_name, key_id))
                    if public is not None and verify_json(seal, server_name, key_id, public):
                        return f"{server_name} ({key_id})"
    except (KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise BrokenBag(f"This is no package, or a part is missing: {error}") from None
    raise BrokenBag("Nobody whose key is known has sealed it")


async def _begun(chunks: AsyncIterable[bytes]) -> AsyncIterable[bytes]:
    iterator = aiter(chunks)
    first = await anext(iterator, b"")

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for chunk in iterator:
            yield chunk

    return whole()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED if name.endswith(_COMPRESSED) else zipfile.ZIP_STORED
    entry.external_attr = 0o644 << 16
    return entry


def _manifest(hashes: Mapping[str, str]) -> bytes:
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items())).encode()


def _listed(manifest: bytes) -> set[tuple[str, str]]:
    return {(name, digest) for digest, _, name in (line.partition("  ") for line in manifest.decode().splitlines())}


def _digest(packed: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    with packed.open(name) as part:
        while chunk := part.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
