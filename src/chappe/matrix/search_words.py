"""The words of a text, for finding it again. What is kept and what is typed are split here, by the same rules; no parser of
a database or browser decides. Pure. `web/src/platform/search_words.ts` says the same for what only clients can read.

A text is folded (no case, no accents, one sign for each kind of apostrophe, hyphen and digit) and split at what is no letter,
mark or digit. Words linked by an apostrophe, a hyphen or the dots of an acronym are found by their parts and as one word;
elided articles are no words; `agent·e·s` is each of its forms. Scripts without spaces are found by pairs of characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

MAX_WORD = 100  # characters: what is longer is cut, in texts and terms alike
USUAL = 40  # characters: what is longer is not worth being remembered

# what is written in several ways, before anything is taken apart
_SIGNS = str.maketrans(
    dict.fromkeys("’‘‛ʼʹʻ´`′＇׳״", "'")  # apostrophes, and the marks of Hebrew abbreviations
    | dict.fromkeys("‐‑‒–⁃−﹣－־\u200c", "-")  # hyphens; a break that is not seen within a Persian word
    | dict.fromkeys("·•‧⋅∙", "·")
    | dict.fromkeys("°ºª\u200b", " ")
)
_ANY_SIGN = re.compile(f"[№{''.join(map(chr, _SIGNS))}]")
_NUMBER_SIGN = re.compile(r"(?<![^\W\d_])[nN][°º]|№")
# accents and points over and under letters of alphabets, with what is not seen; the vowel signs of Indian scripts stay
_DROPPED = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0730-\u074a\u093c\u09bc\u0a3c\u0abc\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff"
    "\ufe00-\ufe0f\ufe20-\ufe2f\u00ad\u200d-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+"
)
_KEPT = re.compile("[aouAOU]\u0308|[aA]\u030a|[иИ]\u0306")  # letters of their own where they are used
_LETTERS = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ħ": "h",
        "ŧ": "t",
        "ı": "i",
        "ŋ": "n",
        "ĸ": "k",
        "ς": "σ",
        "ة": "ه",
        "ى": "ي",
        "ی": "ي",
        "ک": "ك",
        "ٱ": "ا",
        "\u0901": "\u0902",
    }
    | {chr(zero + n): str(n) for zero in (0x660, 0x6F0, 0x966, 0x9E6, 0xE50) for n in range(10)}
)
_PLAIN = str.maketrans("äöüøå", "aouoa")
_SPELT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_HEBREW_QUOTE = re.compile('(?<=[א-ת])"(?=[א-ת])')
_DOTTED = re.compile(r"[\w.]+")
_ACRONYM = re.compile(r"(?:[^\W\d_]\.){2,}[^\W\d_]?")
_FEMININE = "e|ne|le|te|se|ve|sse|nne|lle|tte|rice|trice|euse|ere|esse|elle|ette|ive"
# agent(e)s, agent.e.s: as agent·e·s
_BRACKETED = re.compile(rf"(?<=[^\W\d_][^\W\d_])(?:\((?:{_FEMININE})\)s?|\.(?:{_FEMININE})(?:\.?s)?)(?![^\W_]|\.[^\W_])")
_ENDINGS = frozenset((*_FEMININE.split("|"), *(f"{ending}s" for ending in _FEMININE.split("|")), "s", "x"))
_REPLACED = {"rice": "eur", "trice": "teur", "euse": "eur", "ere": "er", "ve": "f", "ive": "if", "elle": "el", "esse": "e"}
_ELIDED = frozenset(("l", "d", "j", "m", "n", "s", "t", "c", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu"))
_LINKS = re.compile(r"[-'·]")
_MAY_BE_MARKS = re.compile("[\u0300-\U0010ffff]")
_PLAIN_CHUNKS = re.compile(r"\w+(?:[-'·]\w+)*")  # of a text without marks and `_`
# Thai, Lao, Burmese, Khmer, Hangul, Chinese characters, kana
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3031-\u318f\u31f0-\u31ff\u3400-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)

Forms = tuple[str, ...]  # of one word: as it is written, then otherwise


class Phrase(NamedTuple):
    """Words that stand together: each with its forms, in their order; `joined`: written as one, where they are linked.

    `is_run`: pairs of characters of a script without spaces, and the last one alone.
    """

    words: tuple[Forms, ...]
    joined: str | None = None
    is_run: bool = False


def fold(text: str) -> str:
    """For comparing what people type: no accents, no case, one sign where there are several."""
    folded = _folded(text)
    return folded if folded.isascii() else folded.translate(_PLAIN)


def split(text: str) -> Iterator[Phrase]:
    """The words of a text, in their order."""
    for chunk in chunks_of(text):
        yield from split_chunk(chunk)


def chunks_of(text: str) -> list[str]:
    """A text, folded and cut between what is not linked."""
    text = _marked(_folded(text)).replace("_", " ")
    found: list[str] = (_chunks() if _MAY_BE_MARKS.search(text) else _PLAIN_CHUNKS).findall(text)
    return found


def split_chunk(chunk: str) -> Iterable[Phrase]:
    """The words of one of the chunks."""
    if chunk.isascii() or not _unspaced().search(chunk):
        return _remembered(chunk) if len(chunk) <= USUAL else _of_chunk(chunk)
    return _of_mixed(chunk)


def raw_words(text: str) -> list[str]:
    """The words of a text as they are written there."""
    return _raw().findall(text)


def _folded(text: str) -> str:
    """Without case and accents, but for the letters that can be spelt in two ways."""
    if text.isascii():
        return text.lower().replace("`", "'")
    if _ANY_SIGN.search(text):
        text = _NUMBER_SIGN.sub("no ", text).translate(_SIGNS)
    text = _KEPT.sub(_in_one, unicodedata.normalize("NFKD", text))
    text = _DROPPED.sub("", text).lower()
    return text if text.isascii() else unicodedata.normalize("NFC", text.translate(_LETTERS))


def _in_one(letter: re.Match[str]) -> str:
    return unicodedata.normalize("NFC", letter[0])


def _marked(text: str) -> str:
    """With links where the parts of a word are not linked by a hyphen, an apostrophe or a middle dot."""
    if '"' in text:
        text = _HEBREW_QUOTE.sub("'", text)
    if "." in text:
        text = _DOTTED.sub(_with_hyphens, text)
    if "." in text or "(" in text:
        text = _BRACKETED.sub(_with_dots, text)
    return text


def _with_hyphens(found: re.Match[str]) -> str:
    return found[0].replace(".", "-") if _ACRONYM.fullmatch(found[0]) else found[0]


def _with_dots(found: re.Match[str]) -> str:
    ending = re.sub(r"[.()]", "", found[0])
    return f"·{ending[:-1]}·s" if ending.endswith("s") and found[0][-2] in ".)" else f"·{ending}"


def _of_mixed(chunk: str) -> Iterator[Phrase]:
    """A chunk in which there are characters of scripts without spaces."""
    end = 0
    for run in _unspaced().finditer(chunk):
        if before := chunk[end : run.start()].strip("-'·"):
            yield from _of_chunk(before)
        units = _unit().findall(run[0])
        yield Phrase(tuple((a + b,) for a, b in zip(units, (*units[1:], ""), strict=True)), is_run=True)
        end = run.end()
    if after := chunk[end:].strip("-'·"):
        yield from _of_chunk(after)


@lru_cache(maxsize=16384)
def _remembered(chunk: str) -> tuple[Phrase, ...]:
    return _of_chunk(chunk)


def _of_chunk(chunk: str) -> tuple[Phrase, ...]:
    if chunk.isalnum() or not _LINKS.search(chunk):
        return (Phrase((_forms(chunk),)),)
    base, *others = parts = _LINKS.split(chunk)
    if len(base) > 1 and _is_inclusive(chunk, others):
        return (Phrase((_inclusive(base, others),)),)
    kept = parts[1:] if "'" in chunk and base in _ELIDED and chunk[len(base)] == "'" else parts
    return (Phrase(tuple(map(_forms, kept)), "".join(parts).translate(_PLAIN)[:MAX_WORD]),)


def _is_inclusive(chunk: str, endings: list[str]) -> bool:
    """`agent·e·s`, and `agent-e-s`; but `donne-le` is two words."""
    if "'" in chunk or not _ENDINGS.issuperset(endings):
        return False
    return "-" not in chunk or endings[0] == "e" or (len(endings) > 1 and endings[-1].endswith("s"))


def _forms(word: str) -> Forms:
    word = word[:MAX_WORD]
    if word.isascii():
        return (word,)
    plain = word.translate(_PLAIN)
    return (plain,) if plain == word else (plain, word.translate(_SPELT))


def _inclusive(base: str, endings: list[str]) -> Forms:
    """`agent·e·s`: agent, agente, agents, agentes."""
    forms, is_many = [base], False
    for ending in endings:
        is_many = is_many or ending.endswith("s")
        if one := "" if ending in ("s", "x") else ending.removesuffix("s"):
            forms.append(base.removesuffix(_REPLACED.get(one, "")) + one)
    if is_many:
        forms += [f"{form}s" for form in forms]
    return tuple(dict.fromkeys(form for each in forms for form in _forms(each)))


@lru_cache(maxsize=1)
def _marks() -> str:
    """Signs that are parts of letters: for a character class."""
    return "".join(chr(c) for c in range(0x300, 0xAC00) if unicodedata.category(chr(c)).startswith("M"))


@lru_cache(maxsize=1)
def _raw() -> re.Pattern[str]:
    return re.compile(rf"(?:[^\W_]|[{_marks()}])+")


@lru_cache(maxsize=1)
def _chunks() -> re.Pattern[str]:
    """Letters, marks and digits, linked, in a text without `_`."""
    one = rf"[\w{_marks()}]+"
    return re.compile(rf"{one}(?:[-'·]{one})*")


@lru_cache(maxsize=1)
def _unspaced() -> re.Pattern[str]:
    return re.compile(rf"[{_UNSPACED}]+")


@lru_cache(maxsize=1)
def _unit() -> re.Pattern[str]:
    """A character with its marks: as many as are written, not as many as can be."""
    return re.compile(rf".[{_marks()}]{{0,3}}", re.DOTALL)
