"""The documents are true: their links lead somewhere, their files exist, and the command line takes their commands."""

from __future__ import annotations

import json
import re
import runpy
import shlex
from pathlib import Path

import pytest

from autograder.cli import entry
from autograder.paths import ROOT

DOCUMENTS = sorted(str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS}
FENCED = re.compile(r"^(`{3,}).*?^\1$", re.DOTALL | re.MULTILINE)
TOP = ("course", "solutions", "source", "autograder", "tests", "benchmarks", "docs", ".ci")
# Folders of the example exercise in docs/authoring.md, and what `autograder` makes in a course.
MADE = (
    "local_attention",
    "local-attention",
    "course/locale/default",
    "autograder/_data",
    "source/ASSIGNMENT",
    "source/hw3",
)


def prose(name: str) -> str:
    """A document without its fenced blocks, which hold code and diffs."""
    return FENCED.sub("", TEXTS[name])


def spans(name: str) -> list[str]:
    """The code spans of a document, each on one line."""
    return [re.sub(r"\s+", " ", span) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(name))]


def anchors(name: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", TEXTS[name]), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(name: str) -> list[str]:
    """The lines of indented blocks that call `autograder`, without prompt and comment."""
    lines = re.findall(r"^ {4}(?:\$ )?(autograder .+)$", prose(name), re.MULTILINE)
    return [re.split(r"\s+#", line)[0] for line in lines]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files_and_headings(name):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(name)):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        place = (ROOT / name).parent / file if file else ROOT / name
        if not place.exists():
            broken.append(target)
        elif anchor and anchor not in anchors(str(place.resolve().relative_to(ROOT))):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_named_files_exist(name):
    named = re.compile(rf"(?:{'|'.join(map(re.escape, TOP))})/[\w<>*./-]*[\w>]")
    missing = []
    for span in spans(name):
        for path in named.findall(span) if named.match(span) else ():
            pattern = re.sub(r"<\w+>|\b[A-Z]+\b(?=[/.]|$)", "*", path.removesuffix("/"))
            if not any(made in path for made in MADE) and not any(ROOT.glob(pattern)):
                missing.append(path)
    assert missing == []


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if commands(name)])
def test_the_command_line_takes_every_command(name, capsys):
    refused = []
    for command in commands(name):
        try:
            entry.parser().parse_args(shlex.split(command)[1:])
        except SystemExit as ended:
            if ended.code:
                refused.append((command, capsys.readouterr().err.splitlines()[-1]))
    assert refused == []


def test_the_readme_has_commands_of_most_verbs():
    """The check above would say nothing if it found no commands."""
    assert len({command.split()[1] for command in commands("README.md")}) >= 10


@pytest.mark.parametrize("name", DOCUMENTS)
def test_options_in_the_text_belong_to_a_verb(name):
    actions = entry.parser()._subparsers._group_actions[0].choices
    options = {verb: {option for a in actions[verb]._actions for option in a.option_strings} for verb in actions}
    unknown = []
    for span in spans(name):
        words = span.split()
        words = words[1:] if words[0] in ("autograder", "nbgrader") and len(words) > 1 else words
        if span.startswith("nbgrader") or words[0] not in options:
            continue
        unknown += [span for word in words if word.startswith("--") and word not in options[words[0]] | {"--help"}]
    assert unknown == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_targets_of_make_exist(name):
    targets = set(re.findall(r"^([a-z]+):", Path(ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = prose(name)
    named = set(re.findall(r"(?:^ {4}|`)make (?:[A-Z]+=\S+ )*([a-z]+)", text, re.MULTILINE))
    assert named and named <= targets


def test_the_pictures_show_the_pages_of_today():
    made_from = json.loads((ROOT / "docs" / "pictures" / "made_from.json").read_text(encoding="utf-8"))
    digest = runpy.run_path(str(ROOT / "docs" / "pictures" / "take.py"))["digest"]
    assert made_from["templates"] == digest(), "the pages have changed: `make pictures`, and look at them"
