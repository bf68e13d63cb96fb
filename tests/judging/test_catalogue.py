"""Mistakes that are made in several ways: one description, one name."""

from __future__ import annotations

import pytest

from autograder.judging.catalogue import CatalogueError, parse
from course.syllabus import syllabus

EXERCISE = syllabus().exercise("self-attention")
DESCRIBED = """
[[mistake]]
id = "looks-ahead"
part = "causal-mask"
weight = "slip"
title = "A title"
hint = "A hint."
[mistake.pytorch]
replace = [["one", "two"]]
"""
FURTHER = """
[[mistake]]
id = "looks-ahead:by-two"
[mistake.tensorflow]
replace = [["one", "three"]]
"""


def test_a_further_way_has_the_description_and_the_name_of_its_mistake():
    described, further = parse(DESCRIBED + FURTHER, EXERCISE, "file.toml")
    assert (further.id, further.name, described.name) == ("looks-ahead:by-two", "looks-ahead", "looks-ahead")
    assert (further.part, further.weight, further.title, further.hint) == ("causal-mask", "slip", "A title", "A hint.")
    assert list(described.changes) == ["pytorch"]
    assert list(further.changes) == ["tensorflow"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FURTHER, "file.toml: looks-ahead:by-two: no entry 'looks-ahead' describes this mistake"),
        (
            DESCRIBED + FURTHER.replace("[mistake.tensorflow]", 'hint = "Another."\n[mistake.tensorflow]'),
            "file.toml: looks-ahead:by-two: hint stands in the entry 'looks-ahead', and not here too",
        ),
    ],
)
def test_a_further_way_of_nothing_or_with_words_of_its_own_is_refused(text, message):
    with pytest.raises(CatalogueError) as error:
        parse(text, EXERCISE, "file.toml")
    assert str(error.value) == message
