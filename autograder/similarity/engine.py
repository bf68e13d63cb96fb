"""Fingerprints of answers, and the passages that two of them share, by copydetect.

copydetect (MOSS's winnowing: Schleimer, Wilkerson and Aiken, 2003) makes the fingerprints and finds the passages. It
gets a sequence of tokens from `linear`, one character for each token, and not the text: its own tokenizer treats all
names as equal, also those of the framework, so different right answers would look alike. Boilerplate is removed here,
because copydetect would also remove passages that occur twice in one answer. copydetect imports Matplotlib (about a
second), so this module is imported only when answers are compared.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from copydetect import CodeFingerprint
from copydetect.utils import find_fingerprint_overlap, get_copied_slices

from autograder.similarity.answers import Answer
from autograder.similarity.linear import END

PASSAGE = 5  # symbols of the shortest passage that counts
OWN = 2  # of them, at least so many must be significant: a call with three names is not
ROOM = 10  # added to the number of passages of an answer, so that short answers need more in common
SAYS_NOTHING = frozenset(("V", "self.V", "=", "call", "return", "arg", "def", "class", "Tuple", "Try", "None"))

Span = tuple[int, int, int]  # a line, from 1, and the first and the last column in it, from 0, in characters


@dataclass(frozen=True)
class Fingerprint:
    """An answer's passages as hashes, without known passages, and the place of each in the sequence of tokens.

    `size` is the number of all its passages, including known ones.
    """

    answer: Answer
    passages: frozenset[int]
    places: dict[int, list[int]]
    size: int


class Engine:
    """Makes fingerprints with one alphabet; only those of one engine can be compared."""

    def __init__(self) -> None:
        self.alphabet: dict[str, str] = {}

    def fingerprint(self, answer: Answer, known: frozenset[int] = frozenset()) -> Fingerprint:
        """The fingerprint of an answer, without the passages in `known`."""
        made = CodeFingerprint(
            "", PASSAGE, 1, filter=False, fp=io.StringIO("".join(map(self._letter, answer.names)))
        )  # a window of 1 keeps all passages: answers are short
        every = {
            int(passage): [int(i) for i in where]
            for passage, where in made.hash_idx.items()
            if self._counts(answer.names[where[0] : where[0] + PASSAGE])
        }
        places = {passage: where for passage, where in every.items() if passage not in known}
        return Fingerprint(answer, frozenset(places), places, len(every))

    def _counts(self, passage: tuple[str, ...]) -> bool:
        """Whether a passage is significant and within one statement: the order of statements does not matter."""
        return END not in passage and sum(name not in SAYS_NOTHING for name in passage) >= OWN

    def known(self, answers: Iterable[Answer]) -> frozenset[int]:
        """The passages in any of some answers."""
        return frozenset().union(*(self.fingerprint(answer).passages for answer in answers))

    def _letter(self, name: str) -> str:
        number = len(self.alphabet)
        # Letters from 256 on; halves of surrogate pairs are left out.
        return self.alphabet.setdefault(name, chr(0x100 + number if number < 0xD000 else 0x10000 + number))


def likeness(one: Fingerprint, other: Fingerprint) -> float:
    """How alike two answers are, from 0 to below 1: the share of the shorter one's passages that only these two have.

    Known passages do not count as shared, but count in the length: if an answer has little of its own, the similarity
    is low. Ten passages are added to the length, so that a few shared passages are never enough.
    """
    shared = len(one.passages & other.passages)
    return shared / (min(one.size, other.size) + ROOM)


def spans(one: Fingerprint, other: Fingerprint) -> tuple[list[Span], list[Span]]:
    """The places of the shared passages in the texts of two answers."""
    found = find_fingerprint_overlap(set(one.passages), set(other.passages), one.places, other.places)
    first, second = (
        list(_spans(fingerprint.answer, get_copied_slices(places, PASSAGE).T))
        for fingerprint, places in zip((one, other), found, strict=True)
    )
    return first, second


def _spans(answer: Answer, slices: Iterable[tuple[int, int]]) -> Iterator[Span]:
    lines = answer.text.split("\n")
    ends: dict[int, list[list[int]]] = {}
    for first, last in slices:
        here: dict[int, list[int]] = {}
        for symbol in answer.line[int(first) : int(last)]:
            if symbol.line:
                place = here.setdefault(symbol.line, [symbol.start, symbol.end])
                place[:] = min(place[0], symbol.start), max(place[1], symbol.end)
        for number, place in here.items():
            ends.setdefault(number, []).append(place)
    for number, places in sorted(ends.items()):
        text = lines[number - 1].encode()
        merged: list[list[int]] = []
        for start, end in sorted(places):
            if merged and not text[merged[-1][1] : start].strip(b" .,()[]:=+-*/@"):
                merged[-1][1] = max(merged[-1][1], end)
            else:
                merged.append([start, end])
        for start, end in merged:
            yield number, len(text[:start].decode(errors="ignore")), len(text[:end].decode(errors="ignore"))
