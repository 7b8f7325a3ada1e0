"""A field of a form, as the template `field.html` shows it."""

from __future__ import annotations


def field(name: str, label: str, kind: str, autocomplete: str, value: str = "") -> dict[str, str]:
    return {"name": name, "label": label, "type": kind, "autocomplete": autocomplete, "value": value}
