"""The figures that belong to one lesson each: what they draw is what they were given."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
import pytest
from PIL import Image

from course import figures

matplotlib.use("Agg")

SOURCE, WRITTEN = ["syv", "##og", "##fyrre", "[EOS]"], ["forty", "seven", "[EOS]"]
WEIGHTS = np.array([[0.1, 0.1, 0.8, 0.0], [0.7, 0.2, 0.1, 0.0], [0.0, 0.0, 0.0, 1.0]])


@pytest.fixture
def shown(monkeypatch) -> list:
    """The figures that were shown, in the place of showing them."""
    found: list = []
    monkeypatch.setattr(figures, "_show", found.append)
    yield found
    matplotlib.pyplot.close("all")


def words(axis) -> list[str]:
    return [text.get_text() for text in axis.texts]


def frames(picture: bytes) -> list[np.ndarray]:
    found, image = [], Image.open(io.BytesIO(picture))
    for n in range(image.n_frames):
        image.seek(n)
        found.append(np.asarray(image.convert("RGB")).astype(int))
    return found


def test_words_and_positions_are_drawn_with_their_sum(shown):
    rng = np.random.default_rng(1)
    tables = {"dog bites man": rng.normal(size=(3, 3, 4)), "man bites": rng.normal(size=(3, 2, 4))}
    figures.word_plus_position({text: tuple(three) for text, three in tables.items()})
    panels = [axis for axis in shown[0].axes if axis.images][:6]
    drawn = [np.asarray(axis.images[0].get_array()) for axis in panels]
    for got, want in zip(drawn, [*tables["dog bites man"], *tables["man bites"]], strict=True):
        assert np.array_equal(got, want)
    scales = {axis.images[0].get_clim() for axis in panels}
    assert len(scales) == 1, "colours mean the same in all panels, else a sum cannot be read off"
    assert [label.get_text() for label in panels[3].get_yticklabels()] == ["man", "bites"]


def test_an_arc_is_as_wide_as_its_weight_is_large(shown):
    weights = [0.1, 0.6, 0.05, 0.25]
    figures.refers("it", {"the animal because it": [weights, weights[::-1]]})
    for axis, row in zip(shown[0].axes, (weights, weights[::-1]), strict=True):
        arcs = sorted(axis.patches, key=lambda arc: arc.center[0])  # those of words further to the left come first
        widths = [arc.get_linewidth() for arc in arcs]
        assert len(widths) == 3 and np.argsort(widths).tolist() == np.argsort(row[:3]).tolist()
    assert [said for said in words(shown[0].axes[0]) if said[0] == "."] == [".10", ".60"]  # less is not worth a number


def test_one_vector_stands_between_what_is_read_and_what_is_written(shown):
    figures.one_vector(SOURCE, WRITTEN)
    across = {text.get_text(): text.get_position()[0] for text in shown[0].axes[0].texts if text.get_text() != "[EOS]"}
    assert max(across[word] for word in SOURCE[:-1]) < across["one vector"] < min(across[word] for word in WRITTEN[:-1])


def test_the_moving_picture_is_small_and_shows_the_source_once_and_then_a_word_at_a_time():
    picture = figures.translation(SOURCE, WRITTEN, WEIGHTS)
    assert picture.startswith(b"\x89PNG") and len(picture) < 300_000
    still, *moving = frames(picture)
    assert len(moving) == 2 + 2 * len(WRITTEN) + 1
    assert np.array_equal(still, moving[-1]), "who cannot see it move sees the whole translation"
    assert all((a != b).any() for a, b in zip(moving, moving[1:], strict=False))
    image = Image.open(io.BytesIO(picture))
    image.seek(1)
    assert image.info["loop"] == 3 and image.info["duration"] >= 1000, "it stops, and can be read"


def test_its_lines_are_the_weights():
    """Blue in the lower half of the step that writes a word, left or right, says where that step looked."""

    def blue(weights, step: int) -> np.ndarray:
        frame = frames(figures.translation(SOURCE, WRITTEN, weights))[1 + 2 + 2 * step]
        strong = (frame[..., 2] - frame[..., 0] > 60).sum(axis=0).astype(float)
        return strong - (frame[..., 2] - frame[..., 0] > 60)[: frame.shape[0] // 2].sum(axis=0)

    middle = lambda mass: (mass * np.arange(len(mass))).sum() / mass.sum()  # noqa: E731
    left = np.eye(4)[[0, 0, 0]]
    assert middle(blue(left, 1)) < middle(blue(left[:, ::-1], 1)) - 50


def test_a_front_end_is_given_a_png(monkeypatch):
    given: list = []
    monkeypatch.setattr("IPython.display.display", given.append)
    figures.translating(SOURCE[:2], WRITTEN[:1], WEIGHTS[:1, :2])
    (shown,) = given
    assert shown.format == "png" and shown.data.startswith(b"\x89PNG")
