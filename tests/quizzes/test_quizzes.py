"""The quizzes: what is asked, that every answer is judged and explained, and that none can be read before the click."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from support.browser import chromium

from autograder import cli, paths
from autograder.authoring.leaks import find_leaks
from autograder.authoring.release import release_quizzes
from autograder.errors import AuthoringError
from autograder.quizzes.notebooks import QuizError, build_quizzes, notebook_path, quiz_names, read_quiz, sealed_quiz
from course import i18n, quiz
from course.quizzes import LETTERS, WORDS, Quiz, canonical, mark, seal, unseal
from course.report import prose
from course.syllabus import UnknownName

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["post", "pre"]
TYPED = ["8", " 8 ", "8.0", "08", "0,75", ".5", "5.", "0.125", "1.005", "-0.2", "\N{MINUS SIGN}3", "+4", "2.5", "3.5"]
NOT_TYPED = ["", "eight", "1e3", "1/2", "8 8", "nan", "inf", "1,000,000", "-", ".", "1_0", "9" * 31, "\u0668"]


def written(name: str) -> dict:
    """The quiz as its author wrote it, with the answers."""
    return read_quiz(ROOT / "course" / "quizzes" / f"{name}.toml")


def right_ones(question: dict) -> list[int]:
    return [n for n, option in enumerate(question["options"]) if option.get("right")]


def reasons(name: str) -> list[str]:
    questions = written(name)["questions"]
    found = [option["why"] for question in questions for option in question["options"]]
    return found + [question["otherwise"] for question in questions if "otherwise" in question]


@pytest.fixture
def course(tmp_path) -> Path:
    """A copy of what quizzes are made of, to be spoiled."""
    for folder in ("course/quizzes", "source/quiz-pre", "source/quiz-post"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.fixture(scope="module")
def zips(tmp_path_factory) -> dict[str, Path]:
    paths = release_quizzes(ROOT, [f"quiz-{name}" for name in NAMES], tmp_path_factory.mktemp("release"))
    return dict(zip(NAMES, paths, strict=True))


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {info.filename.partition("/")[2]: archive.read(info) for info in archive.infolist()}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} has changed: {old}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


# -- what is asked ----------------------------------------------------------------------------------------------------


def test_there_is_a_quiz_before_and_one_after_the_lecture():
    assert quiz_names(ROOT) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_quiz_has_at_least_eight_questions_of_every_kind(name):
    questions = written(name)["questions"]
    assert len(questions) >= 8
    assert {question["kind"] for question in questions} == {"one", "several", "number"}
    places = [right_ones(question)[0] for question in questions if question["kind"] == "one"]
    assert all(places.count(place) <= len(places) / 2 for place in places)  # the right answer is not always the same


def test_the_committed_quizzes_are_fresh():
    assert len(build_quizzes(ROOT, check=True)) == 2 * len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_shows_what_running_its_cell_would(name):
    notebook = nbformat.read(notebook_path(ROOT, name), as_version=4)
    nbformat.validate(notebook)
    (cell,) = [cell for cell in notebook.cells if cell.cell_type == "code"]
    namespace = {}
    *before, last = cell.source.splitlines()
    exec("\n".join(before), namespace)
    shown = eval(last, namespace)
    assert cell.outputs[0].data == {"text/html": shown._repr_html_(), "text/plain": repr(shown)}


# -- what is said of an answer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_is_judged_and_explained_in_python(name):
    shown = quiz(name)
    for question in written(name)["questions"]:
        options, right = question["options"], right_ones(question)
        if question["kind"] == "number":
            for number, option in enumerate(options):
                verdict, why = shown.answer(question["id"], option["value"]).split("\n", 1)
                assert (verdict, why) == (WORDS["right" if number in right else "wrong"], option["why"])
            assert shown.answer(question["id"], 987654) == f"{WORDS['wrong']}\n{question['otherwise']}"
            assert shown.answer(question["id"], "many") == WORDS["number"]
            continue
        for number, option in enumerate(options):
            verdict, why = shown.answer(question["id"], LETTERS[number]).split("\n", 1)
            assert why == f"{LETTERS[number]}) {option['why']}"
            wanted = "wrong" if number not in right else "right" if len(right) == 1 else "more"
            assert verdict == WORDS[wanted]
        everything = shown.answer(question["id"], *(LETTERS[number] for number in right))
        assert everything.startswith(WORDS["right"])
        assert shown.answer(question["id"], *LETTERS[: len(options)]).startswith(WORDS["wrong"])


def run_script(html: str, code: str) -> object:
    """What the script of a shown quiz computes: run by the Node.js that Playwright comes with, without a document."""
    driver = pytest.importorskip("playwright._impl._driver", reason="no Playwright, so no Node.js to run the script")
    node = driver.compute_driver_executable()[0]
    script = re.search(r"<script>\n\(function \(\) \{\n(.*)\}\)\(\);\n</script>", html, re.DOTALL).group(1)
    stub = "const document = {querySelectorAll: () => []};\n"
    done = subprocess.run(
        [node, "-"], input=f"{stub}{script}\nconsole.log(JSON.stringify({code}))", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", NAMES)
def test_the_shown_script_accepts_the_right_answers_and_refuses_the_wrong_ones(name):
    html = quiz(name)._repr_html_()
    asked, wanted = [], []
    for question in written(name)["questions"]:
        options, right = question["options"], right_ones(question)
        if question["kind"] == "number":
            for number, option in enumerate(options):
                asked.append((question["id"], str(option["value"])))
                wanted.append((number in right, [prose(option["why"])]))
            asked.append((question["id"], "987654"))
            wanted.append((False, [prose(question["otherwise"])]))
            continue
        choices = [[number] for number in range(len(options))] + [right, list(range(len(options)))]
        for choice in choices:
            good = choice == right
            told = range(len(options)) if good and question["kind"] == "several" else choice
            asked.append((question["id"], choice))
            wanted.append((good, [prose(options[number]["why"]) for number in told]))
    code = f"""{json.dumps(asked)}.map(([id, chosen]) => {{
        const question = facts.questions[id], judged = judge(question, chosen);
        return [judged.right, judged.open.map(([number]) => reason(question, number))];
    }})"""
    assert run_script(html, code) == [[right, told] for right, told in wanted]


def test_script_and_python_hash_and_read_numbers_alike():
    html = quiz("pre")._repr_html_()
    texts = ["", "a", "ø" * 40, "x" * 55, "x" * 56, "x" * 64, "x" * 1000]
    code = f"[{json.dumps(texts)}.map((t) => sha256(t + '|0|right'))]"
    assert run_script(html, code) == [[mark(text, 0, True) for text in texts]]
    for decimals in (0, 2):
        code = f"{json.dumps(TYPED + NOT_TYPED)}.map((t) => canonical(t, {decimals}))"
        assert run_script(html, code) == [canonical(text, decimals) for text in TYPED + NOT_TYPED]
    assert [canonical(text, 2) for text in NOT_TYPED] == [None] * len(NOT_TYPED)
    assert [canonical(text, 2) for text in TYPED[:6]] == ["8.00", "8.00", "8.00", "8.00", "0.75", "0.50"]


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_can_be_clicked_in_a_browser(zips, tmp_path, name):
    api = pytest.importorskip("playwright.sync_api")
    (tmp_path / "page.html").write_bytes(members(zips[name])[f"quiz-{name}.html"])
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(playwright), args=["--no-sandbox", "--disable-gpu"]
        )
        page, errors = browser.new_page(), []
        page.on("pageerror", lambda error: errors.append(error))
        page.goto((tmp_path / "page.html").as_uri())
        assert page.locator("[data-still]").count() == 0
        questions = written(name)["questions"]
        for question in questions:
            item = page.locator(f"[data-question={question['id']}]")
            answer_by_clicking(item, question)
        score = page.locator("[data-score]").inner_text()
        assert score == WORDS["score"].format(right=len(questions), count=len(questions))
        assert not errors
        browser.close()


@pytest.mark.slow
def test_in_jupyterlab_a_quiz_is_a_list_until_its_cell_is_run_and_then_answers(zips, tmp_path):
    """A notebook from elsewhere is not trusted: JupyterLab shows its saved output without the script."""
    api = pytest.importorskip("playwright.sync_api")
    with zipfile.ZipFile(zips["post"]) as archive:
        archive.extractall(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    home = {"HOME": tmp_path, "JUPYTER_CONFIG_DIR": tmp_path / ".config", "JUPYTER_RUNTIME_DIR": tmp_path / ".runtime"}
    options = ["--allow-root", "--no-browser", "--ip=127.0.0.1", "--IdentityProvider.token="]
    with api.sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium(playwright), args=flags)
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyter", "lab", *options, f"--port={address.rpartition(':')[2]}"],
            cwd=tmp_path / "quiz-post",
            env={**os.environ, **{key: str(value) for key, value in home.items()}},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            for _attempt in range(120):
                try:
                    urllib.request.urlopen(f"{address}/api", timeout=2)
                    break
                except OSError:
                    time.sleep(0.5)
            page = browser.new_page()
            page.goto(f"{address}/lab/tree/quiz-post.ipynb", wait_until="domcontentloaded")
            page.locator(".jp-OutputArea-output").first.wait_for(timeout=120_000)
            saved = page.locator(".jp-OutputArea-output").first
            assert "Each row: a word shares out" in saved.inner_text() and saved.locator("button").count() == 0
            page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=120_000)  # earlier keys would be lost
            page.locator(".jp-CodeCell .jp-InputArea-editor").first.click()
            page.keyboard.press("Control+Enter")
            page.locator("[data-question] button").first.wait_for(timeout=120_000)
            for question in written("post")["questions"]:
                answer_by_clicking(page.locator(f"[data-question={question['id']}]"), question)
        finally:
            server.terminate()
            server.wait(20)
            browser.close()


def answer_by_clicking(item, question: dict) -> None:
    """Answer first right, then wrong in every way that the author thought of."""
    said, right = item.locator("[data-say]"), right_ones(question)
    order = sorted(range(len(question["options"])), key=lambda number: number not in right)
    if question["kind"] == "number":
        for number in order:
            item.locator("input").fill(str(question["options"][number]["value"]))
            item.locator("input").press("Enter")
            assert said.get_attribute("data-right") == ("yes" if number in right else "no")
            assert plain(question["options"][number]["why"]) in said.inner_text()
        item.locator("input").fill("987654")
        item.locator("button").click()
        assert plain(question["otherwise"]) in said.inner_text()
        return
    if question["kind"] == "several":
        item.locator("button").click()
        assert said.inner_text() == WORDS["none"]
        for number in right:
            item.locator("input").nth(number).check()
        item.locator("button").click()
        assert said.inner_text().endswith(WORDS["right"])
    for number in order:
        why = item.locator("[data-option]").nth(number).locator("[data-why]")
        if question["kind"] == "one":
            item.locator("button").nth(number).click()
            assert said.get_attribute("data-right") == ("yes" if number in right else "no")
            assert item.locator("[data-why]:not(:empty)").count() == 1
        assert why.get_attribute("data-right") == ("yes" if number in right else "no")
        assert plain(question["options"][number]["why"]) in why.inner_text()
    if question["kind"] == "several":
        item.locator("input").nth(order[-1]).check()
        item.locator("button").click()
        assert said.inner_text().endswith(WORDS["right" if order[-1] in right else "wrong"])


def plain(text: str) -> str:
    return text.replace("`", "")


# -- without the script -----------------------------------------------------------------------------------------------


class Message(HTMLParser):
    """What one reads of a page, and which elements it has."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags, self.inside = "", [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        self.text += data if self.inside != "script" else ""


@pytest.mark.parametrize("name", NAMES)
def test_without_the_script_a_quiz_is_a_plain_list(name):
    page = Message(quiz(name)._repr_html_())
    assert not {"button", "input", "link", "img", "iframe"} & set(page.tags)
    for text in (page.text, plain(str(quiz(name)))):
        for question in written(name)["questions"]:
            assert plain(question["text"]) in text
            if question["kind"] != "number":
                assert all(plain(option["text"]) in text for option in question["options"])
    assert not re.search(r"src=|://|import\(|fetch\(", quiz(name)._repr_html_())  # nothing is loaded from elsewhere


# -- what students get ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_no_answer_can_be_read_in_what_is_released(zips, name):
    files = members(zips[name])
    assert find_leaks(ROOT, files) == []
    assert not [file for file in files if file.endswith((".toml", ".mo")) and file != "course/syllabus.toml"]
    assert [file for file in files if file.endswith(".json")] == [f"course/quizzes/{name}.json"]
    for content in files.values():
        text = content.decode()
        for reason in reasons(name):
            for form in (reason, prose(reason), json.dumps(reason)[1:-1], base64.b64encode(reason.encode()).decode()):
                assert form not in text
    sealed = json.loads(files[f"course/quizzes/{name}.json"])
    for question, source in zip(sealed["questions"], written(name)["questions"], strict=True):
        for option in question["options"]:  # right and wrong ones look alike
            assert set(option) == {"mark", "why"} | ({"text"} if question["kind"] != "number" else set())
            assert re.fullmatch("[0-9a-f]{64}", option["mark"])
        assert set(question) <= {"id", "kind", "text", "salt", "options", "decimals", "otherwise"}
        if source["kind"] == "number":
            value = canonical(source["options"][right_ones(source)[0]]["value"], source["decimals"])
            assert value not in re.findall(r"-?\d+(?:\.\d+)?", question["text"])
    marks = [option["mark"] for question in sealed["questions"] for option in question["options"]]
    assert len(set(marks)) == len(marks)


@pytest.mark.parametrize("name", NAMES)
def test_no_answer_can_be_read_in_the_committed_notebook(name):
    text = notebook_path(ROOT, name).read_text(encoding="utf-8")
    assert find_leaks(ROOT, {f"quiz-{name}.ipynb": text.encode()}) == []


def test_an_answer_in_plain_words_stops_a_release(monkeypatch, tmp_path):
    reason = reasons("post")[3]
    assert "explains an answer of course/quizzes/post.toml" in str(
        find_leaks(ROOT, {"a.txt": f"x {reason} y".encode()})
    )
    assert "not sealed" in str(find_leaks(ROOT, {"course/quizzes/pre.toml": b""}))
    monkeypatch.setattr("autograder.authoring.release.QUIZ_README", f"{{course}} {{title}} {{name}} {reason}")
    with pytest.raises(AuthoringError, match="quiz-pre is not released"):
        release_quizzes(ROOT, ["quiz-pre"], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_student_finds_a_quiz_that_works_by_itself(zips, tmp_path):
    with zipfile.ZipFile(zips["post"]) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / "quiz-post"
    code = f"""
import course, sys
assert course.__file__.startswith({str(folder)!r}), course.__file__
from course import quiz
assert "button" in quiz("post")._repr_html_()
print(quiz("post").answer("scale-of-a-head", 8))
assert "autograder" not in sys.modules
quiz("pre")
"""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, env=environment)
    assert done.stdout.startswith(WORDS["right"]), done.stderr
    assert "no quiz is called 'pre'; there is: post" in done.stderr
    assert (
        "numpy==" in (folder / "requirements.txt").read_text()
        and "torch" not in (folder / "requirements.txt").read_text()
    )


def test_releasing_twice_gives_the_same_bytes(zips, tmp_path):
    (again,) = release_quizzes(ROOT, ["quiz-pre"], tmp_path)
    assert again.read_bytes() == zips["pre"].read_bytes()


def test_the_command_line_releases_quizzes_and_knows_their_names(tmp_path, capsys):
    assert cli.main(["release", "quiz-pre", "--output", str(tmp_path)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["quiz-pre.zip"]
    assert cli.main(["release", "quiz-during", "--output", str(tmp_path)]) == 2
    assert "no quiz is called 'quiz-during'; there is: quiz-post, quiz-pre" in " ".join(capsys.readouterr().err.split())


def test_a_release_in_another_language_leaves_the_first_in_its_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for language in ("en", "da"):
        assert cli.main(["release", "quiz-pre", "--language", language]) == 0
    english, danish = (Path(folder, "quiz-pre.zip").read_bytes() for folder in ("release", "release/da"))
    assert english != danish


def test_a_quiz_is_released_in_a_language_without_the_catalogue_that_tells_the_answers(monkeypatch, tmp_path):
    from babel.messages import Catalog

    from autograder.authoring.translate import written as catalogue_text

    question = written("pre")["questions"][0]
    why = question["options"][1]["why"]
    folder = tmp_path / "course" / "locale" / "xx" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    for domain, texts in (("course", ["Check"]), ("quizzes", [question["text"], why])):
        catalogue = Catalog(locale=None)
        for text in texts:
            catalogue.add(text, f"<{text}>")
        (folder / f"{domain}.po").write_text(catalogue_text(catalogue, "xx"), encoding="utf-8")
    for place in ("course", "source/quiz-pre", "source/quiz-post", "pyproject.toml", "constraints.txt"):
        if (ROOT / place).is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "bert-mini", "locale")
            shutil.copytree(ROOT / place, tmp_path / place, ignore=ignore, dirs_exist_ok=True)
        else:
            shutil.copy(ROOT / place, tmp_path)
    monkeypatch.setattr(i18n, "LOCALE", tmp_path / "course" / "locale")
    i18n._catalogue.cache_clear()
    try:
        (path,) = release_quizzes(tmp_path, ["quiz-pre"], tmp_path / "out", "xx")
    finally:
        i18n._catalogue.cache_clear()
    files = members(path)
    assert "course/locale/xx/LC_MESSAGES/course.mo" in files and not any(
        "quizzes" in file and "locale" in file for file in files
    )
    sealed = json.loads(files["course/quizzes/pre.json"])
    assert sealed["questions"][0]["text"] == f"<{question['text']}>" and sealed["words"]["check"] == "<Check>"
    assert Quiz(sealed).answer("bottleneck", "b") == f"{WORDS['right']}\nb) <{why}>"
    assert sealed["questions"][1]["text"] == written("pre")["questions"][1]["text"]  # English where nothing is said
    assert '<html lang="xx">' in files["quiz-pre.html"].decode() and why not in files["quiz-pre.html"].decode()
    assert i18n._("Check") == "Check"  # the language was for the release alone


def test_sealing_comes_undone_with_the_salt_and_in_no_other_way():
    text = "Because ½ of it is «padding»." * 5
    sealed = seal(text, "salt", 2)
    assert unseal(sealed, "salt", 2) == text
    assert "padding" not in base64.b64decode(sealed).decode("latin-1")
    assert sealed != seal(text, "salt", 1) and sealed != seal(text, "other", 2)
    assert mark("salt", 0, True) != mark("salt", 0, False)


# -- what a mistaken author, or student, is told ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            'why = "A recurrent',
            'right = true\nwhy = "A recurrent',
            "question 'bottleneck': 2 options are right, where one",
        ),
        ("right = true\n", "", "question 'bottleneck': no option is right"),
        ("value = 0.75\nright = true", "value = 0.75", "question 'softmax-by-hand': no option is right"),
        ("value = 0.25\n", "value = 0.25\nright = true\n", "question 'softmax-by-hand': 2 options are right"),
        ("value = 0.25\n", "value = 0.751\n", "question 'softmax-by-hand': two options are the same: 0.75"),
        ("value = 0.25\n", 'value = "a"\n', "question 'softmax-by-hand': option 2 has no value"),
        ("value = 0.25\n", "value = nan\n", "question 'softmax-by-hand': option 2 has no value"),
        ("decimals = 2\n", "", "question 'softmax-by-hand': a number needs `decimals`"),
        ('otherwise = "Raise', 'otherwize = "Raise', "question 'softmax-by-hand': nothing is called 'otherwize'"),
        ('why = "Rare', 'whi = "Rare', "question 'bottleneck': nothing is called 'whi' in option 3"),
        (
            'why = "Rare words are a',
            'why = ""\n# "Rare words are a',
            "question 'bottleneck': option 3 has no explanation",
        ),
        ('id = "in-turn"', 'id = "bottleneck"', "there are two questions with the id 'bottleneck'"),
        ('id = "in-turn"\n', "", "question number 2 has no id"),
        ('kind = "one"', 'kind = "only"', "question 'bottleneck': unknown kind 'only'; there is: one, several, number"),
        ('text = "`(0.9, 0.1)`"', 'text = "`(-5, 0)`"', "question 'dot-product': two options are the same"),
        ("right = true", 'right = "yes"', "question 'bottleneck': `right` of option 2 is neither"),
        ('title = "Before', 'titel = "Before', "the quiz lacks 'title'"),
        ("[[questions]]", "[[questions]", "cannot be read as TOML"),
    ],
)
def test_a_mistake_in_a_quiz_is_refused_with_file_and_question(course, old, new, says):
    path = course / "course" / "quizzes" / "pre.toml"
    edit(path, old, new)
    before = (course / "course/quizzes/pre.json").read_bytes()
    for check in (False, True):
        with pytest.raises(QuizError) as caught:
            build_quizzes(course, check=check)
        assert says in str(caught.value) and str(path) in str(caught.value)
    assert (course / "course/quizzes/pre.json").read_bytes() == before


def test_a_missing_field_is_named(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('title = "A"\nintro = "B"\n', encoding="utf-8")
    with pytest.raises(QuizError, match=r"a\.toml: the quiz has no \[\[questions\]\]"):
        read_quiz(path)
    path.write_text('title = "A"\nintro = "B"\n[[questions]]\nid = "q"\nkind = "one"\ntext = "?"\n', encoding="utf-8")
    with pytest.raises(QuizError, match=r"question 'q': it has no options"):
        read_quiz(path)
    with pytest.raises(QuizError, match="there is no such quiz"):
        read_quiz(tmp_path / "b.toml")


def test_autograder_build_refuses_a_mistaken_quiz(course, monkeypatch, capsys):
    edit(course / "course/quizzes/post.toml", "right = true\n", "")
    monkeypatch.setattr(paths, "ROOT", course)
    for arguments in (["build"], ["build", "--check"]):
        assert cli.main(arguments) == 1
        assert "post.toml: question 'sums-to-one': no option is right" in capsys.readouterr().err


def test_a_stale_quiz_is_noticed_and_built_again(course):
    edit(course / "course/quizzes/pre.toml", "Five words and fifty", "Six words and sixty")
    with pytest.raises(AuthoringError, match=r"(?s)stale quizzes.*quizzes/pre\.json.*quiz-pre\.ipynb"):
        build_quizzes(course, check=True)
    with pytest.raises(AuthoringError, match="stale quizzes"):
        release_quizzes(course, ["quiz-pre"], course / "out")
    assert [path.name for path in build_quizzes(course)] == ["pre.json", "quiz-pre.ipynb"]
    assert build_quizzes(course) == []
    assert Quiz(sealed_quiz(course, "pre")).answer("bottleneck", "b").count("Six words and sixty") == 1


def test_unknown_names_are_answered_with_those_that_there_are():
    with pytest.raises(UnknownName, match="no quiz is called 'during'; there is: post, pre"):
        quiz("during")
    with pytest.raises(UnknownName, match="no question is called 'x'; there is: bottleneck, in-turn"):
        quiz("pre").answer("x", "a")
    with pytest.raises(UnknownName, match="bottleneck has no option 'e'; there is: a, b, c, d"):
        quiz("pre").answer("bottleneck", "e")
