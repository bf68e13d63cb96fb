"""Drawing helpers for the diagrams: an SVG on a card of its own, in colours for light and for dark screens.

A notebook shows a diagram as an image. There no style sheet of the page reaches it, so it has its own background and
its own rule for dark screens. Coordinates are in pixels of a picture that is 440 wide; at 400 pixels its text is still
readable, and it is sharp at any size. All words go through `course.i18n`.
"""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from course.i18n import _

WIDTH = 440  # of every diagram
SIZE, SMALL = 14.0, 12.5  # of text; 12.5 is 11.4 where the diagram is 400 pixels wide
SHOWN = 560  # the width in a notebook that has the room
MINUS, LINE_HEIGHT = "\N{MINUS SIGN}", 1.25

# Each colour on light and on dark screens. A test holds the contrast of text and lines to what they stand on.
COLOURS = {
    "paper": ("#ffffff", "#15191f"),
    "edge": ("#8c959f", "#6e7681"),
    "ink": ("#1f2328", "#eef1f4"),
    "soft": ("#57606a", "#a9b4c0"),
    "line": ("#57606a", "#a9b4c0"),
    "strong": ("#0a5aa8", "#7cc0ff"),
    "warm": ("#a33b00", "#ffb184"),
    "plain": ("#eef1f4", "#2a313a"),
    "attention": ("#c6dff5", "#1d4568"),
    "network": ("#cfebc9", "#1f4a29"),
    "norm": ("#fbdcb8", "#5a3912"),
    "recurrent": ("#e0dcf3", "#40376b"),
}
ON_BOXES = ("paper", "plain", "attention", "network", "norm", "recurrent")  # what text of the colour "ink" stands on
ON_PAPER = ("ink", "soft", "line", "strong", "warm")  # what is written or drawn on the card itself

Point = tuple[float, float]


@dataclass(frozen=True)
class Diagram:
    """A finished diagram: its SVG, and in words what it shows, for those who do not see it."""

    title: str
    words: str
    svg: str

    @property
    def alt(self) -> str:
        """Title and description, as the alternative text of the image."""
        return f"{self.title}. {self.words}"

    @property
    def address(self) -> str:
        """The picture as a data URI, so that a notebook needs neither a file beside it nor a kernel to show it."""
        return f"data:image/svg+xml;base64,{b64encode(self.svg.encode()).decode()}"

    @property
    def image(self) -> str:
        """The HTML element that shows the diagram in a Markdown cell."""
        return f'<img width="{SHOWN}" alt="{escape(self.alt)}" src="{self.address}">'


class Canvas:
    """Collects the pieces of a diagram; `finish` gives it."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.pieces: list[str] = []
        self.used: set[str] = set()
        self.text(WIDTH / 2, 30, title, 16, bold=True)

    def text(
        self, x: float, y: float, said: str, size: float = SIZE, kind: str = "ink", anchor: str = "middle",
        bold: bool = False,
    ) -> None:  # fmt: skip
        """One line of text; `y` is the middle of its height."""
        self.used.add(kind)
        more = ' font-weight="600"' if bold else ""
        self.pieces.append(
            f'<text x="{_at(x)}" y="{_at(y + 0.35 * size)}" font-size="{_at(size)}" text-anchor="{anchor}" '
            f'class="{kind}"{more}>{escape(said)}</text>'
        )

    def lines(
        self, x: float, y: float, said: str, width: float, size: float = SIZE, kind: str = "ink",
        anchor: str = "middle", bold: bool = False,
    ) -> None:  # fmt: skip
        """Text in as many lines as a width needs; `y` is the middle of all of them."""
        rows = wrapped(said, width, size)
        for n, row in enumerate(rows):
            self.text(x, y + (n - (len(rows) - 1) / 2) * LINE_HEIGHT * size, row, size, kind, anchor, bold)

    def box(
        self, x: float, y: float, width: float, height: float, said: str = "", kind: str = "plain", size: float = SIZE,
        bold: bool = False, share: float = 1.0,
    ) -> None:  # fmt: skip
        """A box with text in its middle. A `share` below 1 makes its colour paler, as a heat map does."""
        self.used |= {kind, "edge"}
        pale = f' fill-opacity="{share:.2f}"' if share < 1 else ""
        self.pieces.append(
            f'<rect x="{_at(x)}" y="{_at(y)}" width="{_at(width)}" height="{_at(height)}" rx="6" '
            f'class="{kind} edged"{pale}/>'
        )
        if said:
            self.lines(x + width / 2, y + height / 2, said, width - 8, size, "ink", bold=bold)

    def line(self, points: Sequence[Point], kind: str = "line", width: float = 1.5, dashed: bool = False) -> None:
        """A line through points."""
        self.used.add(kind)
        path = "M" + "L".join(f"{_at(x)} {_at(y)}" for x, y in points)
        more = ' stroke-dasharray="5 4"' if dashed else ""
        self.pieces.append(f'<path d="{path}" class="{kind}-stroke" stroke-width="{_at(width)}"{more}/>')

    def arc(self, start: Point, end: Point, bulge: float, kind: str = "line", width: float = 1.5) -> None:
        """A curve from one point to another below it that swings out to the right by `bulge`."""
        self.used.add(kind)
        (x1, y1), (x2, y2) = start, end
        path = f"M{_at(x1)} {_at(y1)}C{_at(x1 + bulge)} {_at(y1)} {_at(x2 + bulge)} {_at(y2)} {_at(x2)} {_at(y2)}"
        self.pieces.append(f'<path d="{path}" class="{kind}-stroke" stroke-width="{_at(width)}"/>')

    def arrow(self, points: Sequence[Point], kind: str = "line", width: float = 1.5, dashed: bool = False) -> None:
        """A line through points that ends in an arrowhead at the last."""
        (x1, y1), (x2, y2) = points[-2:]
        turn, long, wide = math.atan2(y2 - y1, x2 - x1), 6 + width, 3 + width / 2
        back: Point = (x2 - long * math.cos(turn), y2 - long * math.sin(turn))
        self.line([*points[:-1], back], kind, width, dashed)
        across = (-wide * math.sin(turn), wide * math.cos(turn))
        corners = [(x2, y2), (back[0] + across[0], back[1] + across[1]), (back[0] - across[0], back[1] - across[1])]
        self.pieces.append(f'<path d="M{"L".join(f"{_at(x)} {_at(y)}" for x, y in corners)}Z" class="{kind}"/>')

    def finish(self, height: float, sentences: Sequence[str]) -> Diagram:
        """The diagram, of this height; the sentences say in words what it shows."""
        words = " ".join(sentence.rstrip(".") + "." for sentence in sentences)
        tall = _at(height)
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {tall}" width="{WIDTH}" height="{tall}" '
            f'role="img" aria-labelledby="title words" font-family="system-ui,sans-serif">'
            f'<title id="title">{escape(self.title)}</title><desc id="words">{escape(words)}</desc>'
            f"<style>{self._style()}</style>"
            f'<rect x="1" y="1" width="{WIDTH - 2}" height="{_at(height - 2)}" rx="10" class="paper edged"/>'
            f"{''.join(self.pieces)}</svg>"
        )
        return Diagram(self.title, words, svg)

    def _style(self) -> str:
        def rules(dark: int) -> str:
            found = f".edged{{stroke:{COLOURS['edge'][dark]}}}"
            for name in sorted(self.used | {"paper"}):
                colour = COLOURS[name][dark]
                found += f".{name}{{fill:{colour}}}.{name}-stroke{{stroke:{colour};fill:none}}"
            return found

        return f"{rules(0)}@media(prefers-color-scheme:dark){{{rules(1)}}}"


def number(value: float, places: int = 2) -> str:
    """A number with at most so many decimals, and the decimal sign of the language."""
    text = f"{value:.{places}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return ("0" if text == "-0" else text).replace("-", MINUS).replace(".", _sign())


def vector(values: Iterable[float], places: int = 2) -> str:
    """Numbers in brackets, with semicolons between them where a number has a decimal comma."""
    texts = [number(value, places) for value in values]
    return f"({('; ' if any(',' in text for text in texts) else ', ').join(texts)})"


def wrapped(said: str, width: float, size: float) -> list[str]:
    """A text cut at blanks into lines that are about `width` wide, or wider where a word alone is."""
    rows: list[str] = []
    for word in said.split(" "):
        if rows and long(f"{rows[-1]} {word}", size) <= width:
            rows[-1] += f" {word}"
        else:
            rows.append(word)
    return rows


def long(said: str, size: float) -> float:
    """About how many pixels a text is long, in the fonts that systems have for their menus."""
    return size * sum(0.32 if c in "iljtf.,;:()[]|! '" else 0.86 if c in "mwMW%" else 0.57 for c in said)


def _sign() -> str:
    """The decimal sign of the language: its translation of "3.5" shows which that is."""
    written = re.fullmatch(r"3(\D)5", _("3.5"))
    return written[1] if written else "."


def _at(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
