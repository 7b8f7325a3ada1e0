"""What the service writes to people (`texts.py`), as plain text and HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from chappe.config import Brand
from chappe.homeserver.outbound.mail.message import one_line
from chappe.homeserver.outbound.mail.texts import TEXTS
from chappe.i18n import Reader, elided, in_a_sentence, typeset

_HTML = """<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark"><title>{subject}</title>
<style>@media (prefers-color-scheme:dark){{.ground{{background:#0d1214!important}}.card{{background:#151b1e!important;
border-color:#283236!important;color:#e8eeef!important}}.soft{{color:#b0bdc1!important}}}}</style></head>
<body class="ground" style="margin:0;background:#edf1f2;font-family:Inter,system-ui,'Segoe UI',Roboto,sans-serif;font-size:15px;
line-height:1.55;color:#131c1f"><div class="ground" style="background:#edf1f2;padding:32px 16px"><div style="max-width:560px;margin:0 auto">
<p class="soft" style="margin:0 0 12px;padding:0 4px;font-weight:600;color:#435157">{logo}{brand}</p>
<div class="card" style="background:#ffffff;border:1px solid #dce3e5;border-radius:14px;padding:28px 24px;color:#131c1f">
<h1 style="font-size:22px;line-height:1.3;letter-spacing:-.02em;font-weight:600;margin:0 0 16px">{subject}</h1>{body}{button}</div>
</div></div></body></html>"""


_LINKS = re.compile(r"://|[@#](?=\w)|\.(?=[^\W\d])|:(?=[^\s\d])")  # of which programs that show mail make something to click on
_WHOLE = ("address", "code")  # what has been proven, or is our own


def named(profile_name: object, user_id: str) -> str:
    """What a person is called in a mail: never by a user id, of which its readers know nothing."""
    name = one_line(profile_name) if type(profile_name) is str else ""
    return in_a_sentence(name or user_id[1:].partition(":")[0])


def without_links(text: str) -> str:
    """Words that somebody else has chosen (a name, a room's, a purpose), in which no address can be clicked on."""
    return " ".join(_LINKS.sub(" ", text).split())


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    plain: str
    html: str


def compose(
    kind: str, language: str, brand: Brand, link: str | None = None, extra: Sequence[str] = (), **values: object
) -> Letter:
    """`extra`: further lines, such as the messages of a digest. `values`: words, or what says them to a reader (`i18n.InWords`).

    All that is given is kept to one line, and escaped in HTML; of what others have chosen no link is made.
    """
    subject, paragraphs, label = TEXTS[kind]["fr" if language.startswith("fr") else "en"]
    is_french = language.startswith("fr")
    reader = Reader(is_french, brand.timezone)
    said = {name: one_line(value(reader) if callable(value) else str(value))[:200] for name, value in values.items()}
    clean = {name: value if name in _WHOLE else without_links(value) for name, value in said.items()} | {"brand": brand.name}
    extra = [one_line(line) for line in extra]
    if is_french:
        subject, *paragraphs = (elided(each, clean) for each in (subject, *paragraphs))
    subject, label = typeset(subject, is_french), label and typeset(label, is_french)
    paragraphs = [typeset(each, is_french) for each in paragraphs]
    title = subject.format(**clean)
    lines = [p.format(**clean) for p in paragraphs]
    plain = "\n\n".join([*lines, *extra, *([link] if link else []), f"-- \n{brand.name}"]) + "\n"
    logo = (
        f'<img src="{escape(brand.logo_url)}" alt="" height="24" style="vertical-align:middle;margin-right:8px">'
        if brand.logo_url
        else ""
    )
    body = "".join(f"<p>{escape(line)}</p>" for line in lines)
    if extra:
        body += "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in extra) + "</ul>"
    button = ""
    if link is not None:
        text = escape((label or link).format(**clean))
        button = (
            f'<p style="margin:24px 0"><a href="{escape(link)}" style="display:inline-block;background:{brand.colour};color:#ffffff;'
            f'font-weight:600;padding:12px 20px;border-radius:10px;text-decoration:none">{text}</a></p>'
            f'<p class="soft" style="font-size:13px;word-break:break-all;color:#435157;margin:0">{escape(link)}</p>'
        )
    html = _HTML.format(
        lang=language[:2],
        subject=escape(title),
        colour=brand.colour,
        logo=logo,
        body=body,
        button=button,
        brand=escape(brand.name),
    )
    return Letter(f"{title} – {brand.name}", plain, html)
