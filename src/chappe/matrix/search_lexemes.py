"""What words are found by: themselves, other spellings, and stems (`stems.py`). Made here for what is indexed and for what is
typed, so that the database only compares: it gets a `tsvector` and a `tsquery` in their text form. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from chappe.matrix.search_words import USUAL, Forms, Phrase, chunks_of, fold, raw_words, split, split_chunk
from chappe.matrix.stems import stems_of

MAX_WORDS = 60  # of one term; what comes after them is not looked for
_PLACE = "\0"
AS_WRITTEN, OTHERWISE, STEM = "A", "B", "D"  # weights: what was written as it was typed is shown first

_SAYS_NOTHING = """
    a ai as au aux avec c ce ces cet cette d dans de des du elle elles en es est et eux il ils j je l la le les leur leurs lui m ma
    mais me mes n ne nos notre nous on ont ou par pas pour qu que qui s sa se ses si son sont sur t ta te tes toi ton tu un une vos
    votre vous y
    an and are at be but by for from has have i in is it its no not of or our that the their they this to was we were what which
    will with you your
    als am auf aus bei bin das dass dem den der die ein eine einem einen einer eines er fur hat ich ihr im ist kein mit nach nicht
    oder sich sie sind uber um und uns vom von vor war wie wir zu zum zur
"""
_STOP = frozenset(_SAYS_NOTHING.split())
_QUOTED = re.compile(r'(?<![^\W_])"([^"]+)"(?![^\W_])|“([^“”]+)”|«([^«»]+)»')

Lexeme = tuple[str, str]  # what is compared; its weight


class Vector:
    """A text, given in parts that end between words, as a `tsvector`: each lexeme with its places and weights."""

    __slots__ = ("_entries", "_place")

    def __init__(self, text: str = "") -> None:
        self._entries: list[str] = []
        self._place = 0
        self.add(text)

    def add(self, text: str) -> None:
        entries, place = self._entries, self._place
        for chunk in chunks_of(text):
            for word in _remembered(chunk) if len(chunk) <= USUAL else _of_chunk(chunk):
                place += 1
                entries.append(word.replace(_PLACE, str(place)))
        self._place = place

    def __str__(self) -> str:
        return " ".join(self._entries)


@lru_cache(maxsize=16384)
def _remembered(chunk: str) -> tuple[str, ...]:
    return _of_chunk(chunk)


def _of_chunk(chunk: str) -> tuple[str, ...]:
    """For each word of a chunk what is entered for it, but for the place."""
    words = []
    for found in split_chunk(chunk):
        joined = () if found.joined is None else lexemes((found.joined,))
        entries = [f"'{lexeme}':{_PLACE}{OTHERWISE}" for lexeme, _ in joined]
        for forms in found.words:
            words.append(" ".join((*entries, *(f"'{lexeme}':{_PLACE}{weight}" for lexeme, weight in lexemes(forms)))))
            entries = []
    return tuple(words)


def query(term: str) -> str:
    """What is looked for as a `tsquery`: all words, but for those that say nothing; what stands in quotes as it stands there.

    Empty where there are no words.
    """
    clauses: list[tuple[str, bool]] = []
    for text, is_phrase in _parts(term):
        found = list(split(text))[:MAX_WORDS]
        if is_phrase and found:
            clauses.append(("<->".join(_stemmed(forms) for each in found for forms in _looked_for(each)), False))
        else:
            clauses += [(_clause(each), _says_nothing(each)) for each in found]
    telling = [clause for clause, says_nothing in clauses if not says_nothing] or [clause for clause, _ in clauses]
    return " & ".join(f"({clause})" for clause in telling[:MAX_WORDS])


def names(text: str) -> str:
    """What a person is found by, as words with spaces between them."""
    kept = [word for found in split(text) for word in (*(w for forms in found.words for w in forms), found.joined) if word]
    return " ".join(dict.fromkeys(kept))


def contained(term: str) -> list[str]:
    """What must be part of a text that is searched through as it is: the words, in any order; signs where there are no words."""
    words = [forms[0] for found in split(term) for forms in found.words]
    return list(dict.fromkeys(words or fold(term).split()))[:MAX_WORDS]


def patterns(term: str) -> list[str]:
    """The same for LIKE ALL; none where nothing is asked for."""
    return [f"%{escaped(part)}%" for part in contained(term)]


def escaped(text: str) -> str:
    """For LIKE, without what means something else than itself."""
    return re.sub(r"([\\%_])", r"\\\1", text.replace("\0", ""))


def has_all(text: str, term: str) -> bool:
    """Whether a text has everything of a term, in any order."""
    plain = fold(text)
    return all(part in plain for part in contained(term))


def name_query(term: str, ending: str = ":*") -> str:
    """Names with a word that begins with each of those typed, as a `tsquery`. Empty where there are no words."""
    clauses = []
    for found in list(split(term))[:MAX_WORDS]:
        clause = " & ".join(_one_of(forms, ending) for forms in _looked_for(found))
        clauses.append(f"(({clause}) | '{found.joined}'{ending})" if found.joined is not None else clause)
    return " & ".join(clauses)


def exact_names(term: str) -> str:
    """Names with the words themselves."""
    return name_query(term, "")


def meant(term: str, texts: Iterable[str]) -> list[str]:
    """The words of some texts that a term meant, in their own spelling; what has no spaces as it was typed."""
    wanted: set[str] = set()
    runs: set[str] = set()
    asked = list(split(term))
    for found in [each for each in asked if not _says_nothing(each)] or asked:
        if found.is_run:
            runs.add(_text_of(found))
        else:
            wanted |= {lexeme for forms in _all_forms(found) for lexeme, _ in lexemes(forms)}
    shown: dict[str, None] = {}
    for word in dict.fromkeys(word for text in texts for word in raw_words(text)):
        if any(wanted & {lexeme for forms in _all_forms(each) for lexeme, _ in lexemes(forms)} for each in split(word)):
            shown[word.lower()] = None
        for run in runs:
            if run in fold(word):
                shown[run] = None
    return list(shown)


@lru_cache(maxsize=16384)
def lexemes(forms: Forms) -> tuple[Lexeme, ...]:
    """What one word is found by, without repetition, the heaviest first."""
    found: dict[str, str] = {forms[0]: AS_WRITTEN}
    for form in forms:
        found.setdefault(form, OTHERWISE)
    for form in forms:
        for stem in stems_of(form):
            found.setdefault(stem, STEM)
    return tuple(found.items())


def _parts(term: str) -> Iterator[tuple[str, bool]]:
    """The parts of a term, and whether they stand in quotes."""
    end = 0
    for found in _QUOTED.finditer(term):
        yield term[end : found.start()], False
        yield next(text for text in found.groups() if text is not None), True
        end = found.end()
    yield term[end:], False


def _clause(found: Phrase) -> str:
    if found.is_run:
        pairs = [f"'{unit}'" for (unit,) in _looked_for(found)]
        return "<->".join(pairs) if len(found.words) > 1 else f"{pairs[0]}:*"
    clause = " & ".join(map(_stemmed, found.words))
    return f"({clause}) | {_stemmed((found.joined,))}" if found.joined is not None else clause


def _stemmed(forms: Forms) -> str:
    return _one_of(tuple(lexeme for lexeme, _ in lexemes(forms)))


def _one_of(words: tuple[str, ...], ending: str = "") -> str:
    """`ending`: `:*` for what begins with one of the words."""
    return "(" + " | ".join(f"'{word}'{ending}" for word in words) + ")"


def _looked_for(found: Phrase) -> tuple[Forms, ...]:
    """The words to look for. A run of characters without spaces is looked for by its pairs; its last character alone is left out."""
    return found.words[:-1] if found.is_run and len(found.words) > 1 else found.words


def _text_of(run: Phrase) -> str:
    """What pairs of characters were made of."""
    unit = text = ""
    for (pair,) in reversed(run.words):
        unit = pair.removesuffix(unit)
        text = unit + text
    return text


def _says_nothing(found: Phrase) -> bool:
    return not found.is_run and all(forms[0] in _STOP for forms in found.words)


def _all_forms(found: Phrase) -> tuple[Forms, ...]:
    return (*found.words, (found.joined,)) if found.joined is not None else found.words
