"""Every figure has a text computed from its data, in the notebook's language, and heat maps have a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib
import numpy as np
import pytest

from course import alt, figures, i18n, plots

matplotlib.use("Agg")
WEIGHTS = np.array([[0.75, 0.25], [0.125, 0.875]])


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """The text and the tables of each figure that would have been shown."""
    found: list[tuple[str, str]] = []
    monkeypatch.setattr(alt, "show", lambda figure: found.append((alt.description(figure), alt.tables(figure))))
    yield found
    i18n.use(None)


def test_a_heat_map_says_where_each_row_is_largest_and_has_its_numbers(shown: list[tuple[str, str]]) -> None:
    plots.attention(WEIGHTS, ["Hello", "World"], title="Who looks")
    text, table = shown[0]
    assert "Who looks" in text and "Hello: largest at Hello, 0.75" in text and "World: largest at World, 0.875" in text
    assert '<th scope="col">World</th>' in table and "<td>0.125</td>" in table and "<details>" in table


def test_a_curve_says_where_it_begins_and_ends(shown: list[tuple[str, str]]) -> None:
    plots.curves({"loss <1>": [2.0, 0.5, 1.0]}, "step", "loss", "Training")
    assert "Training. across: step. upwards: loss. loss <1>: from 2 to 1, lowest 0.5, highest 2" in shown[0][0]


def test_the_text_is_in_the_notebooks_language(shown: list[tuple[str, str]]) -> None:
    i18n.use("da")
    plots.attention(WEIGHTS, ["Hej", "Verden"])
    assert "Hej: størst ved Hej, 0.75" in shown[0][0] and "varmekort" in shown[0][0]
    assert "Tallene" in shown[0][1]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.times([8, 64], [0.002, 0.016], [0.001, 0.001]),
        lambda: plots.waves(np.sin(np.arange(12.0)).reshape(6, 2), [0, 1]),
        lambda: plots.positions(np.ones((4, 4))),
        lambda: plots.masks({"causal": np.tril(np.ones((3, 3), bool))}),
        lambda: plots.verdicts(["a"], np.array([[0.9, 0.1]]), np.array([1]), ["World", "Sports"]),
        lambda: figures.one_vector(["a", "b"], ["c"]),
    ],
)
def test_no_figure_is_without_a_text(shown: list[tuple[str, str]], draw: Any) -> None:
    draw()
    assert len(shown[0][0]) > 20


def test_in_jupyter_the_picture_carries_the_text_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    IPython = pytest.importorskip("IPython")
    found: list[dict[str, str]] = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: object())
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw, metadata=None: found.append(bundle))
    plots.curves({'a"><b>': [1.0, 2.0]}, "x", "y", "t")

    assert found[0]["image/png"] and 'a"><b>' in found[0]["text/plain"]
    assert found[1]["text/plain"] == found[0]["text/plain"]
    html = found[1]["text/html"]
    assert "<b>" not in html and "a&quot;&gt;&lt;b&gt;" in html and "<summary>This figure in words</summary>" in html
