"""Every sentence that `check` can say, by code; {blanks} are filled with what the file holds."""

from pipeline.site.words_files import FILE_WORDS
from pipeline.site.words_places import PLACE_WORDS

Sentence = tuple[str, str, str]

WORDS: dict[str, tuple[Sentence, Sentence]] = {**FILE_WORDS, **PLACE_WORDS}
"""Code -> (what, why, what to do) in English and in Chinese."""

WARNINGS = frozenset({"O006"})
"""Codes a site starts with all the same."""
