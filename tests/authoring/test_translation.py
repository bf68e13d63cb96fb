"""Languages: Danish is complete but for what is listed here, and a third language needs nothing but its catalogues.

The pseudo-language of these tests writes every message in capitals between guillemets, and keeps what a translation
must keep. Where English comes through in a release, no translator could have reached it.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import zipfile
from html import escape
from pathlib import Path

import pytest

from autograder.authoring.release import release, released_notebook
from autograder.authoring.translate import CODE, PLACEHOLDER, folder, messages, problems, read, update, written
from autograder.cli import main
from autograder.errors import AuthoringError
from autograder.judging.catalogue import catalogue
from autograder.messages import Message, again, sentence
from autograder.notebooks.lessons import paragraphs
from autograder.proof.verify import claims_for
from autograder.reporting.html import feedback_page
from autograder.reporting.language import spoken
from autograder.workers.worker_messages import BY_ID, MAX_VALUE
from autograder.workers.worker_messages import read as read_message
from course import i18n
from course.syllabus import syllabus

ROOT = Path(__file__).resolve().parents[2]
ONE = "self-attention-pytorch"

GAPS: dict[str, set[str]] = {}  # catalogues of a language that are not complete yet


def pseudo(text: str) -> str:
    """A message in the pseudo-language: in capitals, but for values that are put in, code, formulas and tags."""
    kept = re.compile(rf"{CODE.pattern}|{PLACEHOLDER.pattern}|\$\$.*?\$\$|\$[^$\n]*\$|<[^>]*>", re.DOTALL)
    out, at = [], 0
    for match in kept.finditer(text):
        out += [text[at : match.start()].upper(), match.group()]
        at = match.end()
    out.append(text[at:].upper())
    return "".join(out)


@pytest.fixture
def pseudo_language(monkeypatch, tmp_path):
    """The language "xx", of which there are catalogues and nothing else."""
    root = tmp_path / "root"
    for name, texts in messages(ROOT).items():
        write(root, "xx", name, {text: pseudo(text) for text in texts})
    monkeypatch.setattr(i18n, "LOCALE", root / "course" / "locale")
    forget()
    yield root
    forget()


def write(root: Path, language: str, name: str, texts: dict[str, str]) -> Path:
    from babel.messages import Catalog

    catalogue = Catalog()
    for text, said in texts.items():
        catalogue.add(text, said)
    path = folder(root, language) / f"{name}.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(written(catalogue, language), encoding="utf-8")
    return path


def forget() -> None:
    for remembered in (i18n._catalogue, i18n.lesson_text, i18n._released):
        remembered.cache_clear()


def unpacked(path: Path, place: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(place)
    return place / path.stem


def test_catalogues_read_again_are_chained_anew():
    """A chain that goes round in a circle is seen only where a message is in none of its catalogues."""
    for _ in range(2):
        i18n._catalogue.cache_clear()
        with i18n.using("da"):
            assert i18n._("a message that no catalogue has") == "a message that no catalogue has"


# -- what is committed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", i18n.languages()[1:])
def test_nothing_is_missing_stale_or_unfinished_but_what_is_known(language):
    home, gaps = folder(ROOT, language), GAPS.get(language, set())
    wrong = problems(ROOT, language)
    told = [str(p) for p in wrong if p.kind != "missing" or str(p.path.relative_to(home).with_suffix("")) not in gaps]
    assert not told, f"say `autograder translate {language}`, then translate:\n" + "\n".join(told)
    lacking = {str(p.path.relative_to(home).with_suffix("")) for p in wrong if p.kind == "missing"}
    assert lacking == gaps, "complete now: take it off the list of gaps"


def test_there_is_danish():
    assert i18n.languages() == ("en", "da")


def test_the_catalogues_are_as_the_command_writes_them(tmp_path):
    for path in folder(ROOT, "da").rglob("*.po"):
        assert path.read_text(encoding="utf-8") == written(read(path), "da"), path


# -- what a translator is told -----------------------------------------------------------------------------------------


def a_course(tmp_path: Path) -> Path:
    """A checkout with one message to translate in it, beside what every one has."""
    (tmp_path / "course" / "quizzes").mkdir(parents=True)
    shutil.copy(ROOT / "course" / "syllabus.toml", tmp_path / "course")
    (tmp_path / "course" / "one.py").write_text('def f(n):\n    return _("Line {n} of `code` is wrong, I fear.")\n')
    return tmp_path


MESSAGE = "Line {n} of `code` is wrong, I fear."


@pytest.mark.parametrize(
    "said, kind, told",
    [
        ("", "missing", "course/one.py:2"),
        ("Linje {m} i `code` er forkert", "broken", "lacks {n}; has {m} instead"),
        ("Linje {n} i `kode` er forkert", "broken", "lacks `code`; has `kode` instead"),
        ("Linje {n} i koden", "broken", "lacks `code`"),
        (MESSAGE, "unfinished", "not translated"),
        ("TODO {n} `code`", "unfinished", "not translated"),
    ],
)
def test_what_is_wrong_with_a_message_is_told_with_file_and_line(tmp_path, said, kind, told):
    root = a_course(tmp_path)
    update(root, "da")
    texts = dict.fromkeys(messages(root)["course"], "Oversat")
    path = write(root, "da", "course", {**texts, MESSAGE: said})
    found = [p for p in problems(root, "da") if p.path == path]
    assert [p.kind for p in found] == [kind] and told in str(found[0])
    line = path.read_text().splitlines()[found[0].line - 1]
    assert line.startswith("msgid") and "Line {n}" in line


def test_a_good_translation_is_no_problem_and_one_that_nothing_says_is_stale(tmp_path):
    root = a_course(tmp_path)
    update(root, "da")
    texts = dict.fromkeys(messages(root)["course"], "Oversat")
    write(root, "da", "course", {**texts, MESSAGE: "Linje {n} i `code` er nok forkert.", "Gone": "Væk"})
    assert [(p.kind, "Gone" in str(p)) for p in problems(root, "da") if p.path.stem == "course"] == [("stale", True)]
    update(root, "da")  # takes it out, and keeps the rest
    assert not [p for p in problems(root, "da") if p.path.stem == "course"]


def test_a_message_that_changes_keeps_its_translation_for_the_translator_and_shows_english_until_then(tmp_path):
    root = a_course(tmp_path)
    update(root, "da")
    texts = dict.fromkeys(messages(root)["course"], "Oversat")
    path = write(root, "da", "course", {**texts, MESSAGE: "Linje {n} i `code` er nok forkert."})
    source = root / "course" / "one.py"
    source.write_text(source.read_text().replace("I fear", "I am afraid"))
    update(root, "da")
    (problem,) = [p for p in problems(root, "da") if p.path == path]
    assert problem.kind == "unfinished" and "fuzzy" in problem.text
    assert "er nok forkert" in path.read_text() and b"nok forkert" not in i18n.compiled(path)


@pytest.mark.parametrize("broken", ["msgstr no quotes", 'msgstr "no end', "nonsense"])
def test_a_catalogue_that_is_none_is_told_with_file_and_line(tmp_path, broken):
    root = a_course(tmp_path)
    update(root, "da")
    path = folder(root, "da") / "course.po"
    lines = path.read_text().splitlines()
    at = lines.index('msgstr ""', 5)
    lines[at] = broken
    path.write_text("\n".join(lines))
    for reading, error in ((lambda: problems(root, "da"), AuthoringError), (lambda: i18n.compiled(path), ValueError)):
        with pytest.raises(error, match=re.escape(f"{path}:{at + 1}: not a catalogue")):
            reading()


def test_a_lesson_falls_into_paragraphs_and_back():
    text = "# One\n\nTwo `code`\nwraps.\n\n\n```python\nx = 1\n\ny = 2\n```\n\n$$\na + b\n$$\n\n</details>\n\nLast"
    spoken = [block for _line, block, spoken in paragraphs(text) if spoken]
    assert spoken == ["# One", "Two `code`\nwraps.", "Last"]
    assert [line for line, block, _ in paragraphs(text) if block == "Last"] == [18]


# -- what the judge says -----------------------------------------------------------------------------------------------

SAYING = {
    "fail",
    "Mismatch",
    "Message",
    "WorkerMessage",
    "N_",
    "_",
}  # a call of these has a message as its first argument
UNSEEN = {"named", "Generator", "AssertionError", "parametrize"}  # names and inputs; the names of cases are messages
SPEAKERS = [
    *sorted((ROOT / "autograder" / "judging").rglob("*.py")),
    *sorted((ROOT / "autograder" / "exercises").rglob("*.py")),
    *sorted((ROOT / "autograder" / "submission").glob("*.py")),
    *sorted((ROOT / "autograder" / "workers").glob("*.py")),
]


def glued(source: str, known: set[str]) -> list[str]:
    """Messages of a source that are put together from pieces, and words put into them that are no messages."""
    found = []
    for call in ast.walk(ast.parse(source)):
        name = getattr(getattr(call, "func", None), "id", None)
        if isinstance(call, ast.Call) and name in SAYING:
            found += [ast.unparse(call) for said in call.args[:1] if not _whole(said)]
            if name == "Message":
                found += [ast.unparse(call) for k in call.keywords if not _no_english(k.value, known)]
    return found


def stray(source: str, known: set[str]) -> list[str]:
    """Texts of several words in a file of hidden tests that are no messages, unless a student never reads them."""
    tree = ast.parse(source)
    above = {id(below): node for node in ast.walk(tree) for below in ast.iter_child_nodes(node)}

    def unseen(node: ast.AST) -> bool:
        called = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
        return called in UNSEEN or (id(node) in above and unseen(above[id(node)]))

    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not {node.value} & known:
            several = [text for text in node.value.split(", ") if re.search("[a-z]{2} [a-z]{2}", text)]
            docstring = isinstance(above[id(node)], ast.Expr)
            if set(several) - known and not docstring and not unseen(node):
                found.append(node.value)
    return found


def _whole(said: ast.expr) -> bool:
    if isinstance(said, ast.IfExp):
        return _whole(said.body) and _whole(said.orelse)
    put_in = isinstance(said, ast.Call) and getattr(said.func, "attr", "") in ("format", "join", "replace")
    return not (put_in or isinstance(said, (ast.JoinedStr, ast.BinOp)))


def _no_english(value: ast.expr, known: set[str]) -> bool:
    if isinstance(value, ast.IfExp):
        return _no_english(value.body, known) and _no_english(value.orelse, known)
    if isinstance(value, ast.JoinedStr):  # a number as it is to be written
        return not any(isinstance(v, ast.Constant) and re.search("[A-Za-z]", v.value) for v in value.values)
    return not (isinstance(value, ast.Constant) and isinstance(value.value, str)) or value.value in known


def test_no_message_of_the_judge_is_glued_together():
    known = {text for texts in messages(ROOT).values() for text in texts}
    found = {str(path): glued(path.read_text(encoding="utf-8"), known) for path in SPEAKERS}
    assert len(found) > 20 and not {name: wrong for name, wrong in found.items() if wrong}
    hidden = (ROOT / "autograder" / "exercises").glob("*/hidden_tests.py")
    assert not [wrong for path in hidden for wrong in stray(path.read_text(encoding="utf-8"), known)]


@pytest.mark.parametrize(
    "wrong",
    [
        'fail(f"There are {n} of them.")',
        'fail("There are " + told)',
        'fail("None." if n else f"There are {n} of them.")',
        'fail("There are {} of them.".format(n))',
        'raise Mismatch(" ".join(pieces))',
        'fail(Message(f"There are {n} of them."))',
        'fail(Message("It is {what}.", what="far too large"))',
        'fail(Message("It is {what}.", what="all" if n else "far too large"))',
        'fail(Message("It is {what}.", what=f"{n} too large"))',
    ],
)
def test_glue_is_found(wrong):
    assert glued(wrong, {"all"})


@pytest.mark.parametrize("wrong", ['check(a, "of one batch")', 'still = " It has not moved." if n else ""'])
def test_words_that_are_no_message_are_found(wrong):
    assert stray(f"def test(fail):\n    {wrong}", {"all"})
    assert not stray(f"def test(fail):\n    {wrong}", {"of one batch", " It has not moved."})


@pytest.mark.parametrize(
    "right",
    [
        'fail("None of them.")',
        'fail("None." if n else Message("There are {n}.", n=n))',
        'fail(Message("It is {share}, {what}.", share=f"{n:.0%}", what="all"))',
    ],
)
def test_what_is_whole_is_no_glue(right):
    assert not glued(right, {"all"})


@pytest.mark.parametrize("message", BY_ID.values(), ids=BY_ID)
def test_what_a_worker_says_is_known_again(message):
    names = re.findall(r"\{(\w+)\}", message)
    values = {name: ("x.weight", "(3, 5)", "two\nlines")[i % 3] for i, name in enumerate(names)}
    said = message.said(**values)
    assert said == message.format(**values)
    assert read_message({"message": "any text", **said.header()}) == (message, values)


@pytest.mark.parametrize(
    "error",
    [
        {"message": "`x` is not defined: did the cell run?"},
        {"id": "NO_SUCH_MESSAGE", "values": {}},
        {"id": ["NOT_DEFINED"], "values": {"name": "x"}},
        {"id": "NOT_DEFINED"},
        {"id": "NOT_DEFINED", "values": ["x"]},
        {"id": "NOT_DEFINED", "values": {}},
        {"id": "NOT_DEFINED", "values": {"name": "x", "more": "y"}},
        {"id": "NOT_DEFINED", "values": {"name": {"message": "x"}}},
        {"id": "NOT_DEFINED", "values": {"name": "x" * (MAX_VALUE + 1)}},
    ],
)
def test_what_names_no_message_in_the_right_form_is_none(error):
    assert read_message(error) is None


@pytest.mark.parametrize(
    ("message", "read"),
    [
        ("logits: no entry is as expected", "Logits: no entry is as expected"),
        ("attention_mask: no entry is as expected", "attention_mask: no entry is as expected"),
        ("`labels` is missing", "`labels` is missing"),
        ("", ""),
        (None, None),
    ],
)
def test_a_sentence_begins_with_a_capital_unless_it_begins_with_code(message, read):
    assert sentence(message) == read


def test_what_stands_in_backticks_is_code_in_every_language(pseudo_language):
    with i18n.using("xx"):
        said = again(Message("`{key}` is missing, or no tensor.", key="weights").told())
        named = again(Message("there are only zeros in the {name}", name="weights").told())
    assert (said, named) == ("`weights` IS MISSING, OR NO TENSOR.", "THERE ARE ONLY ZEROS IN THE WEIGHTS")


# -- an unknown language -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["release", ONE, "--language", "tlh", "--output", "out"],
        ["init", "course", "--language", "tlh"],
        ["grade", str(ROOT / "solutions" / "self_attention" / "pytorch.py"), "--language", "tlh"],
        ["translate", "tlh", "--check"],
    ],
)
def test_an_unknown_language_gets_the_list_of_what_there_is(monkeypatch, tmp_path, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert "no language is called 'tlh'; there is: en, da" in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())


# -- a third language --------------------------------------------------------------------------------------------------


def english(text: str) -> list[str]:
    """Words of a text that are not in capitals, without what no language changes."""
    text = re.sub(r"```.*?```|\$\$.*?\$\$|\$[^$\n]*\$|`[^`]*`|<[^>]*>|\{\{.*?\}\}", "", text, flags=re.DOTALL)
    return re.findall(r"\b(?=\w*[a-z])[A-Za-z]{2,}\b", text)


@pytest.mark.parametrize("assignment", syllabus().released())
def test_a_notebook_in_a_new_language_speaks_it_in_every_text_cell(pseudo_language, assignment):
    notebook = json.loads(released_notebook(ROOT, syllabus().released()[assignment], "xx"))
    texts = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    left = {word for text in texts for word in english(text)} - {"PyTorch", "TensorFlow"}
    assert len(texts) > 5 and not left


def test_a_release_in_a_new_language_speaks_it_throughout(pseudo_language, tmp_path):
    (path,) = release(ROOT, [ONE], tmp_path, language="xx")
    home = unpacked(path, tmp_path)
    notebook = json.loads((home / "self-attention.ipynb").read_text(encoding="utf-8"))
    assert notebook["metadata"]["course"]["language"] == "xx"
    readme = (home / "README.md").read_text(encoding="utf-8")
    assert "# 3. SELF-ATTENTION" in readme
    page = readme[readme.index("## THE LESSON") :]
    assert "| 3 | SELF-ATTENTION |" in page and english(page) == []
    code = "import course; course.lesson('self-attention', 'pytorch')('causal-mask')"
    said = subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True, env={})
    assert "THERE IS NO `causal_mask` YET." in said.stdout and "THE CAUSAL MASK" in said.stdout, said.stderr
    files = {file.relative_to(home).as_posix() for file in home.rglob("*")}
    spoken = {file for file in files if "/locale/" in file and "." in file}
    assert spoken == {"course/locale/xx/LC_MESSAGES/course.mo"}


def test_the_same_release_twice_has_the_same_bytes(pseudo_language, tmp_path):
    first, second = (release(ROOT, [ONE], tmp_path / name, language="xx")[0].read_bytes() for name in "ab")
    assert first == second


# Wrong answers by exercise, which between them get messages of all kinds; "released" is an answer not begun.
WRONG = {
    "self-attention": ("released", "output-alone", "batch-of-one-squeezed", "gradients-nan", "padding-as-numbers"),
    "additive-attention": ("module-with-biases", "context-not-in-the-logits", "scores-squeezed", "v-detached"),
    "positional-embedding": ("encoding-transposed", "encoding-in-float64", "positions-detached", "odd-width-accepted"),
    "multi-head-attention": ("split-axes-not-swapped", "heads-output-alone", "weights-averaged", "heads-detached"),
    "transformer-encoder": ("width-of-network-fixed", "same-block-again", "dropout-of-the-sum", "logits-for-each-word"),
    "encoder-decoder": ("one-encoder-block", "decoder-in-a-plain-list", "least-likely", "one-word-more"),
    "bert-pretraining": ("probability-ignored", "never-random", "one-fate-for-many", "bias-not-registered"),
    "bert-finetuning": ("not-truncated", "freeze-ignored", "loss-summed", "evaluation-weighs-batches-alike"),
}
OF_PYTHON = {"tuple", "float", "bool", "None", "ValueError"}
ONE_IS_QUICK = [e if ONE.startswith(e) else pytest.param(e, marks=pytest.mark.slow) for e in WRONG]


def test_there_are_wrong_answers_of_every_exercise():
    assert WRONG.keys() == syllabus().exercises.keys()


@pytest.mark.parametrize("exercise", ONE_IS_QUICK)
def test_feedback_in_a_new_language_speaks_it_throughout(pseudo_language, grader, exercise):
    claims = [c for c in claims_for(syllabus().assignment(f"{exercise}-pytorch"), ROOT / "source")
              if c.name in WRONG[exercise]]  # fmt: skip
    assert len(claims) == len(WRONG[exercise])
    results = grader.grade([claim.submission for claim in claims])
    with i18n.using("xx"):
        parts = [part for result in results for part in spoken(result)["parts"]]
    known = [part["misconception"] for part in parts if part["misconception"]]
    tests = [test for part in parts for test in part["tests"]]
    told = [test["message"] for test in tests if test["message"]]
    assert len(told) >= len(claims) and len(known) >= len(claims) - 1
    said = [*told, *(test["title"] for test in tests), *(m[key] for m in known for key in ("title", "hint"))]
    left = {text: words for text in said if (words := set(english(text)) - OF_PYTHON)}
    assert not left


# -- feedback ----------------------------------------------------------------------------------------------------------


def test_a_student_graded_in_danish_reads_danish_and_the_result_stays_english(tmp_path):
    source = (ROOT / "solutions" / "self_attention" / "pytorch.py").read_text(encoding="utf-8")
    known = {mistake.id: mistake for mistake in catalogue("self-attention")}
    wrong = known["softmax-over-queries"].changes["pytorch"].apply(source)
    (tmp_path / "ann.py").write_text(wrong, encoding="utf-8")
    arguments = ["grade", str(tmp_path / "ann.py"), "--assignment", ONE, "--jobs", "1", "--language", "da"]
    assert main([*arguments, "--html", str(tmp_path), "--json", str(tmp_path / "r.json")]) == 0
    (result,) = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    (page,) = (path.read_text(encoding="utf-8") for path in tmp_path.glob("ann*.html"))
    assert '<html lang="da">' in page and "Softmax over forespørgslerne" in page
    english = feedback_page(result)
    assert '<html lang="en">' in english and "Softmax over the queries" in english
    messages = [test["message"] for test in result["parts"][0]["tests"] if test["message"]]
    assert messages
    for said in (*messages, *(test["title"].partition(" (")[0] for test in result["parts"][0]["tests"])):
        assert escape(said, quote=False) not in page.replace("&#39;", "'")
