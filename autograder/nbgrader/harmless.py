"""Makes what a student wrote harmless where nbgrader's pages show it.

nbgrader's feedback and formgrader print rendered markdown as it is, and formgrader's pages have the rights of the
Jupyter server that they come from. So cells of the autograded copy either render to HTML with only allowed elements,
attributes and addresses, or are shown as plain text. `is_harmless` checks that; everything that is not on its lists is
refused.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Callable, Collection
from functools import cache, lru_cache
from html import unescape
from typing import Any

from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors.sanitize import SanitizeHTML

from autograder.reporting.text import clean
from course import i18n
from course.diagrams import DIAGRAMS, diagram

LONGEST = 40_000  # characters of a cell that is rendered; a longer one is shown as text, because rendering takes long
DEEPEST = 60  # elements within elements

_VOID = {"br", "hr", "img", "wbr"}
_PLAIN = """
    p h1 h2 h3 h4 h5 h6 em strong del ins b i u s sub sup small mark kbd samp var q cite code pre blockquote hr br ul ol
    li dl dt dd table caption thead tbody tfoot tr th td a img div span center font abbr details summary figure
    figcaption
""".split()
TAGS = frozenset(_PLAIN)
STYLES = ("color", "background-color", "text-align", "font-weight", "font-style", "text-decoration")
PICTURES = {"image/png", "image/jpeg", "image/gif", "image/webp"}

_STYLE = re.compile(rf"(?:\s*(?:{'|'.join(STYLES)})\s*:\s*[#a-zA-Z0-9(),.% -]{{1,60}};?)*\s*")
_NUMBER = re.compile(r"[0-9]{1,4}%?")
_WORDS = re.compile(r"[^<>]{0,1000}")
_LINK = re.compile(r"(?:https?://[a-z0-9]|mailto:)[^\s\\]*|#[^\s]*", re.I)
_BESIDE = re.compile(r"(?!.*\.\.)(?:\./)?[\w][\w %.()-]*(?:/[\w][\w %.()-]*){0,4}\.(?:png|jpe?g|gif|webp)", re.I)
_INLINE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*")
# The classes that nbconvert's renderer and its highlighter write.
_CLASS = re.compile(r"anchor-link|task-list-item| ?highlight(?: hl-\w+)?|language-[\w+#.-]{1,30}|[a-z][a-z0-9]{0,2}")
_HEADING = re.compile(r"[^\s\"'<>]{1,200}")

_ATTRIBUTES: dict[str, dict[str, Callable[[str], Any]]] = {
    "a": {"href": lambda url: _LINK.fullmatch(url) or _BESIDE.fullmatch(url), "title": _WORDS.fullmatch,
          "rel": re.compile("[a-z ]*").fullmatch},
    "img": {"src": lambda url: _picture(url), "alt": _WORDS.fullmatch,
            "title": _WORDS.fullmatch, "width": _NUMBER.fullmatch, "height": _NUMBER.fullmatch},
    "ol": {"start": _NUMBER.fullmatch},
    "th": {"colspan": _NUMBER.fullmatch, "rowspan": _NUMBER.fullmatch},
    "td": {"colspan": _NUMBER.fullmatch, "rowspan": _NUMBER.fullmatch},
    "font": {"color": re.compile(r"#?\w{1,30}").fullmatch},
    "abbr": {"title": _WORDS.fullmatch},
}  # fmt: skip
_BOX = r'<input class="task-list-item-checkbox" type="checkbox" disabled(?: checked)?\s*/>'  # of a list of tasks
_TOKEN = re.compile(
    rf"""[^<]+|{_BOX}|<(?P<end>/)?(?P<tag>[a-z][a-z0-9]*)(?P<attributes>(?:\s+[a-z-]+="[^"<>]*")*)\s*/?>"""
)
_ATTRIBUTE = re.compile(r'\s([a-z-]+)="([^"<>]*)"')

# TeX commands that make links, attributes or elements, that change the meaning of other formulas, or that place
# something over other parts of the page.
_TEX = re.compile(
    r"\\(?:href|url|style|class|cssId|id|data|html\w*|require|unicode|mmlToken|includegraphics|bbox|begingroup|catcode"
    r"|def|gdef|edef|xdef|let|futurelet|(?:re|provide)?newcommand|(?:re)?newenvironment|DeclareMathOperator"
    r"|DeclarePairedDelimiters?|Newextarrow|renewcommand|providecommand|newcounter|char|csname|input|special"
    r"|[Rr]ule|Space|[hvm]?kern|[hvm]skip|[hv]space|raise|lower|move(?:left|right)|raisebox|mathchoice"
    r"|toggle|mathtip|texttip|tooltip|definecolor)(?![A-Za-z])|\\\\\s*\[\s*-?\s*\d{3}"
)


def _picture(url: str) -> bool:
    return bool(_INLINE.fullmatch(url) or _BESIDE.fullmatch(url)) or url in _diagrams()


@cache
def _diagrams() -> frozenset[str]:
    """The addresses of the course's own diagrams, in all languages: of SVG nothing else is shown."""
    found = set()
    for language in i18n.languages():
        with i18n.using(language):
            found |= {diagram(name).address for name in DIAGRAMS}
    return frozenset(found)


def is_harmless(html: str, taken: Collection[str] = ()) -> bool:
    """Whether HTML holds nothing but what the lists above allow, in a form that every browser reads alike.

    `taken` are ids that the page itself uses. Text of elements that are not allowed, comments, attributes without
    quotes and elements that are not closed in order are all refused.
    """
    position = 0
    open_: list[str] = []
    formulas: list[str] = []
    while position < len(html):
        token = _TOKEN.match(html, position)
        if token is None:
            return False
        position = token.end()
        tag = token["tag"]
        if tag is None:
            if not {"pre", "code"} & set(open_):
                formulas.append(unescape(token[0]))
            continue
        if tag not in TAGS:
            return False
        if token["end"]:
            if token["attributes"] or not open_ or open_.pop() != tag:
                return False
            continue
        if not _attributes_fit(tag, token["attributes"], taken):
            return False
        if tag not in _VOID:
            open_.append(tag)
        elif tag == "br":
            formulas.append("\n")
        if len(open_) > DEEPEST:
            return False
    return not open_ and not _TEX.search("".join(formulas))


def _attributes_fit(tag: str, written: str, taken: Collection[str]) -> bool:
    for name, raw in _ATTRIBUTE.findall(written):
        value = unescape(raw)
        if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", value):
            return False
        if name == "id":
            if not re.fullmatch("h[1-6]", tag) or not _HEADING.fullmatch(value) or value in taken:
                return False
        elif name == "class":
            if not _CLASS.fullmatch(value):
                return False
        elif name == "style":
            if not _STYLE.fullmatch(value):
                return False
        elif name not in _ATTRIBUTES.get(tag, {}) or not _ATTRIBUTES[tag][name](value):
            return False
    return True


def harmless_markdown(source: str, attachments: dict[str, dict[str, str]], taken: Collection[str] = ()) -> str:
    """The same markdown if it renders to harmless HTML; else with its HTML as text; else its links too; else all of it.

    Text that is not rendered is shown as it was written; nothing is removed.
    """
    if not attachments:
        return _harmless_text(source, frozenset(taken))
    return _harmless(source, attachments, taken)


@lru_cache(maxsize=500)  # most of a notebook's text is the course's, the same for every student
def _harmless_text(source: str, taken: frozenset[str]) -> str:
    return _harmless(source, {}, taken)


def _harmless(source: str, attachments: dict[str, dict[str, str]], taken: Collection[str]) -> str:
    source = clean(source, LONGEST * 4)
    if len(source) <= LONGEST:
        escaped = _sanitizer().sanitize_html_tags(source)
        for candidate in (source, escaped, re.sub(r"(?<=\])(?=[(\[:])", r"\\", escaped)):
            html = _rendered(candidate, attachments)
            if html is not None and is_harmless(html, taken):
                return candidate
    return as_text(source)


def as_text(source: str) -> str:
    """Markdown that shows this text as it was written."""
    runs = [len(run) for run in re.findall("`+", source)]
    fence = "`" * max(3, max(runs, default=0) + 1)
    return f"{fence}\n{source}\n{fence}"


def harmless_cells(cells: list[dict[str, Any]], taken: Collection[str] = ()) -> list[dict[str, Any]]:
    """A notebook's cells with markdown and attachments made harmless; a raw cell becomes one that shows its text.

    Pages would include raw cells unchanged. Code is shown as text by every page, and stays as it is.
    """
    shown: list[dict[str, Any]] = []
    for cell in cells:
        if cell["cell_type"] == "code":
            shown.append({key: value for key, value in cell.items() if key != "attachments"})
            continue
        cell = dict(cell)
        kept = harmless_attachments(cell.pop("attachments", None))
        if cell["cell_type"] == "markdown":
            cell["source"] = harmless_markdown(cell["source"], kept, taken)
            if kept:
                cell["attachments"] = kept
        elif cell["source"].strip():
            cell |= {"cell_type": "markdown", "source": as_text(clean(cell["source"], LONGEST * 4))}
        else:
            continue
        shown.append(cell)
    return shown


def harmless_attachments(attachments: Any) -> dict[str, dict[str, str]]:
    """The pictures among a cell's attachments, by name and kind."""
    kept: dict[str, dict[str, str]] = {}
    for name, kinds in attachments.items() if isinstance(attachments, dict) else ():
        if isinstance(kinds, dict) and re.fullmatch(r"[\w][\w .()-]{0,200}", str(name)):
            good = {
                kind: data
                for kind, data in kinds.items()
                if kind in PICTURES and isinstance(data, str) and re.fullmatch(r"[A-Za-z0-9+/=\s]*", data)
            }
            if good:
                kept[name] = good
    return kept


# Files that formgrader may send to a browser from the autograded folder: none that a browser runs.
_FILES = PICTURES | {
    "image/bmp", "image/tiff", "text/plain", "text/csv", "text/markdown", "text/x-python", "application/json",
    "application/zip", "application/octet-stream",
}  # fmt: skip


def is_harmless_file(name: str) -> bool:
    """Whether a browser that gets this file from a server shows it or saves it, and never runs it."""
    kind, encoding = mimetypes.guess_type(name, strict=False)
    return encoding is not None or kind is None or kind in _FILES


def page_ids(grade_ids: Collection[str]) -> set[str]:
    """The ids that nbgrader's pages use, in a notebook with these graded cells."""
    ids = {f"{name}{end}" for name in grade_ids for end in ("", "-comment", "_extra_credit")}
    return ids | {"toc", "top", "notebook", "notebook-container", "statusmessage"}


@cache
def _sanitizer() -> SanitizeHTML:
    """nbconvert's sanitizer, with the lists above."""
    attributes = {tag: ["class", "style", *_ATTRIBUTES.get(tag, {})] for tag in TAGS}
    return SanitizeHTML(tags=sorted(TAGS), attributes=attributes, styles=list(STYLES))


def _rendered(source: str, attachments: dict[str, dict[str, str]]) -> str | None:
    """The HTML that nbconvert renders from a cell; None if it fails."""
    renderer = IPythonRenderer(escape=False, attachments=attachments, anchor_link_text="¶")
    try:
        return MarkdownWithMath(renderer=renderer).render(source)
    except Exception:  # an attachment that is not there, a nesting too deep; nbgrader's feedback would stop at it
        return None
