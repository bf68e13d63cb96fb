"""Builds the attention explorer: what bert-mini's heads compute, and the pages in `docs/`, one for each language.

The numbers of the heads are computed again only when bert-mini or the sentences have changed, since that needs PyTorch.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from autograder.errors import AuthoringError
from course import explorer, i18n

MODEL = "course/models/bert-mini/model.safetensors"
LOOKS = "course/explorer/looks.json"
SENTENCES = (
    "The central bank raised interest rates on Tuesday.",
    "The striker scored two goals in the derby.",
    "The relay team stumbled on the last bend.",
    "The storm closed the port and the bank.",
)


def build_explorer(root: Path, check: bool = False) -> list[Path]:
    """Write the files of the explorer that are out of date; with `check`, only see that none is.

    A course folder of an instructor's own has no folder `docs`, and so no pages.
    Returns the files that were written; with `check`, the pages that were compared. Raises AuthoringError, with
    `check`, where a file is out of date.
    """
    root = Path(root)
    looks, of = root / LOOKS, made_from(root)
    current = looks.is_file() and json.loads(looks.read_text(encoding="utf-8")).get("of") == of
    touched, stale = [], []
    if not current and check:
        stale.append(LOOKS)
    elif not current:
        text = json.dumps({"of": of, "sentences": measured(root)}, separators=(",", ":"))
        looks.write_text(f"{text}\n", encoding="utf-8")
        explorer.TEXTS[looks.name] = text
        touched.append(looks)
    for language in i18n.languages() if (root / "docs").is_dir() else ():
        path = page_path(root, language)
        with i18n.using(language):
            text = explorer.page()
        if check:
            touched.append(path)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            if check:
                stale.append(path.relative_to(root).as_posix())
            else:
                path.write_text(text, encoding="utf-8")
                touched.append(path)
    if stale:
        raise AuthoringError("stale pages; run `autograder build`:\n  " + "\n  ".join(stale))
    return touched


def page_path(root: Path, language: str) -> Path:
    """Where the explorer's page in a language is."""
    return root / "docs" / ("explorer.html" if language == i18n.SOURCE_LANGUAGE else f"explorer.{language}.html")


def made_from(root: Path) -> str:
    """A digest of what the numbers of the heads depend on: the checkpoint and the sentences."""
    digest = hashlib.sha256((root / MODEL).read_bytes())
    digest.update("\0".join(SENTENCES).encode())
    return digest.hexdigest()


def measured(root: Path) -> list[dict[str, object]]:
    """For each sentence its word pieces, the width of a head, and hundredths of the dot products of queries and keys.

    The products are `products[layer][head][query][key]`, before the division by the root of the width.
    """
    import torch
    from transformers import AutoTokenizer, BertModel

    folder = (root / MODEL).parent
    tokenizer, model = AutoTokenizer.from_pretrained(folder), BertModel.from_pretrained(folder).eval()
    heads = model.config.num_attention_heads
    width, found = model.config.hidden_size // heads, []
    for sentence in SENTENCES:
        ids = tokenizer(sentence, return_tensors="pt")
        with torch.no_grad():
            hidden = model(**ids, output_hidden_states=True).hidden_states
            layers = []
            for layer, x in zip(model.encoder.layer, hidden, strict=False):
                attend = layer.attention.self
                query, key = (
                    part(x)[0].unflatten(-1, (heads, width)).transpose(0, 1) for part in (attend.query, attend.key)
                )
                layers.append((query @ key.transpose(-2, -1)).numpy())
        products = np.rint(100 * np.stack(layers)).astype(int).tolist()
        words = tokenizer.convert_ids_to_tokens(ids["input_ids"][0])
        found.append({"words": words, "width": width, "products": products})
    return found
