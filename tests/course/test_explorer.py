"""The attention explorer, as people use it in a browser: every sum is right, and nobody needs a mouse to see it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.browser import opened

from autograder.authoring import explorer as built
from autograder.authoring.release import beside_notebook
from autograder.errors import AuthoringError
from course import explorer, i18n
from course.syllabus import syllabus

ROOT = Path(__file__).resolve().parents[2]
TEXT = "the animal was tired"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with opened() as found:
        yield found


@pytest.fixture
def page(browser) -> Iterator[Any]:
    """The explorer at the width of a telephone that can be touched; it fails on errors and on any request."""
    made = browser.new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    wrong: list[str] = []
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on("request", lambda request: wrong.append(request.url))
    made.set_content(explorer.page(TEXT))
    yield made
    assert not wrong
    made.close()


def weights(page: Any) -> np.ndarray:
    return np.array(page.evaluate("() => now.rows.map((row) => row.weights)"))


def expected(query: list, key: list, scale: float, mask: np.ndarray | None = None) -> np.ndarray:
    scores = scale * np.array(query) @ np.array(key).T
    scores = scores if mask is None else np.where(mask, scores, -np.inf)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def of(text: str) -> tuple[list, list]:
    kinds = {word: kind for kind, words in explorer.WORDS.items() for word in words.split()}
    found = [explorer.KINDS[kinds[word.lower()]] for word in text.split()]
    return [[5 * v for v in asks] for asks, _offers in found], [offers for _asks, offers in found]


def told(page: Any) -> str:
    return page.locator("#detail").inner_text()


def test_the_weights_are_those_of_scaled_dot_product_attention(page):
    query, key = of(TEXT)
    assert np.allclose(weights(page), expected(query, key, 0.5))
    shown = [float(text) for text in page.locator("#grid td[data-at]").all_inner_texts()]
    assert np.allclose(shown, expected(query, key, 0.5).ravel(), atol=0.0051)


def test_the_slider_changes_the_scale_and_the_button_takes_it_back(page):
    query, key = of(TEXT)
    page.locator("#scale").focus()
    for _press in range(5):
        page.keyboard.press("ArrowRight")
    assert np.allclose(weights(page), expected(query, key, 0.75))
    assert page.locator("#scale").get_attribute("aria-valuetext") == "1.5 times 1/√4 = 0.75"
    page.get_by_role("button", name="Back to 1/√d").click()
    assert np.allclose(weights(page), expected(query, key, 0.5))


def test_masks_hide_what_comes_later_and_padding(page):
    query, key = of(f"{TEXT} [PAD] [PAD]")
    page.get_by_label("fill up with two [PAD]").check()
    assert np.allclose(weights(page), expected(query, key, 0.5)) and weights(page)[0, 5] > 0
    page.get_by_label("padding: do not look").check()
    real = np.array([True] * 4 + [False] * 2)[None].repeat(6, 0)
    assert np.allclose(weights(page), expected(query, key, 0.5, real))
    page.get_by_label("causal").check()
    assert np.allclose(weights(page), expected(query, key, 0.5, real & np.tri(6, dtype=bool)))
    hidden = page.locator("[data-at='0,3']")
    assert hidden.inner_text() == "–" and hidden.get_attribute("aria-label").endswith("hidden by the mask")


def test_the_second_head_looks_at_the_word_before(page):
    page.get_by_label("Head", exact=True).select_option(label="2: the word before")
    assert weights(page)[1:].argmax(axis=1).tolist() == [0, 1, 2] and (weights(page)[1:].max(axis=1) > 0.5).all()


def test_words_typed_in_are_used_and_an_unknown_one_always_has_the_same_vectors(page):
    found = []
    for text in ("zebra tired zebra", "it was <b>zebra</b>", "", "x " * 40):
        page.get_by_label("Words").fill(text)
        rows = weights(page)
        assert np.allclose(rows.sum(axis=1), 1) and len(rows) <= 12
        found.append(page.locator("#grid tbody th").all_inner_texts())
    assert found[1] == ["it", "was", "<b>zebra</b>"] and len(found[3]) == 12
    page.get_by_label("Words").fill("zebra tired zebra")
    assert np.allclose(weights(page)[0], weights(page)[2]), "the same word asks the same"


def test_the_keyboard_alone_walks_every_square_and_each_tells_its_sum(page):
    page.get_by_label("fill up").focus()
    page.keyboard.press("Tab")
    table, seen = weights(page), {}
    assert page.locator("#grid [tabindex='0']").count() == 1, "one stop for Tab, the arrows do the rest"
    for row in range(4):
        page.keyboard.press("Home")
        for column in range(4):
            focused = page.evaluate("() => document.activeElement.dataset.at")
            assert focused == f"{row},{column}"
            assert page.evaluate("() => document.activeElement.getAttribute('aria-describedby')") == "detail"
            seen[focused] = told(page)
            assert seen[focused].endswith(f"= {round(table[row, column], 3):g}")
            page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
    assert "animal asks: q = (0, 0, 5, 5)" in seen["1,3"] and "tired offers: k = (0, 0, 0, 1)" in seen["1,3"]
    assert "0·0 + 0·0 + 5·0 + 5·1 = 5" in seen["1,3"] and "score: 5 · 0.5 = 2.5" in seen["1,3"]
    page.keyboard.press("Control+Home")
    assert page.evaluate("() => document.activeElement.dataset.at") == "0,0"
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.dataset.at") is None


def test_a_finger_and_a_mouse_show_the_sum_too(page):
    page.locator("[data-at='1,3']").tap()
    assert "animal asks" in told(page) and page.locator("#row").inner_text() == "Where “animal” looks"
    page.locator("[data-at='3,1']").hover()
    assert "tired asks" in told(page)
    page.locator("h1").hover()
    assert "animal asks" in told(page), "when the mouse leaves, the chosen square is explained again"


def test_the_accessibility_tree_has_every_weight_and_every_control_has_a_name(page):
    snapshot = page.locator("body").aria_snapshot()
    for query in TEXT.split():
        for key in TEXT.split():
            assert f"{query} looks at {key}: " in snapshot
    assert snapshot.count('gridcell "') == 16 and snapshot.count("columnheader") == 4
    unnamed = page.evaluate(
        "() => [...document.querySelectorAll('input,select')].filter((e) => !e.labels.length).length"
    )
    assert unnamed == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_telephone_can_be_touched_and_has_contrast(browser, scheme):
    page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page.set_content(explorer.page())
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert page.locator(".wide").evaluate("(e) => e.scrollWidth - e.clientWidth") <= 0, "eleven words without scrolling"
    for box in (page.locator(f"[data-at='{n},{n}']").bounding_box() for n in range(11)):
        assert box["width"] >= 24 and box["height"] >= 24
    seen = page.evaluate(
        "() => [...document.querySelectorAll('td[data-at], h1, p, th, label, button')].map((e) => {"
        " let b = e; while (getComputedStyle(b).backgroundColor === 'rgba(0, 0, 0, 0)') b = b.parentElement;"
        " return [getComputedStyle(e).color, getComputedStyle(b).backgroundColor] })"
    )
    for pair in set(map(tuple, seen)):
        one, other = sorted((luminance(colour) for colour in pair), reverse=True)
        assert (one + 0.05) / (other + 0.05) >= 4.5, pair
    page.close()


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_head_of_bert_mini_is_shown_with_its_scale_and_masks(page):
    data = json.loads((ROOT / built.LOOKS).read_text())["sentences"][1]
    page.get_by_label("Vectors").select_option("1")
    page.get_by_label("Head", exact=True).select_option(label="layer 2, head 3")
    scores = np.array(data["products"][1][2]) / 100 / np.sqrt(data["width"])
    powers = np.exp(scores)
    assert np.allclose(weights(page), powers / powers.sum(axis=1, keepdims=True))
    assert page.locator("#grid tbody th").all_inner_texts() == data["words"]
    page.get_by_label("causal").check()
    assert np.allclose(np.triu(weights(page), 1), 0)


def test_in_a_notebook_it_is_in_a_frame_that_cannot_reach_the_page(monkeypatch, browser):
    shown: list[dict[str, str]] = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    explorer.show(TEXT, heads=False)
    page = browser.new_page()
    page.set_content(f"<body>{shown[0]['text/html']}</body>")
    frame = page.frame_locator("iframe")
    frame.locator("[data-at='1,3']").click()
    assert "animal asks" in frame.locator("#detail").inner_text() and len(shown[0]["text/html"]) < 60_000
    assert page.locator("iframe").get_attribute("sandbox") == "allow-scripts"
    assert frame.locator("#source option").count() == 1
    page.close()


def test_it_speaks_danish(browser):
    page = browser.new_page()
    with i18n.using("da"):
        page.set_content(explorer.page())
    assert page.locator("html").get_attribute("lang") == "da" and "ikke" in page.locator("#text").input_value()
    page.locator("[data-at='0,1']").click()
    assert "prikprodukt" in told(page) and re.search(r"= 0,\d+$", told(page))
    english = [
        word for word in ("Head", "Scale", "dot product", "Where", "looks") if word in page.locator("body").inner_text()
    ]
    assert not english
    page.close()


def test_the_zip_of_a_notebook_that_shows_it_has_all_of_it_and_other_zips_have_nothing():
    shows, other = (
        beside_notebook(ROOT, syllabus().assignment(f"{name}-pytorch"))
        for name in ("self-attention", "additive-attention")
    )
    assert {f"course/explorer/{name}" for name in ("__init__.py", *explorer.FILES)} <= set(shows)
    assert not [name for name in shows if "bert-mini" in name], "the numbers are enough"
    assert not [name for name in other if "explorer" in name or "diagrams" in name]


def test_the_committed_pages_are_fresh_and_small():
    pages = built.build_explorer(ROOT, check=True)
    assert [path.name for path in pages] == ["explorer.html", "explorer.da.html"]
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert len(text) < 300_000 and "{{" not in text and not re.search(r"(src|href)=|url\(|import ", text)


def test_a_page_that_was_changed_and_numbers_of_another_model_are_found(tmp_path):
    for name in (built.MODEL, built.LOOKS, "docs/explorer.html", "docs/explorer.da.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    built.build_explorer(tmp_path, check=True)
    (tmp_path / "docs/explorer.da.html").write_text("old", encoding="utf-8")
    with pytest.raises(AuthoringError, match=r"explorer\.da\.html"):
        built.build_explorer(tmp_path, check=True)
    assert built.build_explorer(tmp_path) == [tmp_path / "docs/explorer.da.html"]
    with (tmp_path / built.MODEL).open("ab") as file:
        file.write(b" ")
    with pytest.raises(AuthoringError, match=r"looks\.json"):
        built.build_explorer(tmp_path, check=True)


def test_a_course_folder_without_docs_has_no_pages(tmp_path):
    for name in (built.MODEL, built.LOOKS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    assert built.build_explorer(tmp_path) == built.build_explorer(tmp_path, check=True) == []


@pytest.mark.slow
def test_the_numbers_are_the_attention_of_bert_mini():
    transformers = pytest.importorskip("transformers")
    from course.models.attention import torch_attention

    folder = (ROOT / built.MODEL).parent
    tokenizer, model = (
        transformers.AutoTokenizer.from_pretrained(folder),
        transformers.BertModel.from_pretrained(folder),
    )
    stored = json.loads((ROOT / built.LOOKS).read_text())["sentences"]
    for sentence, kept in zip(built.SENTENCES, stored, strict=True):
        ids = tokenizer(sentence, return_tensors="pt")
        scores = np.array(kept["products"]) / 100 / np.sqrt(kept["width"])
        powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
        want = torch_attention(model, ids["input_ids"], ids["attention_mask"])[:, 0]
        assert np.abs(powers / powers.sum(axis=-1, keepdims=True) - want).max() < 0.002
