"""The configuration file: the template is valid, every mistake is told with its line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_type_hints

import msgspec
import pytest
from msgspec import Meta

from chappe.config import Config, ConfigError, GatewaySettings, Listener, limits_of, load_config, template
from chappe.config.first_file import toml
from chappe.config.page import page
from chappe.config.settings import Section, Setting, sections

ROOT = Path(__file__).parents[1]


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
        ("[limits]\nmessage = {per_second = 0, burst = 1}", 2, "> 0"),
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
    assert (ROOT / "docs" / "settings.md").read_text() == page()


# -------------------------------------------------------------------------------------------- what is said of a setting

SECTIONS = [*sections(Config), *(s for s in sections(GatewaySettings) if s.struct is not Listener)]
SETTINGS = [(section, setting) for section in SECTIONS for setting in section.settings]
every_setting = pytest.mark.parametrize(
    ("section", "setting"), SETTINGS, ids=[f"{s.struct.__name__}.{one.name}" for s, one in SETTINGS]
)


def sentences(text: str) -> set[str]:
    """Those of a text that say something of their own: of six words or more, in plain letters."""
    plain = re.sub(r"\s+", " ", re.sub(r"[`*]", "", text)).lower()
    return {one.strip() for one in re.split(r"[.;|]|: ", plain) if len(one.split()) >= 6}


def runs(text: str) -> set[str]:
    """Every seven words that follow one another."""
    words = re.findall(r"[\w'’-]+", re.sub(r"[`*]", "", text).lower())
    return {" ".join(words[at : at + 7]) for at in range(len(words) - 6)}


@every_setting
def test_a_setting_says_what_it_means(section: Section, setting: Setting) -> None:
    """In whole sentences."""
    assert re.fullmatch(r"[A-Z“].*[.]", setting.meaning), setting.meaning
    assert len(setting.meaning.split()) >= 3


@every_setting
def test_a_number_has_a_unit_and_a_range(section: Section, setting: Setting) -> None:
    if setting.is_number:
        assert setting.unit, "by the end of its name (_minutes, _mib) or by says(unit=…)"
        assert re.search(r"\d or more|above \d|\d to \d", setting.accepts), setting.accepts


@every_setting
def test_what_a_text_must_look_like_is_said_in_words(section: Section, setting: Setting) -> None:
    """A pattern has its words beside it (`shaped`)."""
    hint = str(get_type_hints(section.struct, include_extras=True)[setting.name])
    assert ("pattern='" in hint) == ("'form': '" in hint)


@every_setting
def test_a_free_text_says_what_a_wrong_one_does(section: Section, setting: Setting) -> None:
    """What the type bounds is refused at the start; of the rest an operator is told."""
    if setting.is_free and setting.name != "shared_secret":
        assert setting.wrong.endswith("."), setting.accepts


@every_setting
def test_what_the_first_file_shows_says_something(section: Section, setting: Setting) -> None:
    """A setting that may be left out, or holds nothing by default, has an example; an example is not the default."""
    if setting.default in (None, [], {}, "") or setting.default is msgspec.NODEFAULT:
        assert setting.example is not None
    assert setting.example != setting.default


def test_a_meaning_is_told_once() -> None:
    """Two settings that mean the same have one declaration (`Rewrite`): then they have the same words, which stand in one place."""
    told: dict[str, object] = {}
    for section, setting in SETTINGS:
        hints = get_type_hints(section.struct, include_extras=True)
        said = [one for one in getattr(hints[setting.name], "__metadata__", ()) if isinstance(one, Meta) and one.description]
        assert len(said) == 1, f"{section.path}.{setting.name}"
        for sentence in sentences(setting.meaning):
            assert told.setdefault(sentence, said[0]) is said[0], sentence


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: s.struct.__name__)
def test_a_section_says_what_it_is_for(section: Section) -> None:
    """And leaves to its settings what they mean."""
    assert len(section.meaning.split()) > 3 and section.meaning.endswith(".")
    assert not [one.name for one in section.settings if f"`{one.name}`:" in section.meaning]


@pytest.mark.parametrize("place", sorted((ROOT / "docs").glob("*.md")), ids=lambda place: place.name)
def test_other_pages_do_not_tell_it_again(place: Path) -> None:
    if place.name != "settings.md":
        told = {words for _, setting in SETTINGS for words in runs(setting.meaning)}
        assert sorted(told & runs(place.read_text())) == []


def test_every_line_of_the_first_file_can_be_taken_in() -> None:
    """With all marks taken away it is one valid file, and says of each setting its default or an example of the right type."""
    text = re.sub(r"(?m)^# (?=\[|[a-z_0-9]+ = )", "", template("example.org", "127.0.0.1", 8008))
    config = msgspec.convert(tomllib.loads(text), Config)
    assert config.limits == Config().limits and config.shares == Config().shares and config.passwords.passes == 3
    assert config.brands["example.org"].features == {"polls": False} and config.ldap[0].uri and config.federation.domains


@pytest.mark.parametrize("section", [*sections(Config)], ids=lambda s: s.path or "server")
def test_what_is_not_marked_as_an_example_is_the_default(section: Section) -> None:
    text = template("example.org", "127.0.0.1", 8008)
    for setting in section.settings:
        if setting.is_shown_by_example or f"{section.path}.{setting.name}" in (
            ".server_name",
            "listeners.address",
            "listeners.port",
        ):
            continue
        assert f"# {setting.name} = {toml(setting.default)}" in text
