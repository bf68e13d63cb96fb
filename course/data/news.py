"""News stories in AG News's four classes: generated from a seed, or the real ones from CSV files or the hub.

    >>> from course.data.news import CLASSES, generate
    >>> story = generate(1, seed=3)[0]
    >>> CLASSES[story.label - 1], story.text

Labels are 1 to 4, as in AG News's files. What is generated comes from `news_vocabulary` and `news_writer`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from course.data.news_writer import Writer

CLASSES = ("World", "Sports", "Business", "Sci/Tech")
HUB_NAME = "fancyzhx/ag_news"


class NewsError(ValueError):
    """News that cannot be read; the message says what and where."""


@dataclass(frozen=True)
class Story:
    """A news story. `label` is 1 to 4, the place in `CLASSES` counted from one; the title may be empty."""

    label: int
    title: str
    description: str

    @property
    def text(self) -> str:
        """Title and description joined by a space: what a classifier reads."""
        return f"{self.title} {self.description}".strip()


def generate(count: int, seed: int) -> list[Story]:
    """`count` different stories in random order, with equally many of each class (up to one).

    The same seed gives the same stories on every platform, and a smaller count gives the first stories of a larger one:
    `generate(10, seed) == generate(20, seed)[:10]`. Different seeds may give the same story, which is rare. Raises
    NewsError for a negative count.
    """
    if count < 0:
        raise NewsError(f"{count} stories cannot be generated: the count must not be negative.")
    writer = Writer(seed)
    seen: set[tuple[str, str]] = set()
    stories: list[Story] = []
    while len(stories) < count:
        for label in writer.shuffled(range(1, len(CLASSES) + 1)):
            title, description = writer.story(label)
            while (title, description) in seen:
                title, description = writer.story(label)
            seen.add((title, description))
            stories.append(Story(label, title, description))
    return stories[:count]


def load_ag_news(source: str | Path | None = None, split: str = "train") -> list[Story]:
    """The real AG News: from a CSV file, from a folder with `train.csv` and `test.csv`, or from the Hugging Face hub.

    `source` is a path, or None or "ag_news" for the hub (which needs the package `datasets` and the internet); `split`,
    "train" or "test", chooses the file in a folder or the hub's split, and has no effect for a single file. The files
    have no header and the fields class (1 to 4), title, description. Raises `NewsError`, which says what to do.
    """
    if source is None or str(source) == "ag_news":
        return from_hub(split)
    path = Path(source)
    if path.is_dir():
        path = path / f"{split}.csv"
    if not path.is_file():
        raise NewsError(
            f"There is no file {path}. Give AG News's train.csv or test.csv, a folder that holds them, or no path "
            f"at all to load {HUB_NAME} from the hub; course.data.news.generate makes stories without any file."
        )
    with open(path, encoding="utf-8", newline="") as file:
        return list(read_csv(file, path.name))


def read_csv(file: Iterable[str], name: str) -> Iterator[Story]:
    """Stories from the lines of a CSV file in AG News's form. `name` names the file in messages.

    Raises NewsError, which names the row, counted from 1, where a row is not CSV or not a story.
    """
    rows = csv.reader(file, strict=True)
    number = 0
    while True:
        number += 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except (csv.Error, UnicodeDecodeError) as problem:
            raise NewsError(f"{name}, row {number}: this is not CSV in UTF-8 ({problem}).") from None
        if not row:
            continue
        if len(row) != 3:
            raise NewsError(f"{name}, row {number}: {len(row)} fields; there must be 3: class, title, description.")
        if row[0].strip() not in ("1", "2", "3", "4"):
            raise NewsError(f"{name}, row {number}: the class is {row[0]!r}; it must be 1, 2, 3 or 4.")
        yield Story(int(row[0]), unescaped(row[1]), unescaped(row[2]))


def unescaped(text: str) -> str:
    """A field as it is read: backslash escapes and line breaks resolved, spaces tidied.

    A line break is written `\\n`, or, in many of the real rows, as a backslash alone: "no date has been set
    for\\talks". A field with such a backslash before another letter than n is of the second sort; its `\\n` begins a
    word ("the\\news"). `\\$`, `\\"`, `\\#` and `\\&` stand for the sign.
    """
    text = re.sub(r'\\([$"#&])', r"\1", text)
    bare = re.search(r"\\[^\Wn]", text)
    text = re.sub(r"\\" if bare else r"\\n|\\", " ", text)
    return " ".join(text.split())


def from_hub(split: str) -> list[Story]:
    """The stories of AG News's split "train" or "test" from the Hugging Face hub, over the network.

    Raises NewsError where the package `datasets` is missing or the hub does not answer.
    """
    try:
        import datasets
    except ImportError:
        raise NewsError(
            "AG News comes from the hub through the package `datasets`, which is not installed: "
            "pip install datasets, or give the path of its CSV files."
        ) from None
    try:
        rows = datasets.load_dataset(HUB_NAME, split=split)
    except Exception as problem:  # the hub's client raises OSError, ConnectionError and kinds of its own
        raise NewsError(
            f"{HUB_NAME} ({split}) could not be loaded from the hub: {problem}. "
            "Offline, give the path of AG News's CSV files."
        ) from problem
    # The hub counts classes from 0 and keeps title and description in one text.
    return [Story(row["label"] + 1, "", unescaped(row["text"])) for row in rows]
