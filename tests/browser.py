"""A browser without JavaScript (`roams`: it also visits other servers): cookies, forms, redirects; what the sign-in pages must work with.

As Chromium does, it holds a form, and every redirect that follows it, to the `form-action` of the page (CSP3, 6.3.3.2)."""

from __future__ import annotations

import html
import re
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from tests.support import Reached


class FormTargets:
    """`form-action` of a page: where its forms, and the redirects that follow, may lead."""

    def __init__(self, policy: str, own: str) -> None:
        found = [each.split()[1:] for each in policy.split(";") if each.split()[:1] == ["form-action"]]
        assert len(found) == 1, f"forms may lead anywhere: {policy}"
        self.sources, self._own = found[0], _origin(own)

    def allow(self, url: str) -> bool:
        """Of the sources that we use: 'self', an origin, a scheme."""
        allowed = [self._own if each == "'self'" else each for each in self.sources]
        return _origin(url) in allowed or f"{urlsplit(url).scheme}:" in allowed

    def __repr__(self) -> str:
        return f"form-action {' '.join(self.sources)}"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class Browser:
    """`page`: the last page's text; `url`: its address. `headers`: what it sends with each request."""

    def __init__(self, server: Reached, roams: bool = False, **headers: str) -> None:
        self.server, self.cookies, self.headers = server, {}, {"Accept-Language": "en", **headers}
        self.roams, self._jars = roams, {}  # type: ignore[var-annotated]
        self.page, self.url, self.status, self.answer_headers = "", server.base, 0, {}  # type: ignore[var-annotated]

    async def open(self, url: str, form: dict[str, Any] | None = None, follow: bool = True, **headers: str) -> Browser:
        """Redirects within the server are followed; one that leads elsewhere is left in `url`."""
        return await self._open(url, form, follow, None, headers)

    async def _open(
        self, url: str, form: dict[str, Any] | None, follow: bool, targets: FormTargets | None, headers: dict[str, str]
    ) -> Browser:
        for _ in range(10):
            self.url = urljoin(self.url, url)
            assert targets is None or targets.allow(self.url), f"{targets} keeps a form from {self.url}"
            home = urlsplit(self.server.base).netloc
            host = urlsplit(self.url).netloc
            if host != home and not self.roams:
                return self
            self.cookies = self._jars.setdefault(host, self.cookies if host == home else {})
            given = {**self.headers, **headers, "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
            body = None
            if form is not None:
                origin = given.get("Origin", f"{urlsplit(self.url).scheme}://{host}")
                given |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": origin}
                body = urlencode(form).encode()
            method = "GET" if form is None else "POST"
            self.status, raw, answer = await self._fetch(method, body, given)
            self.page, self.answer_headers = raw.decode(), answer
            for line in answer.getall("Set-Cookie", []):
                for name, morsel in SimpleCookie(line).items():
                    if morsel["max-age"] == "0" or "1970" in morsel["expires"]:
                        self.cookies.pop(name, None)
                    else:
                        self.cookies[name] = morsel.value
            if self.status not in (302, 303) or not follow:
                return self
            url, form = answer["Location"], None
        raise AssertionError(f"too many redirects: {self.url}")

    async def _fetch(self, method: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes, Any]:
        if self.url.startswith(self.server.base):
            return await self.server.raw(method, self.url.removeprefix(self.server.base), body, None, headers)
        assert self.server.session is not None
        async with self.server.session.request(method, self.url, data=body, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.read(), answer.headers

    async def submit(self, action: str | None = None, **fields: str) -> Browser:
        """Sends the page's form (the one with this action) with what is filled in."""
        forms = {}
        for head, inside in re.findall(r"<form([^>]*)>(.*?)</form>", self.page, re.S):
            target = html.unescape(re.search(r'action="([^"]*)"', head)[1])  # type: ignore[index]
            forms.setdefault(target.split("?")[0], (target, inside))
        assert action is None or action in forms, f"no such form: {self.page[-3000:]}"
        target, inside = forms[action] if action else next(iter(forms.values()))
        values = {}
        for tag in re.findall(r"<input[^>]*>", inside):
            name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
            if name and 'type="checkbox"' not in tag:
                values[name[1]] = html.unescape(value[1]) if value else ""
        button = re.search(r'<button[^>]* name="(\w+)" value="(\w+)"', inside)
        if button:
            values[button[1]] = button[2]
        targets = None
        if self.url.startswith(self.server.base):  # a page of ours says where its forms may lead
            targets = FormTargets(self.answer_headers["Content-Security-Policy"], self.server.base)
        return await self._open(target, {**values, **fields}, True, targets, {})

    async def sign_in(self, login: str, password: str, url: str = "/login") -> Browser:
        await self.open(url)
        return await self.submit("/login", login=login, password=password)

    @property
    def heading(self) -> str:
        return html.unescape(re.search(r"<h1[^>]*>(.*?)</h1>", self.page)[1])  # type: ignore[index]

    @property
    def query(self) -> dict[str, str]:
        """Of the address where it is."""
        parts = urlsplit(self.url)
        return {k: v[0] for k, v in parse_qs(parts.query or parts.fragment).items()}
