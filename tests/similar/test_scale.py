"""Each part's own scale: independent answers stay below the cut, copies do not, whatever they are disguised as."""

from __future__ import annotations

from itertools import combinations

import pytest
from support.disguises import disguised

from autograder.similarity.answers import answers_of
from autograder.similarity.engine import Engine, likeness, spans
from autograder.similarity.scale import made
from benchmarks.similar import Simulation, measure
from course.syllabus import syllabus

ASSIGNMENT = syllabus().assignment("positional-embedding-pytorch")


@pytest.fixture(scope="module")
def simulation():
    return Simulation(ASSIGNMENT)


def test_parts_of_five_lines_and_less_are_left_out():
    short = Simulation(syllabus().assignment("self-attention-pytorch"))
    assert set(short.scales) == {"scaled_dot_product_attention"}


def test_a_part_without_enough_independent_answers_has_no_scale(simulation):
    texts = simulation.texts[:3]
    scales = made(ASSIGNMENT, texts, texts[0], [], [], Engine())
    assert {scale.left_out for scale in scales.values()} == {"few"}


def test_two_files_with_the_same_text_are_one_independent_answer(simulation):
    texts = [*simulation.texts, disguised(simulation.texts[0], 2, 1)]
    scales = made(ASSIGNMENT, texts, simulation.texts[0], [], [], Engine())
    assert len(scales["relative_shift"].independent) == len(simulation.texts)


def test_a_copy_is_above_the_cut_and_an_independent_answer_is_not(simulation):
    for level in (1, 2, 3):
        assert all(value >= 1 for value in simulation.copies(level, 1)), level
    symbols = list(simulation.scales)
    assert all(simulation.alike(one, other, symbols) < 1 for one, other in combinations(simulation.originals, 2))


def test_the_solution_is_like_nothing(simulation):
    from support.answers import solution

    own = simulation.prints(solution("positional-embedding", "pytorch"))
    assert all(not fingerprint.passages for fingerprint in own.values())


def test_what_is_marked_is_what_both_have():
    engine = Engine()
    shared = "    s = torch.einsum('ab,cb->ac', q, k) / math.sqrt(7)\n"
    texts = (f"def f(q, k):\n    a = 'é'\n{shared}    return s", f"def f(q, k):\n{shared}    return torch.tanh(s) * 3")
    one, other = (engine.fingerprint(answers_of([text], ["f"])["f"]) for text in texts)
    assert 0 < likeness(one, other) < 1
    for fingerprint, marked in zip((one, other), spans(one, other), strict=True):
        lines = fingerprint.answer.text.split("\n")
        [(number, start, end)] = marked
        assert lines[number - 1] == shared.rstrip("\n")
        assert lines[number - 1][start:end].startswith("s = torch") or lines[number - 1][start:end].startswith("einsum")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["positional-embedding-tensorflow", "multi-head-attention-pytorch", "encoder-decoder-pytorch"]
)
def test_no_innocent_pair_of_ten_thousand_is_shown(name):
    measured = measure(syllabus().assignment(name), rewrites=13, rounds=1)
    assert len(measured.innocent) > 10_000 and len(measured.near) > 10_000
    assert max(measured.innocent) < 1 and max(measured.near) < 1
    assert all(measured.found(level) > 0.9 for level in (1, 2, 3))
