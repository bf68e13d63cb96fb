"""The texts of a new exercise, which `scaffold` writes. `string.Template` replaces `$name` and the like.

The skeleton is complete: it builds and `verify` passes. Its one part asks for a mask that is True on the diagonal.
"""

from __future__ import annotations

from string import Template

SYLLABUS = Template("""
[[exercises]]
id = "$name"
number = $number
module = "$module"
title = "$title"
reading = 20

    [[exercises.parts]]
    id = "first-part"
    symbol = "first_part"
    title = "The first part"
    points = 2
    minutes = 10
    difficulty = "easy"
""")

SOLUTION = '''"""$title.

Shapes: L the length of a sentence.
"""

import {framework}


def first_part(length):
    """True where position i may look at position j: at itself alone.

    Returns: (length, length), boolean.
    """
    ### BEGIN SOLUTION
    positions = {arange}
    return positions[:, None] == positions[None, :]
    ### END SOLUTION
'''

PYTORCH = Template(SOLUTION.format(framework="torch", arange="torch.arange(length)"))
TENSORFLOW = Template(SOLUTION.format(framework="tensorflow as tf", arange="tf.range(length)"))

LESSON = Template("""---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  name: python3
---

# {{ number }}. {{ title }}

*{{ track }} track, {{ total }} points, about {{ time }}*

Say here what the exercise is about, and why.

| what | symbol | points | minutes | difficulty |
|---|---|---|---|---|
| a mask | `first_part` | {{ points first-part }} | {{ minutes first-part }} | {{ difficulty first-part }} |

{{ time note }}

{{ judged }}

{{ trouble }}

```{code-cell}
:setup: imports
:tags: [pytorch]
import torch

from course import lesson, plots

check = lesson("$name", "pytorch")
```

```{code-cell}
:setup: imports
:tags: [tensorflow]
from course import lesson, plots, quiet

with quiet():  # TensorFlow prints a lot when it starts
    import tensorflow as tf

check = lesson("$name", "tensorflow")
```

## The first part ({{ points first-part }} points)

Write `first_part(length)`: a boolean mask (L, L), True where position i may look at position j. It looks
at itself alone.

<details><summary>{{ hint 1 }}</summary>

Compare the positions as a column with the positions as a row.

</details>

+++ {"tags": ["pytorch"]}

<details><summary>{{ hint 2 }}</summary>

`torch.arange` makes the positions, `[:, None]` a column of them. `==` compares, and broadcasts.

</details>

<details><summary>{{ hint 3 }}</summary>

```python
positions = torch.arange(length)
```

</details>

+++ {"tags": ["tensorflow"]}

<details><summary>{{ hint 2 }}</summary>

`tf.range` makes the positions, `[:, None]` a column of them. `==` compares, and broadcasts.

</details>

<details><summary>{{ hint 3 }}</summary>

```python
positions = tf.range(length)
```

</details>

+++

```{code-cell}
:answer: first-part
```

```{code-cell}
:test: first-part
```

```{code-cell}
:demo: small
plots.masks({"3 words": first_part(3)})
```

```{code-cell}
:demo: large
plots.masks({"6 words": first_part(6)})
```
""")

CHECKS = Template('''"""Visible checks of the exercise "$title"."""

import numpy as np

from course import expectations as expect
from course.answers import Answer
from course.checks import Checks
from course.i18n import N_, _

checks = Checks()


@checks("first-part", N_("It is boolean and square"), gate=True)
def shape(answer: Answer) -> None:
    """A mask (4, 4) of booleans."""
    mask = answer(4)
    expect.shape(mask, (4, 4), _("mask"), "(L, L)")
    expect.kind(mask, "bool", _("mask"))


@checks("first-part", N_("Each position sees itself alone"))
def example(answer: Answer) -> None:
    """Three positions, in the head."""
    expect.equal(
        answer(3),
        np.eye(3, dtype=bool),
        _("mask"),
        _("Rows are queries, columns are keys."),
        {_("It looks back: compare with ==, not with >=."): np.tril(np.ones((3, 3), bool))},
    )
''')

HIDDEN_TESTS = Template('''"""Hidden tests of the exercise "$title"."""

from __future__ import annotations

import pytest

from autograder.exercises.shared import agree_in_kind, picture_if_wrong
from autograder.judging.program import Program

MASK = {"names": ("mask",), "axes": {"mask": "query, key"}}


@pytest.mark.part("first-part")
def test_shape(agree, student, reference):
    """The mask is boolean, with a row for each query and a column for each key."""
    agree_in_kind(agree, student, reference, Program.function("first_part", 6), **MASK)


@pytest.mark.part("first-part", share=3, needs=("test_shape",))
@pytest.mark.parametrize("length", [1, 7], ids=["one word", "a sentence"])
def test_values(agree, student, reference, picture, length):
    """Each position sees itself, and nothing else."""
    program = Program.function("first_part", length)
    with picture_if_wrong(picture, student, reference, program, "Mask"):
        agree(program, **MASK)
''')

MISTAKES = Template("""# Mistakes in "$title": autograder/judging/catalogue.py says what an entry is.

[[mistake]]
id = "looks-back"
part = "first-part"
weight = "serious"
title = "It looks back"
hint = "Each position sees itself alone: compare with ==."
[mistake.pytorch]
replace = [["positions[:, None] == positions", "positions[:, None] >= positions"]]
[mistake.tensorflow]
replace = [["positions[:, None] == positions", "positions[:, None] >= positions"]]
""")

EYE_PYTORCH = '''"""Accepted: the framework's own diagonal."""

import torch


def first_part(length):
    return torch.eye(length, dtype=torch.bool)
'''

EYE_TENSORFLOW = '''"""Accepted: the framework's own diagonal."""

import tensorflow as tf


def first_part(length):
    return tf.eye(length, dtype=tf.bool)
'''

CONTRACT = """# What each hidden test asks, and the words of the notebook that say so: see test_contract.py.

test_shape = "a boolean mask (L, L)"
test_values = "True where position i may look at position j"
"""
