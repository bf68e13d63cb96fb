"""Number words in Danish and English, 0 to 999,999: generated pairs for translation.

    >>> from course.data.numbers import generate
    >>> number = generate(1, seed=3, below=1000)[0]
    >>> number.value, number.danish, number.english
    (243, 'to hundrede og treogfyrre', 'two hundred and forty three')

Danish says the units before the tens, as German does: 47 is "syvogfyrre", seven-and-forty. And it counts the tens from
50 to 90 in twenties: "tres" is short for *tresindstyve*, three times twenty, and "halvtreds" for *halvtredje sinde
tyve*, half-third times twenty, that is two and a half times twenty: 50. Likewise "halvfjerds" 70, "firs" 80 and
"halvfems" 90.

A translator reads pieces of words: `pieces("syvogfyrre")` is syv, ##og, ##fyrre, where ## marks a piece that goes on
with a word, as BERT's word pieces do.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

LIMIT = 1_000_000

DANISH_BELOW_20 = (
    "nul", "en", "to", "tre", "fire", "fem", "seks", "syv", "otte", "ni", "ti", "elleve", "tolv", "tretten", "fjorten",
    "femten", "seksten", "sytten", "atten", "nitten",
)  # fmt: skip
DANISH_TENS = ("tyve", "tredive", "fyrre", "halvtreds", "tres", "halvfjerds", "firs", "halvfems")  # 20 to 90
ENGLISH_BELOW_20 = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
ENGLISH_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
PAD, BOS, EOS = "[PAD]", "[BOS]", "[EOS]"


@dataclass(frozen=True)
class Number:
    """A number and its names in both languages."""

    value: int

    @property
    def danish(self) -> str:
        """The number in Danish words."""
        return danish(self.value)

    @property
    def english(self) -> str:
        """The number in English words."""
        return english(self.value)


def generate(count: int, seed: int, below: int = LIMIT) -> list[Number]:
    """`count` different numbers from 0 to `below` - 1, in random order, all equally likely.

    The same seed gives the same numbers on every platform, and a smaller count gives the first numbers of a larger one:
    `generate(10, seed)` is `generate(20, seed)[:10]`. So the first may be for training and the rest for testing. Raises
    ValueError where there are fewer than `count` numbers, or `below` is more than a million.
    """
    if not 0 < below <= LIMIT or not 0 <= count <= below:
        raise ValueError(
            f"{count} different numbers below {below}: at most {LIMIT} numbers, and not more than there are"
        )
    rng = random.Random(seed)
    values: list[int] = []
    moved: dict[int, int] = {}
    for place in range(count):  # a partial shuffle: only `count` places
        other = rng.randrange(place, below)
        values.append(moved.get(other, other))
        moved[other] = moved.get(place, place)
    return [Number(value) for value in values]


def danish(value: int) -> str:
    """The Danish name of a number from 0 to 999,999; ValueError for another.

    47 is "syvogfyrre", 150 "et hundrede og halvtreds", 2001 "to tusind og en".
    """
    return _name(value, _danish_below_100, "hundrede", "tusind", "og", "et")


def english(value: int) -> str:
    """The English name of a number from 0 to 999,999; ValueError for another.

    47 is "forty seven", 150 "one hundred and fifty", 2001 "two thousand and one".
    """
    return _name(value, _english_below_100, "hundred", "thousand", "and", "one")


def _name(value: int, below_100: Callable[[int], str], hundred: str, thousand: str, and_: str, one: str) -> str:
    if not 0 <= value < LIMIT:
        raise ValueError(f"{value} is not between 0 and {LIMIT - 1}")

    def below_1000(number: int, before_noun: bool) -> list[str]:
        hundreds, rest = divmod(number, 100)
        words = [one if hundreds == 1 else below_100(hundreds), hundred] if hundreds else []
        if rest:
            # The counted noun is neuter in Danish: "et tusind", "to hundrede og et tusind", but "enogtyve tusind".
            words += [and_] * bool(words) + [one if rest == 1 and before_noun else below_100(rest)]
        return words

    thousands, rest = divmod(value, 1000)
    words = [*below_1000(thousands, True), thousand] if thousands else []
    if 0 < rest < 100 and words:
        words.append(and_)
    return " ".join(words + below_1000(rest, False)) or below_100(0)


def _danish_below_100(number: int) -> str:
    tens, units = divmod(number, 10)
    if number < 20:
        return DANISH_BELOW_20[number]
    return f"{DANISH_BELOW_20[units]}og{DANISH_TENS[tens - 2]}" if units else DANISH_TENS[tens - 2]


def _english_below_100(number: int) -> str:
    tens, units = divmod(number, 10)
    if number < 20:
        return ENGLISH_BELOW_20[number]
    return f"{ENGLISH_TENS[tens - 2]} {ENGLISH_BELOW_20[units]}" if units else ENGLISH_TENS[tens - 2]


# -- as a translator reads and writes them ----------------------------------------------------------------------------

_COMPOUND = re.compile(f"({'|'.join(DANISH_BELOW_20[1:10])})og({'|'.join(DANISH_TENS)})")


def pieces(text: str) -> list[str]:
    """A number's name, Danish or English, cut into pieces.

    "to hundrede og syvogfyrre" is to, hundrede, og, syv, ##og, ##fyrre.
    """
    found: list[str] = []
    for word in text.split():
        compound = _COMPOUND.fullmatch(word)
        found += [compound[1], "##og", f"##{compound[2]}"] if compound else [word]
    return found


class Vocabulary:
    """Pieces and their ids: 0 is [PAD], 1 [BOS], before the first piece, 2 [EOS], after the last.

    `words` are the pieces in the order of their ids.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = (PAD, BOS, EOS, *words)
        self._ids = {word: number for number, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def ids(self, text: str, length: int) -> list[int]:
        """The ids of a text's pieces and of [EOS], padded with 0 to `length` ids.

        Raises ValueError where the text is longer, and KeyError for a piece that is not in the vocabulary.
        """
        found = [*(self._ids[piece] for piece in pieces(text)), self._ids[EOS]]
        if len(found) > length:
            raise ValueError(f"{text!r} has {len(found)} pieces with {EOS}, more than {length}")
        return found + [0] * (length - len(found))

    def text(self, ids: Sequence[int]) -> str:
        """The text of these ids up to the first [EOS], without [PAD] and [BOS]."""
        words = [self.words[number] for number in ids]
        words = words[: words.index(EOS)] if EOS in words else words
        return " ".join(word for word in words if word not in (PAD, BOS)).replace(" ##", "")


DANISH = Vocabulary(
    [*DANISH_BELOW_20, "et", *DANISH_TENS, "hundrede", "tusind", "og", "##og", *(f"##{ten}" for ten in DANISH_TENS)]
)
ENGLISH = Vocabulary([*ENGLISH_BELOW_20, *ENGLISH_TENS, "hundred", "thousand", "and"])
