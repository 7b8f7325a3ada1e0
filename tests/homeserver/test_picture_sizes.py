"""How large a picture of a link preview is, told from its first bytes."""

from __future__ import annotations

import pytest
import pyvips

from chappe.homeserver.modules.url_previews.picture import dimensions

FORMATS = [".png", ".jpg", ".jpg[interlace]", ".gif", ".webp", ".webp[lossless]"]


@pytest.mark.parametrize("form", FORMATS)
def test_pictures(form: str) -> None:
    picture = pyvips.Image.black(300, 17, bands=3).write_to_buffer(form)
    assert dimensions(picture) == (300, 17)
    for end in range(min(len(picture), 200)):  # cut off anywhere: no error
        assert dimensions(picture[:end]) in (None, (300, 17))


def test_a_picture_with_transparency() -> None:
    assert dimensions(pyvips.Image.black(5, 400, bands=4).write_to_buffer(".webp")) == (5, 400)


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"\xff\xd8" + b"\xff\xff" * 5000, b"\x89PNG\r\n\x1a\n" + bytes(40), b"<svg/>"]
)
def test_what_is_no_picture(data: bytes) -> None:
    assert dimensions(data) is None
