"""Makes docs/gallery: a throw-away server, the play `gallery.mjs`, and its pictures as small files. `make gallery`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pyvips

from tests.clients.test_matrix_js_sdk import NODE_HOME
from tests.process import free_port

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "docs" / "gallery"
PAGE = ROOT / "docs" / "web-client.md"
WIDTHS = (1440, 768, 360)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command = [sys.executable, "-m", "chappe", "serve", "--data", f"{folder}/data", "--port", str(port), "--dev"]
        server = subprocess.Popen(command)
        try:
            _wait(f"http://127.0.0.1:{port}/health")
            play = [str(NODE_HOME / "bin" / "node"), "gallery.mjs", f"http://127.0.0.1:{port}", "none", folder, folder]
            chromium = shutil.which("chromium") or ""
            subprocess.run(play, cwd=Path(__file__).parent, env={**os.environ, "CHROMIUM": chromium}, check=True)
        finally:
            server.terminate()
            server.wait()
        _collect(Path(folder))


def _wait(url: str) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(url)
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the server did not start")


def _collect(folder: Path) -> None:
    shutil.rmtree(GALLERY, ignore_errors=True)
    GALLERY.mkdir()
    names = []
    for picture in sorted(folder.glob("*.*.*.png"), key=lambda path: path.stat().st_mtime):
        pyvips.Image.new_from_file(str(picture)).webpsave(str(GALLERY / f"{picture.stem}.webp"), Q=82, effort=6)
        names.append(picture.name.split(".")[0])
    lines = []
    for name in dict.fromkeys(names):
        lines += [f"### {name}", ""]
        for theme in ("light", "dark"):
            lines.append(" ".join(f"![{name}, {w} px, {theme}](gallery/{name}.{w}.{theme}.webp)" for w in WIDTHS))
        lines.append("")
    text = PAGE.read_text()
    head = text[: text.index("## Gallery")]
    PAGE.write_text(head + "## Gallery\n\nMade by `make gallery`.\n\n" + "\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
