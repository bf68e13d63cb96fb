"""The attention explorer: a page to type words in, slide the scale, switch masks and heads, and see each sum.

It is one page of HTML with its script and its numbers in it: no network, no kernel, no file beside it. A notebook shows
it in a frame, so that neither changes how the other looks. The words have vectors that are made by hand, of four
numbers, or of unknown words by a rule, so that the same word always has the same. The heads of bert-mini are its real
ones: `looks.json` has the dot products of their queries and keys for a few sentences, and the page computes the rest.
`autograder build` writes that file and the pages in `docs/`.
"""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any

from course.i18n import _, language

HERE = Path(__file__).parent
FILES = ("page.html", "page.js", "looks.json")  # what the page is made of, beside this module
# They are read at import, because no file of the course can be opened where hand-ins are graded.
TEXTS = {name: (HERE / name).read_text(encoding="utf-8") for name in FILES if (HERE / name).is_file()}

# What a word of each kind asks for and what it offers: a thing, it lives, an action, a state. As in exercise 3.
KINDS = {
    "article": ([1, 0, 0, 0], [0, 0, 0, 0]),
    "living": ([0, 0, 1, 1], [1, 1, 0, 0]),
    "thing": ([0, 0, 1, 0], [1, 0, 0, 0]),
    "action": ([1, 1, 0, 0], [0, 0, 1, 0]),
    "pronoun": ([1, 1, 0, 0], [0, 1, 0, 0]),
    "state": ([0, 1, 0, 0], [0, 0, 0, 1]),
    "other": ([0, 0, 0, 1], [0, 0, 0, 0]),
    "padding": ([0, 0, 0, 0], [0, 0, 0, 0]),
}
WORDS = {
    "article": "the a an this that these those my your his her our their en et den de denne dette min din",
    "living": "animal dog cat fox hen mouse owl shark gull cow horse man woman child doctor patient striker teacher "
    "dyr dyret hund hunden kat katten ræv ræven mus musen mand manden kvinde kvinden barn barnet læge lægen",
    "thing": "street road house tree book ball river table forest sea meadow bank goal goals gade gaden vej vejen hus "
    "huset træ træet bog bogen bold bolden flod floden bord bordet skov skoven",
    "action": "crossed cross chased chase bit bites saw sees ate eats read reads wrote writes scored hides hunts "
    "sleeps krydsede krydse jagede jager bed bider så ser spiste spiser læste læser skrev skriver gik sover",
    "pronoun": "it he she they him them who det han hun ham hende hvem",
    "state": "tired wide old big small quick hungry wise red happy cold warm træt bred gammel stor lille hurtig sulten "
    "klog rød glad kold varm",
    "other": "was is were are did not because and but while in on to of by with from var er ikke fordi og men mens i "
    "på til af med fra over",
    "padding": "[pad]",
}


def page(text: str | None = None, heads: bool = True) -> str:
    """The explorer as a page in the language in use.

    Arguments: the sentence that it begins with, one of its own by default; whether bert-mini's heads are in it.
    """
    data = {
        "language": language(),
        "text": text or _("the animal did not cross the street because it was tired"),
        "kinds": {name: {"asks": asks, "offers": offers} for name, (asks, offers) in KINDS.items()},
        "words": {word: kind for kind, words in WORDS.items() for word in words.split()},
        "sentences": json.loads(TEXTS["looks.json"])["sentences"] if heads else [],
        "say": _words(),
    }
    parts = {
        "language": language(),
        "title": escape(_("Attention explorer")),
        "script": TEXTS["page.js"].rstrip(),
        "data": json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
        **{f"say {key}": escape(words) for key, words in data["say"].items()},
    }
    return re.sub(r"\{\{ ([a-z_ ]+) \}\}", lambda match: parts[match[1]], TEXTS["page.html"])


def show(text: str | None = None, heads: bool = True, height: int = 860) -> None:
    """Show the explorer below a cell, in a frame of so many pixels; the arguments are those of `page`."""
    from IPython.display import display

    title = escape(_("Attention explorer"))
    frame = (
        f'<iframe title="{title}" sandbox="allow-scripts" width="100%" height="{height}" style="border:0" '
        f'srcdoc="{escape(page(text, heads))}"></iframe>'
    )
    display({"text/html": frame, "text/plain": _("Attention explorer")}, raw=True)


def _words() -> dict[str, Any]:
    """What the page says."""
    return {
        "decimal": _("3.5")[1],
        "intro": _(
            "Each row is a word that asks (query), each column a word that may be looked at (key). Point at a square, "
            "tap it, or walk with the arrow keys to see the sum behind its weight."
        ),
        "source": _("Vectors"),
        "by_hand": _("made by hand"),
        "sentence": _("Words (at most 12; [PAD] is padding)"),
        "head": _("Head"),
        "meaning": _("1: what goes together"),
        "before": _("2: the word before"),
        "layer_head": _("layer {layer}, head {head}"),
        "scale": _("Scale"),
        "scale_is": _("{times} times 1/√{width} = {scale}"),
        "reset": _("Back to 1/√d"),
        "masks": _("Masks"),
        "causal": _("causal: do not look ahead"),
        "padding": _("padding: do not look at [PAD]"),
        "pad": _("fill up with two [PAD]"),
        "weights": _("Attention weights"),
        "cell": _("{query} looks at {key}: {weight}"),
        "hidden": _("hidden by the mask"),
        "sum": _("The sum of this square"),
        "asks_for": _("{word} asks: q = {vector}"),
        "offers": _("{word} offers: k = {vector}"),
        "product": _("dot product: q · k = {sum}"),
        "score": _("score: {product} · {scale} = {score}"),
        "power": _("e to the score: {power}"),
        "all": _("the sum of the row: {all}"),
        "weight": _("weight: {power} / {all} = {weight}"),
        "masked": _("A mask hides this place, so its weight is 0."),
        "row": _("Where “{word}” looks"),
        "output": _("So the output for “{word}” is {vector}: a thing, it lives, an action, a state."),
    }
