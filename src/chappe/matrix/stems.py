"""The stems of a word, by its script. Pure.

Nobody says which language they write in: a Latin word has its French, English and German stems. Stems are made of words without
accents, since people leave those out.
"""

from __future__ import annotations

from collections.abc import Iterator

from Stemmer import Stemmer

_LATIN = {name: Stemmer(name) for name in ("french", "english", "german")}
_RUSSIAN, _GREEK = Stemmer("russian"), Stemmer("greek")
_ARABIC_BEFORE = ("وال", "بال", "كال", "فال", "ال", "لل")
_ARABIC_AFTER = ("ها", "ان", "ات", "ون", "ين", "يه", "ه", "ي")
_HEBREW_BEFORE, _HEBREW_AFTER = "הובלכמש", ("ים", "ות")
_HINDI_AFTER = "".join(map(chr, (0x902, *range(0x93E, 0x94D))))  # signs of vowels, and the nasal


def stems_of(word: str) -> Iterator[str]:
    first = ord(word[0])
    if len(word) < 3:
        return
    if 0x61 <= first <= 0x24F or 0x1E00 <= first <= 0x1EFF:
        yield from (stemmer.stemWord(word) for stemmer in _LATIN.values())
        if word.endswith(("ee", "ees")):  # a participle, without its accent
            yield _LATIN["french"].stemWord(word.removesuffix("s")[:-1])
        if len(word) > 3 and word.endswith(("us", "is", "oux")):  # plurals that no stemmer takes for such
            yield word[:-1]
    elif 0x370 <= first <= 0x3FF:
        yield _GREEK.stemWord(word)
    elif 0x400 <= first <= 0x52F:
        yield _RUSSIAN.stemWord(word)
    elif 0x600 <= first <= 0x6FF:
        yield _without(word, _ARABIC_BEFORE, _ARABIC_AFTER)
    elif 0x590 <= first <= 0x5FF:
        yield _without(word, (), _HEBREW_AFTER)
        if len(word) > 3 and word[0] in _HEBREW_BEFORE:
            yield word[1:]
            yield _without(word[1:], (), _HEBREW_AFTER)
    elif 0x900 <= first <= 0x97F:
        stem = word.rstrip(_HINDI_AFTER)
        yield stem if len(stem) > 1 else word


def _without(word: str, before: tuple[str, ...], after: tuple[str, ...]) -> str:
    """A word without what is written together with it, where at least three letters are left."""
    for part in before:
        if word.startswith(part) and len(word) - len(part) >= 3:
            word = word.removeprefix(part)
            break
    for part in after:
        if word.endswith(part) and len(word) - len(part) >= 3:
            return word.removesuffix(part)
    return word
