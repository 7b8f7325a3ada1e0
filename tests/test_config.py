"""The configuration file: the template is valid, every mistake is told with its line."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest

from chappe.config import ConfigError, limits_of, load_config, template
from chappe.config.page import Table, defaults_of, page, struct_of, tables


def test_the_template_is_valid_and_says_what_it_does(tmp_path: Path) -> None:
    path = tmp_path / "chappe.toml"
    path.write_text(template("mairie.example", "0.0.0.0", 8448))
    config = load_config(path)
    assert (config.server_name, config.listeners[0].port, config.listeners[0].address) == ("mairie.example", 8448, "0.0.0.0")
    assert config.registration.open is False and limits_of(config)["message"] == (10, 100)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('server_name = "a b"', 1, "not a server name"),
        ('server_name = "a"\n\n[registration]\nopen = "yes"', 4, "Expected `bool`"),
        ('server_name = "a"\n[[listeners]]\nport = 1\n[[listeners]]\nport = 99999', 5, "65535"),
        ('[[listeners]]\nport = 1\napis = ["cleint"]', 3, "cleint"),
        ('server_name = "a"\nserver_nmae = "b"', 2, "unknown field"),
        ("[passwords]\npasses = 0", 2, ">= 1"),
        ("[limits.message]\nper_second = 0\nburst = 1", 2, "> 0"),
        ('database = "mysql://x"', 1, "postgresql"),
        ('default_room_version = "13"', 1, "room version"),
        ('extra_ca_file = "/nowhere"', 1, "does not exist"),
        ('[[listeners]]\ntls_certificate = "/nowhere"\ntls_key = "/nowhere"', 2, "does not exist"),
        ('public_url = "ftp://x"', 1, "https"),
        ('log_level = "loud"', 1, "debug"),
        ('server_name = \nlog_level = "info"', 1, "Invalid value"),
    ],
)
def test_mistakes_name_their_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = tmp_path / "chappe.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert f"line {line}" in str(error.value) and words in str(error.value) and str(path) in str(error.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_config(tmp_path / "none.toml")


def test_the_page_of_settings_is_made_from_the_sections() -> None:
    """`make settings` writes it anew."""
    assert (Path(__file__).parents[1] / "docs" / "settings.md").read_text() == page()


# Settings that have a default, where the first file shows an example instead.
EXAMPLES = {
    ".server_name",
    "listeners.apis",
    "email.sender",
    'federation.domains."example.org".mode',
    "push.contact",
    "identity_providers.display_name",
}


@pytest.mark.parametrize("table", tables(), ids=lambda table: table.path or "server")
def test_the_first_file_shows_the_defaults(table: Table) -> None:
    """Each line names a setting of its section, and shows its default where it has one."""
    struct = struct_of(table.path)
    if struct is None:
        return
    shown = {line.name: tomllib.loads(f"x = {line.value}")["x"] for line in table.lines}
    defaults = defaults_of(struct)
    assert shown.keys() <= defaults.keys()
    for name, value in shown.items():
        default = defaults[name]
        if default and default is not msgspec.NODEFAULT and f"{table.path}.{name}" not in EXAMPLES:
            assert value == (list(default) if isinstance(default, tuple) else default), name
