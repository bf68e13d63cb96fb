"""Code that would take the reader of names longer and longer: what it takes grows with the text, and not faster."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.timing import cpu_time_below, instructions

from autograder.submission.ready_made import uses
from course.syllabus import syllabus

SMALL, FACTOR, LARGE = 100, 8, 8_000


def doubled(n: int) -> str:
    return "answer = 1\nif answer:\n" + "    answer = answer\n" * n


def doubled_by_two(n: int) -> str:
    return "a = b = 1\nif a:\n" + "    a = b\n    b = a\n" * n + "def answer():\n    return a, b\n"


def one_value_for_all(n: int) -> str:
    names = [f"n{i}" for i in range(n)]
    return f"{' = '.join(names)} = [{', '.join(names)}]\ndef answer():\n    return {', '.join(names)}\n"


def path_that_grows(n: int) -> str:
    return "import torch\na = torch\n" + "a = a.nn\n" * n + "def answer():\n    return a\n"


def aliases_times_pieces(n: int) -> str:
    imports = "".join(f"import torch as t{i}\n" for i in range(n))
    pieces = "".join(f"def f{i}():\n    return f{i + 1}, t{i}.x\n" for i in range(n))
    return imports + pieces + "def answer():\n    return f0\n"


def stars_times_names(n: int) -> str:
    return "from x import *\n" * n + "def answer():\n    return [" + ", ".join(f"x{i}" for i in range(n)) + "]\n"


def setattr_many(n: int) -> str:
    return "import torch\nbox = object()\n" + "setattr(box, 'go', box)\n" * n + "def answer():\n    return box\n"


def one_long_chain(n: int) -> str:
    return "import torch\ndef answer():\n    return torch" + ".nn" * min(n, 2_000) + "\n" + "    answer\n" * n


SHAPES: list[Callable[[int], str]] = [
    doubled,
    doubled_by_two,
    one_value_for_all,
    path_that_grows,
    aliases_times_pieces,
    stars_times_names,
    setattr_many,
    one_long_chain,
]


def reading(source: str) -> Callable[[], object]:
    cells = [{"source": source, "label": "cell 1"}]
    return lambda: uses(cells, ["answer", "other"], syllabus().tracks.values())


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_time_grows_with_the_text_and_not_faster(shape):
    reading(shape(1))()  # what is done once, on the first call, is not counted
    small = instructions(reading(shape(SMALL)), limit=2_000_000)
    instructions(reading(shape(SMALL * FACTOR)), limit=1.1 * FACTOR * small)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_a_long_text_is_read_in_time(shape):
    # What a single instruction copies or compares is not among those counted above.
    read = reading(shape(LARGE))
    with cpu_time_below(20):
        read()


AGAIN = [
    "answer = answer",
    "answer = torch.no_grad()(answer)",
    "if True:\n    answer = answer",
    "o = answer\nanswer = o",
]
READY_MADE = "import torch.nn.functional as F\ndef answer(q):\n    return F.scaled_dot_product_attention(q)\n"


@pytest.mark.parametrize("again", AGAIN)
def test_a_name_that_is_given_to_itself_keeps_what_it_was_made_of(again):
    found = uses([{"source": READY_MADE + again, "label": "cell 1"}], ["answer"], syllabus().tracks.values())
    assert [use["line"] for use in found["answer"]] == [3]
