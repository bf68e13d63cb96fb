"""The diagrams before the code: their numbers are right, and everybody can read them, in both languages."""

from __future__ import annotations

import io
import math
import re
from base64 import b64decode
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from support.browser import opened

from autograder.errors import AuthoringError
from autograder.nbgrader.harmless import harmless_markdown
from autograder.notebooks.lessons import read_lesson
from course import i18n
from course.diagrams import DIAGRAMS, diagram
from course.diagrams.svg import COLOURS, ON_BOXES, ON_PAPER, SMALL, WIDTH, Canvas, number, vector
from course.syllabus import syllabus

ROOT = Path(__file__).resolve().parents[2]
SVG = "{http://www.w3.org/2000/svg}"
LANGUAGES = ("en", "da")


@pytest.fixture(params=LANGUAGES)
def language(request):
    with i18n.using(request.param):
        yield request.param


def words(name: str) -> list[str]:
    return [text.text for text in ElementTree.fromstring(diagram(name).svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", DIAGRAMS)
def test_a_diagram_is_an_image_with_a_name_and_a_description(name, language):
    made = diagram(name)
    root = ElementTree.fromstring(made.svg)
    assert root.get("role") == "img" and root.get("aria-labelledby") == "title words"
    assert root.find(f"{SVG}title").text == made.title and root.find(f"{SVG}desc").text == made.words
    alt = re.search(r' alt="([^"]*)"', made.image)[1]
    assert alt.startswith(made.title) and 150 < len(alt) < 700
    assert b64decode(made.address.partition("base64,")[2]).decode() == made.svg
    assert len(made.image) < 16_000, "it stands in the text of a cell"


def test_the_numbers_are_those_of_the_worked_examples(language):
    comma = {"en": ".", "da": ","}[language]
    one, two = diagram("attention").words, diagram("heads").words
    for share in (0.75, 0.25, math.log(3), 2 * math.log(3)):
        assert f"{share:.2f}".rstrip("0").replace(".", comma) in one
    assert "(5, 1)" in one and "(5, 15)" in two
    assert "(1, 1, 5, 1)" in diagram("block").words
    assert f"(−0{comma}58".replace("−", "\N{MINUS SIGN}") in diagram("block").words


def test_the_way_through_a_recurrent_network_is_as_long_as_the_words_are_apart():
    text = "the animal did not cross the street because it was tired".split()
    away = text.index("it") - text.index("animal")
    assert f"takes {away} steps" in diagram("steps").words and f"{away} steps" in words("steps")
    assert [said for said in words("steps") if said.isdigit()] == [str(n + 1) for n in range(away)]


def test_the_masked_words_are_the_lessons():
    lesson = (ROOT / "course/exercises/bert_pretraining/lesson.md").read_text()
    cell = lambda row: [c.strip(" *`") for c in re.search(rf"^\| {row} \|(.*)\|$", lesson, re.M)[1].split("|")]  # noqa: E731
    for row in ("text", "input"):
        assert " ".join(cell(row)) in diagram("masked-words").words
    assert ", ".join(filter(None, cell("label"))) in diagram("masked-words").words


def test_each_language_has_its_own_words_and_decimal_sign():
    assert diagram("attention").title == "Attention: one query, two keys" and number(0.125) == "0.12"
    with i18n.using("da"):
        assert diagram("attention").title.startswith("Opmærksomhed") and number(-0.5) == "\N{MINUS SIGN}0,5"
        assert vector([0.5, 1]) == "(0,5; 1)" and vector([2, 1]) == "(2, 1)"
        for name in DIAGRAMS:
            with i18n.using("en"):
                english = diagram(name)
            assert diagram(name).title != english.title and diagram(name).words != english.words


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_that_is_written_or_drawn_stands_out(dark):
    assert {"edge", *ON_BOXES, *ON_PAPER} == set(COLOURS)
    for name in ON_PAPER:
        assert contrast(COLOURS[name][dark], COLOURS["paper"][dark]) >= 4.5, name
    for name in ON_BOXES:
        assert contrast(COLOURS["ink"][dark], COLOURS[name][dark]) >= 4.5, name
    assert contrast(COLOURS["edge"][dark], COLOURS["paper"][dark]) >= 3


PLACES = """() => {
  const box = (b) => ({x: b.x, y: b.y, right: b.x + b.width, bottom: b.y + b.height});
  return [...document.querySelectorAll('text')].map((t) => ({said: t.textContent, ...box(t.getBBox()),
    size: t.getBoundingClientRect().width / t.getBBox().width * parseFloat(t.getAttribute('font-size')),
    colour: getComputedStyle(t).fill}));
}"""


def overlap(a: dict, b: dict) -> bool:
    wide = min(a["right"], b["right"]) - max(a["x"], b["x"])
    return (
        wide > 1 and min(a["bottom"], b["bottom"]) - max(a["y"], b["y"]) > 4
    )  # lines stand close, letters do not touch


def test_at_400_pixels_every_word_is_in_its_place_and_can_be_read(language):
    with opened() as browser:
        page = browser.new_page(viewport={"width": 420, "height": 900})
        for name in DIAGRAMS:
            made = diagram(name)
            page.set_content(
                f'<body style="margin:0">{made.svg.replace("<svg ", "<svg style=width:400px;height:auto ", 1)}'
            )
            found, height = page.evaluate(PLACES), float(re.search(r'height="([\d.]+)"', made.svg)[1])
            for text in found:
                assert 3 <= text["x"] and text["right"] <= WIDTH - 3, (name, text)
                assert 3 <= text["y"] and text["bottom"] <= height - 3, (name, text)
                assert text["size"] >= 11, (name, text)
            for one, other in combinations(found, 2):
                assert not overlap(one, other), (name, one, other)
            for box in ElementTree.fromstring(made.svg).iter(f"{SVG}rect"):
                x, y, w, h = (float(box.get(key)) for key in ("x", "y", "width", "height"))
                for text in found:
                    middle = (text["x"] + text["right"]) / 2, (text["y"] + text["bottom"]) / 2
                    if x < middle[0] < x + w and y < middle[1] < y + h:
                        assert x <= text["x"] and text["right"] <= x + w, (name, text)


def test_a_dark_screen_gets_light_words_on_a_dark_card():
    seen = {}
    with opened() as browser:
        for scheme in ("light", "dark"):
            page = browser.new_page(color_scheme=scheme)
            page.set_content('<meta name="color-scheme" content="light dark"><body>' + diagram("attention").image)
            page.wait_for_function("() => document.images[0].complete && document.images[0].naturalWidth > 0")
            place = page.locator("img").bounding_box()
            shot = page.screenshot(clip={"x": place["x"] + 20, "y": place["y"] + 12, "width": 8, "height": 8})
            seen[scheme] = "#{:02x}{:02x}{:02x}".format(*Image.open(io.BytesIO(shot)).convert("RGB").getpixel((4, 4)))
    assert seen == {"light": COLOURS["paper"][0], "dark": COLOURS["paper"][1]}


BEFORE = {  # the cell with the code that a diagram explains
    "translator": "answer-additive-scores",
    "steps": "answer-scaled-dot-product",
    "attention": "answer-scaled-dot-product",
    "heads": "answer-split-heads",
    "block": "answer-transformer-block",
    "three-attentions": "answer-decoder-block",
    "masked-words": "answer-mask-tokens",
}


@pytest.mark.parametrize("track", list(syllabus().tracks))
def test_each_diagram_comes_before_the_code_of_its_concept(track):
    found = {}
    for exercise in syllabus().exercises:
        ids = [cell.id for cell in read_lesson(ROOT, syllabus().assignment(f"{exercise}-{track}"))]
        found |= {
            name: code
            for name, code in BEFORE.items()
            if f"figure-{name}" in ids and ids.index(f"figure-{name}") < ids.index(code)
        }
    assert found == BEFORE and set(BEFORE) == set(DIAGRAMS)


def test_a_danish_notebook_has_the_danish_picture_and_caption():
    (cell,) = [
        cell
        for cell in read_lesson(ROOT, syllabus().assignment("self-attention-pytorch"), "da")
        if cell.id == "figure-attention"
    ]
    with i18n.using("da"):
        assert diagram("attention").image in cell.source
    assert "Det samme regnestykke" in cell.source


def test_nbgraders_pages_show_the_courses_diagrams_and_no_other_svg(language):
    image = diagram("heads").image
    assert harmless_markdown(f"{image}\n\n*Two heads.*", {}) == f"{image}\n\n*Two heads.*"
    other = Canvas("mine").finish(100, ["mine"])
    assert f'src="{other.address}"' not in harmless_markdown(other.image, {})


def test_an_unknown_diagram_is_named_with_its_place(monkeypatch):
    monkeypatch.delitem(DIAGRAMS, "attention")
    with pytest.raises(AuthoringError, match=r"lesson\.md:\d+: there is no figure 'attention'; there is: translator"):
        read_lesson(ROOT, syllabus().assignment("self-attention-pytorch"))


def test_small_text_is_still_text():
    assert SMALL * 400 / WIDTH >= 11
