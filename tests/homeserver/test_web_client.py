"""What `/` serves, and what is said to somebody who has not signed in yet."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from chappe.config import Brand
from chappe.homeserver.api.web.web_client import BUILT
from tests.support import Server

ROOT = Path(__file__).parents[2]
NewServer = Callable[..., Awaitable[Server]]
built = pytest.mark.skipif(not (BUILT / "index.html").is_file(), reason="needs the built web client (make web)")


async def get(server: Server, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.get(f"{server.base}{path}", headers=headers) as answer,
    ):
        return answer.status, {k.lower(): v for k, v in answer.headers.items()}, await answer.read()


async def ask(server: Server, address: str) -> tuple[int, dict[str, Any]]:
    url = f"{server.base}/_chappe/client/v1/organisation"
    async with aiohttp.ClientSession() as session, session.get(url, params={"address": address}) as answer:
        return answer.status, await answer.json()


@built
async def test_the_page_is_fresh_and_its_files_are_kept(server: Server) -> None:
    status, headers, page = await get(server, "/", **{"Accept-Encoding": "br"})
    assert status == 200 and headers["content-encoding"] == "br" and headers["cache-control"] == "no-cache"
    assert "script-src 'self' 'wasm-unsafe-eval'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    again, _, nothing = await get(server, "/", **{"Accept-Encoding": "br", "If-None-Match": headers["etag"]})
    assert (again, nothing) == (304, b"") and page
    name = next(path.name for path in (BUILT / "assets").glob("index-*.js"))
    status, headers, _ = await get(server, f"/assets/{name}", **{"Accept-Encoding": "identity"})
    assert status == 200 and "immutable" in headers["cache-control"] and "content-encoding" not in headers


@built
async def test_the_licences_of_its_parts_come_along(server: Server) -> None:
    status, headers, raw = await get(server, "/licences.txt", **{"Accept-Encoding": "identity"})
    assert status == 200 and headers["content-type"] == "text/plain; charset=utf-8"
    web = json.loads((ROOT / "web" / "package.json").read_text())
    assert [name for name in web["dependencies"] if f"\n## {name} " not in raw.decode()] == []
    assert raw.decode().endswith((ROOT / "LICENSE").read_text())


@pytest.mark.parametrize(
    "name", ["none.js", "..%2Findex.html", "%2e%2e%2fsw.js", ".hidden", "a" * 300, "..%5c..%5cconfig.py", "%00"]
)
async def test_there_is_no_way_out_of_the_folder(server: Server, name: str) -> None:
    for folder in ("assets", "icons"):
        status, _, _ = await get(server, f"/{folder}/{name}")
        assert status in (400, 404)


async def test_it_can_be_switched_off(new_server: NewServer) -> None:
    server = await new_server(web_client=False)
    status, _, page = await get(server, "/")
    assert status == 200 and b"Ce serveur de messagerie fonctionne" in page


async def test_brand_links_and_features_are_configuration(new_server: NewServer) -> None:
    links, features = {"help": "https://aide.example"}, {"forums": False}
    brand = Brand(name="Préfecture", colour="#7a1f5c", welcome="Bienvenue", links=links, features=features)
    server = await new_server(brands={"localhost": brand})
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{server.base}/_chappe/client/v1/configuration") as answer:
            said = await answer.json()
        async with session.get(f"{server.base}/manifest.webmanifest") as answer:
            manifest = await answer.json(content_type="application/manifest+json")
    assert said["brand"]["colour"] == "#7a1f5c" and said["brand"]["links"] == links and said["features"] == features
    assert said["organisations"] == {"localhost": "Préfecture"}
    assert manifest["name"] == "Préfecture" and manifest["theme_color"] == "#7a1f5c"


async def test_an_address_leads_to_its_organisation(new_server: NewServer) -> None:
    brand = Brand(name="Préfecture", email_domains=["prefecture.example"])
    elsewhere = {"ville.example": "https://messages.ville.example"}
    server = await new_server(brands={"localhost": brand}, organisations_elsewhere=elsewhere)
    status, found = await ask(server, "Sophie.Lambert@PREFECTURE.example")
    assert (status, found["where"], found["name"]) == (200, "here", "Préfecture")
    assert (await ask(server, "a@ville.example"))[1] == {"where": "elsewhere", "url": elsewhere["ville.example"]}
    assert (await ask(server, "a@gmail.example"))[0] == 404


@pytest.mark.parametrize("address", ["", "sophie", "a@", "@b", "a@b", "a@b c.fr", "a" * 3000])
async def test_what_is_no_address_is_refused(server: Server, address: str) -> None:
    status, said = await ask(server, address)
    assert (status, said["errcode"]) == (400, "M_INVALID_PARAM")


async def test_without_known_domains_every_address_is_of_this_installation(server: Server) -> None:
    assert (await ask(server, "sophie@anywhere.example"))[1]["where"] == "here"
