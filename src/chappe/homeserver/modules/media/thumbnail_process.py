"""The process that decodes one picture: reads it from standard input, writes type, newline and thumbnail.

It limits itself before it looks at a byte: processor time, memory, no files.
"""

from __future__ import annotations

import resource
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyvips import Image

PROCESSOR_SECONDS = 15
MEMORY = 1 << 30
MAX_PIXELS = 80_000_000
MAX_FRAMES = 100
MOST_DRAWN = 32 << 10  # bytes of a PNG: what was drawn takes less, and a photograph more


def main() -> int:
    width, height, method, animated = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4] == "1"
    import pyvips

    pyvips.cache_set_max(0)
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    picture = sys.stdin.buffer.read()
    try:
        loader = loader_of(picture)
        if not any(name in loader for name in ("jpeg", "png", "gif", "webp", "heif", "tiff", "jxl")):
            return 2
        header = pyvips.Image.new_from_buffer(picture, "")
        if header.width * header.height > MAX_PIXELS:
            return 3
        frames = header.get("n-pages") if "n-pages" in header.get_fields() else 1
        moving = animated and frames > 1 and any(name in loader for name in ("gif", "webp"))
        if moving and header.width * header.height * frames > MAX_PIXELS:
            moving = False
        options = f"[n={min(frames, MAX_FRAMES)}]" if moving else ""
        image = pyvips.Image.thumbnail_buffer(
            picture,
            width,
            height=height,
            size="down",
            option_string=options,
            crop="centre" if method == "crop" and not moving else "none",
        )
        if moving:
            kind, data = b"image/webp", image.write_to_buffer(".webp", Q=75)
        else:
            kind, data = _encoded(image.copy_memory(), "png" in loader)
    except pyvips.Error:
        return 1
    sys.stdout.buffer.write(kind + b"\n" + data)
    return 0


def _encoded(image: Image, is_png: bool) -> tuple[bytes, bytes]:
    """Transparency needs a PNG, and what was drawn stays sharp in one; photographs are a fifth of it as JPEG."""
    if is_png or image.hasalpha():
        data = image.write_to_buffer(".png", strip=True)
        if image.hasalpha() or len(data) <= MOST_DRAWN:
            return b"image/png", data
    return b"image/jpeg", image.write_to_buffer(".jpg", Q=80, strip=True)


def loader_of(picture: bytes) -> str:
    """What would read the picture, in lower case: found by its first bytes, before anything of it is read."""
    import pyvips

    name = pyvips.vips_lib.vips_foreign_find_load_buffer(picture, len(picture))
    return "" if name == pyvips.ffi.NULL else pyvips.ffi.string(name).decode().lower()


if __name__ == "__main__":
    sys.exit(main())
