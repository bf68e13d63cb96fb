"""What a student wrote, in nbgrader's feedback and in formgrader, looked at in a browser: it shows, and does nothing.

Each vector is first seen to act where nothing is done against it: rendered as nbgrader renders a notebook.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from support.timing import cpu_time_below

pytest.importorskip("nbgrader")
api = pytest.importorskip("playwright.sync_api")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "attacks"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import test_nbgrader  # noqa: E402
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath  # noqa: E402
from test_nbgrader import ASSIGNMENT, CHROMIUM, NOTEBOOK, answered, formgrader, release_of, small  # noqa: E402, F401
from vectors import AWAY, CELLS, MARKDOWN, METADATA  # noqa: E402

from autograder.nbgrader import harmless  # noqa: E402
from autograder.paths import ROOT  # noqa: E402
from course.diagrams import DIAGRAMS, diagram  # noqa: E402

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}")
PARTS = ".text_cell_render, .input_area, .output_area pre"
PAGE_IDS = harmless.page_ids(["test-causal-mask"])

# In the browser: what a student's part of the page does or holds that it should not.
LOOK = """(selector) => {
  const found = [...(window.shots || [])];
  const ours = OURS;  // the course's own diagrams, letter by letter
  const good = /^(https?:\\/\\/|#|data:image\\/(png|jpeg);base64,[A-Za-z0-9+\\/=]*$|[\\w-]+\\.png$)/;
  for (const e of document.querySelectorAll(selector.split(',').map(part => part + ' *'))) {
    const style = getComputedStyle(e), place = style.position, name = e.getAttribute('class') || '';
    if (e.localName === 'input' && !e.matches('li.task-list-item > [type=checkbox][disabled]')) found.push('a field');
    if (!TAGS.includes(e.localName)) found.push('element ' + e.localName);
    for (const a of e.attributes) if (!ATTRIBUTES.includes(a.name)) found.push('attribute ' + a.name);
    if (['fixed', 'absolute', 'sticky'].includes(place) && name !== 'anchor-link') found.push('stands ' + place);
    if (style.transform !== 'none' || parseFloat(style.marginTop) < -50) found.push('is moved');
    if (e.id && IDS.includes(e.id)) found.push('has the id ' + e.id);
    if (/navbar|btn|score|comment|full-credit/.test(name)) found.push('class ' + name);
    const address = e.getAttribute('href') || (e.localName === 'img' && e.getAttribute('src')) || '';
    if (address && !good.test(address) && !ours.includes(address)) found.push('address ' + address.slice(0, 40));
    if (e.localName === 'img' && /^https?:/.test(address)) found.push('asks for ' + address);
  }
  return found;
}"""
ATTRIBUTES = """href src alt title class style id width height start colspan rowspan color open rel type disabled
    checked tabindex""".split()
for given, values in {"TAGS": harmless.TAGS | {"input"}, "ATTRIBUTES": ATTRIBUTES, "IDS": PAGE_IDS}.items():
    LOOK = LOOK.replace(given, json.dumps(sorted(values)))
LOOK = LOOK.replace("OURS", json.dumps([diagram(name).address for name in DIAGRAMS]))
# Clicks on all that can be clicked, but for links that lead to another site and say so.
CLICK = """(selector) => {
  for (const e of document.querySelectorAll(`${selector} :is(a:not([href^=http]), text, mtext, button, [onmouseover])`))
    for (const kind of ['mouseover', 'click']) e.dispatchEvent(new MouseEvent(kind, {bubbles: true}));
}"""


class Browser:
    """A browser whose pages count what fires, and reach nothing but the address that they are allowed."""

    def __init__(self, browser) -> None:
        self.context = browser.new_context()
        self.context.add_init_script("window.fired = () => (window.shots ??= []).push('a script ran')")

    def open(self, url: str, own: str = "") -> list[str]:
        """What the student's parts of a page do: scripts, addresses asked for, what stands where it should not."""
        page, asked = self._page(own)
        page.goto(url, wait_until="load")
        page.wait_for_timeout(1500)
        found = page.evaluate(LOOK, PARTS)
        page.close()
        return [*asked, *found]

    def acts(self, pages: dict[str, str]) -> dict[str, list[str]]:
        """The same for many pages at once, each in a frame of its own, with all their links clicked."""
        frames = "".join(f"<iframe src='https://page.example/{number}'></iframe>" for number in range(len(pages)))
        page, asked = self._page("", {**dict(enumerate(pages.values())), "": f"<!doctype html>{frames}"})
        page.goto("https://page.example/", wait_until="load")
        page.wait_for_timeout(1500)
        found: dict[str, list[str]] = {name: [] for name in pages}
        for frame in page.frames[1:]:
            number = frame.url.rpartition("/")[2]
            if number.isdigit() and frame.url.startswith("https://page.example/"):
                frame.evaluate(CLICK, ".student")
        page.wait_for_timeout(500)
        for frame in page.frames[1:]:
            number = frame.url.rpartition("/")[2]
            if number.isdigit() and frame.url.startswith("https://page.example/"):
                name = list(pages)[int(number)]
                found[name] += frame.evaluate(LOOK, ".student")
        still = {frame.url for frame in page.frames}
        for number, name in enumerate(pages):
            if f"https://page.example/{number}" not in still:
                found[name].append("the page went elsewhere")
        for address, where in asked:
            if where.isdigit():
                found[list(pages)[int(where)]].append(address)
        page.close()
        return found

    def _page(self, own: str, pages: dict | None = None):
        page, asked = self.context.new_page(), []

        def answer(route):
            address = route.request.url
            if own and address.startswith(own) or address.startswith("file:"):
                return route.continue_()
            number = address.removeprefix("https://page.example/")
            if pages and number in map(str, pages):
                return route.fulfill(body=pages[int(number) if number else ""], content_type="text/html")
            if address.startswith(AWAY):
                where = route.request.frame.url.rpartition("/")[2] if pages else ""
                asked.append((f"asked for {address}", where))
            return route.abort()

        page.route("**/*", answer)
        return page, asked


@pytest.fixture(scope="module")
def browser():
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield Browser(chromium)
        chromium.close()


def rendered(source: str) -> str:
    return MarkdownWithMath(renderer=IPythonRenderer(escape=False)).render(source)


def formulas(html: str) -> list[str]:
    """Commands for MathJax, which is not there to run them: those that stand where it looks, and ought not to."""
    seen = re.sub(r"<(pre|code)\b.*?</\1>", "", html, flags=re.DOTALL).replace("&#92;", "\\")
    return re.findall(r"\\(?:href|style|class|cssId|mmlToken|require|def|newcommand|rule|hspace|raise)\b", seen)


def page_of(html: str) -> str:
    return f"<!doctype html><meta charset=utf-8><title>t</title><div><div><div class=student>{html}</div></div></div>"


def test_each_vector_acts_where_nothing_is_done(browser):
    """The control: with the renderer that nbgrader uses, and nothing else."""
    pages = {name: page_of(rendered(source)) for name, source in MARKDOWN.items()}
    idle = []
    for name, found in browser.acts(pages).items():
        html = rendered(MARKDOWN[name])
        found += formulas(html)
        found += ["ends elsewhere"] * (html.count("<div") != html.count("</div"))
        found += ["a comment is left open"] * (html.count("<!--") > html.count("-->"))
        if not found:
            idle.append(name)
    assert not idle, "these vectors do nothing, so they show nothing either"


def test_no_vector_acts_after_it_and_all_of_it_is_still_to_be_read(browser):
    safe = {name: rendered(harmless.harmless_markdown(source, {}, PAGE_IDS)) for name, source in MARKDOWN.items()}
    found = browser.acts({name: page_of(html) for name, html in safe.items()})
    assert {name: what for name, what in found.items() if what} == {}
    for name, html in safe.items():
        assert not formulas(html) and html.count("<div") == html.count("</div"), name
        if re.search(r"\w", re.sub(r"<[^>]*>|<!--", "", MARKDOWN[name])):
            assert re.search(r"\w", re.sub(r"<[^>]*>", "", html)), name


def hostile(released: dict) -> dict:
    """A hand-in with all vectors in it, each in a cell of its own."""
    notebook = answered(released)
    mine = [{"cell_type": "markdown", "metadata": {}, "source": source} for source in MARKDOWN.values()]
    mine += [json.loads(json.dumps(cell)) for cell in CELLS.values()]
    for number, cell in enumerate(mine):
        notebook["cells"].append(cell | {"id": f"mine-{number}"})
    notebook["metadata"] |= METADATA
    return notebook


def test_feedback_and_formgrader_show_all_of_it_and_nothing_acts(browser, formgrader):  # noqa: F811
    course, address = formgrader
    path = test_nbgrader.submit(course, "eve", hostile(release_of(course)))
    (path.parent / "evil.html").write_text("<script>fired()</script>")
    (path.parent / "evil.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>fired()</script></svg>")
    (path.parent / "plot.png").write_bytes(b"png")
    before = path.read_bytes()
    test_nbgrader.nbgrader(course, "autograde", ASSIGNMENT, "--student", "eve")
    test_nbgrader.nbgrader(course, "generate_feedback", ASSIGNMENT, "--student", "eve")
    assert path.read_bytes() == before, "the student's own file stays as it is"

    autograded = course / "autograded" / "eve" / ASSIGNMENT
    notebook = json.loads((autograded / f"{NOTEBOOK}.ipynb").read_text())
    assert "raw" not in {cell["cell_type"] for cell in notebook["cells"]}
    assert "fired" not in json.dumps(notebook["metadata"])
    assert (autograded / "plot.png").exists() and not list(autograded.glob("evil.*"))

    feedback = course / "feedback" / "eve" / ASSIGNMENT / f"{NOTEBOOK}.html"
    assert browser.open(feedback.as_uri()) == []
    shown = re.sub("<script.*?</script>", "", feedback.read_text(), flags=re.DOTALL)
    assert "&lt;script&gt;fired()&lt;/script&gt;" in shown and not formulas(shown)

    with api_gradebook(course) as gradebook:
        submission = gradebook.find_submission_notebook(NOTEBOOK, ASSIGNMENT, "eve").id
    url = f"{address}/formgrader/submissions/{submission}/"
    assert browser.open(url, own=address) == []


def api_gradebook(course):
    from nbgrader.api import Gradebook

    return Gradebook(f"sqlite:///{course / 'gradebook.db'}")


def test_without_it_feedback_runs_the_scripts(browser, small, monkeypatch):  # noqa: F811
    """The control for the whole way: the same hand-in, with nothing done to its cells."""
    course, nbgrader = small
    monkeypatch.setattr("autograder.nbgrader.preprocessors.harmless_cells", lambda cells, taken=(): cells)
    few = [{"cell_type": "markdown", "id": "mine", "metadata": {}, "source": MARKDOWN["a script"]}]
    notebook = answered(release_of(course))
    test_nbgrader.submit(course, "eve", notebook | {"cells": [*notebook["cells"], *few]})
    assert nbgrader.autograde(ASSIGNMENT, "eve")["success"]
    assert nbgrader.generate_feedback(ASSIGNMENT, "eve")["success"]
    feedback = course / "feedback" / "eve" / ASSIGNMENT / f"{NOTEBOOK}.html"
    assert "a script ran" in browser.open(feedback.as_uri())


def test_what_is_released_and_what_students_write_is_shown_as_it_is():
    """No false alarm: every released cell, and what a report is made of."""
    ordinary = [
        "# My report\n\nSome *text*, `code`, $a<b$ and $$\\frac{1}{\\sqrt{d}} \\begin{pmatrix} 1 & 2 \\end{pmatrix}$$",
        "| head | dim |\n|:--|--:|\n| 1 | `64` |\n\n- [x] done\n1. one\n2. two\n\n> quoted\n\n---\n~~old~~",
        "```python\nif a < b and c > d:\n    print('<b>')\n```\n\n    indented <script>\n",
        'See [the paper](https://arxiv.org/abs/1706.03762 "Attention"), <https://pytorch.org>, [below](#My-report).',
        "![my plot](plot.png) ![attached](attachment:figure.png)",
        'A <b>bold</b> <span style="color: red">red</span> word<br>H<sub>2</sub>O, <kbd>Ctrl</kbd> &amp; 5 < 6 > 4 & x',
        "\\begin{align}\nQ &= XW_Q \\\\\nK &= XW_K\n\\end{align}",
    ]
    pictures = {"figure.png": {"image/png": "iVBORw0KGgo="}}
    for path in sorted((ROOT / "source").rglob("*.ipynb")):
        notebook = json.loads(path.read_text())
        ordinary += ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown"]
    assert len(ordinary) > 200
    for text in ordinary:
        assert harmless.harmless_markdown(text, pictures) == text


def test_html_that_is_not_quite_so_is_kept_where_the_sanitiser_can_mend_it():
    assert harmless.harmless_markdown("a <font color=red>word</font>", {}) == 'a <font color="red">word</font>'
    assert "<b>" in harmless.harmless_markdown("<b>bold</b> <blink>x</blink>", {})


@pytest.mark.parametrize(
    "text", ["[" * 30000, "\\begin{a}" * 4000, "<a " * 9000, "<!--" * 9000, "$" * 39999, "x" * 10**6]
)
def test_it_takes_little_time(text):
    with cpu_time_below(5):
        harmless.harmless_markdown(text, {})


@pytest.mark.parametrize(
    "name", ["notes.html", "notes.HTM", "a.svg", "a.xhtml", "a.xml", "a.mhtml", "a.js", "a.pdf", "a.svgz.html", "a.xsl"]
)
def test_files_that_a_browser_would_run_are_told_from_others(name):
    assert not harmless.is_harmless_file(name)
    assert all(map(harmless.is_harmless_file, ("a.png", "a.csv", "a.txt", "a.py", "README", "a.zip", "a.npy")))
