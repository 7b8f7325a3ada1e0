"""How large a picture is, from the first bytes of it: nothing is decoded. PNG, GIF, JPEG and WebP."""

from __future__ import annotations

MOST_MARKERS = 1000  # of a JPEG, before the one that says it
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # the markers of JPEG that begin a frame
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})  # those that nothing follows


def dimensions(data: bytes) -> tuple[int, int] | None:
    """(width, height) in pixels; None for what is no such picture, or says nothing sensible."""
    if len(data) >= 24 and data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        found = _big(data, 16, 4), _big(data, 20, 4)
    elif len(data) >= 10 and data[:6] in (b"GIF87a", b"GIF89a"):
        found = _little(data, 6, 2), _little(data, 8, 2)
    elif data.startswith(b"\xff\xd8"):
        found = _of_jpeg(data)
    elif len(data) >= 30 and data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        found = _of_webp(data)
    else:
        return None
    return found if all(0 < side <= 0xFFFF_FFFF for side in found) else None


def _of_jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    for _ in range(MOST_MARKERS):
        if at + 9 > len(data) or data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker in _FRAMES:
            return _big(data, at + 7, 2), _big(data, at + 5, 2)
        at += 1 if marker == 0xFF else 2 if marker in _BARE else 2 + _big(data, at + 2, 2)
    return 0, 0


def _of_webp(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + _little(data, 24, 3), 1 + _little(data, 27, 3)
    if kind == b"VP8L" and data[20:21] == b"\x2f":
        bits = _little(data, 21, 4)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF
    return 0, 0


def _big(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")


def _little(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")
