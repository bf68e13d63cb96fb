"""Notebooks as VS Code and Colab save them: these programs drop, add and change fields.

Each form takes a notebook's JSON, as released or with answers in it, and gives the JSON that the program would write
after the student has run all cells and saved. The changes are those of real files from these programs.
"""

from __future__ import annotations

import copy
import uuid
from typing import Any

USER = {"displayName": "Ann Bo", "userId": "07145532217890123456"}
IPYTHON = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": "3.12.4",
}


def _text(cell: dict) -> str:
    return cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])


def _lines(cell: dict) -> list[str]:
    return _text(cell).splitlines(keepends=True)


def _printed(text: str) -> list[dict]:
    return [{"output_type": "stream", "name": "stdout", "text": [text]}]


def _own(source: str, **more: Any) -> dict:
    return {"cell_type": "code", "execution_count": 9, "metadata": {}, "outputs": [], "source": [source]} | more


def vscode(notebook: dict) -> dict:
    """VS Code of today: all is kept; the kernel is the student's environment, new cells have ids."""
    saved = copy.deepcopy(notebook)
    for number, cell in enumerate(saved["cells"]):
        cell["source"] = _lines(cell)
        if cell["cell_type"] == "code":
            cell["execution_count"], cell["outputs"] = number + 1, _printed("as on my machine\n")
    # A cell's language is stored if it differs from the notebook's: after "%%bash", or a wrong click.
    shell = _own(
        "%%bash\npip install torch | tail -1", id="5f3a2b1c", metadata={"vscode": {"languageId": "shellscript"}}
    )
    notes = _own("remember: rows are queries", id="0c9d8e7f", metadata={"vscode": {"languageId": "plaintext"}})
    saved["cells"][1:1] = [shell]
    saved["cells"].append(notes)
    saved["metadata"] |= {
        "kernelspec": {"display_name": ".venv (3.12.4)", "language": "python", "name": "python3"},
        "language_info": IPYTHON,
    }
    return saved


def vscode_old(notebook: dict) -> dict:
    """VS Code of 2021 and 2022: version 4.2 of the format, so no cell has an id, and the original one beside it."""
    saved = copy.deepcopy(notebook)
    for number, cell in enumerate(saved["cells"]):
        del cell["id"]
        cell["source"] = _lines(cell)
        if cell["cell_type"] == "code":
            cell["execution_count"], cell["outputs"] = number + 1, _printed("as on my machine\n")
    saved |= {"nbformat": 4, "nbformat_minor": 2}
    saved["metadata"] |= {
        "kernelspec": {"display_name": "Python 3.9.7 ('attention')", "language": "python", "name": "python3"},
        "language_info": IPYTHON,
        "orig_nbformat": 4,
        "vscode": {"interpreter": {"hash": "31f2aee4e71d21fbe5cf8b01ff0e069b9275f58929596ceb00d14d90e3e16cd6"}},
    }
    return saved


def colab(notebook: dict) -> dict:
    """Colab, "Download .ipynb": format 4.0, the ids moved into the cells' metadata, nbgrader's metadata kept."""
    return _colab(notebook, keep_metadata=True, keep_ids=True)


def colab_stripped(notebook: dict) -> dict:
    """Colab after the cells were copied one by one into a new notebook: only their text is left."""
    saved = _colab(notebook, keep_metadata=False, keep_ids=False)
    saved["metadata"].pop("course", None)
    return saved


def colab_ids_only(notebook: dict) -> dict:
    """Colab without nbgrader's metadata, but with the ids that the cells came with."""
    return _colab(notebook, keep_metadata=False, keep_ids=True)


def _colab(notebook: dict, keep_metadata: bool, keep_ids: bool) -> dict:
    saved = copy.deepcopy(notebook)
    cells = []
    for number, cell in enumerate(saved["cells"]):
        cell_id = cell["id"] if keep_ids else uuid.uuid5(uuid.NAMESPACE_OID, str(number)).hex[:12]
        ours = cell["metadata"] if keep_metadata else {}
        metadata = {**ours, "id": cell_id}
        if cell["cell_type"] == "code":
            metadata |= {
                "colab": {"base_uri": "https://localhost:8080/", "height": 35},
                "executionInfo": {
                    "status": "ok",
                    "timestamp": 1_790_000_000_000 + number,
                    "user_tz": -120,
                    "elapsed": 12,
                    "user": USER,
                },
                "outputId": str(uuid.uuid5(uuid.NAMESPACE_URL, str(number))),
            }
            cells.append(
                {
                    "cell_type": "code",
                    "source": _lines(cell),
                    "metadata": metadata,
                    "execution_count": number + 1,
                    "outputs": _printed("as in the cloud\n"),
                }
            )
        else:
            cells.append({"cell_type": cell["cell_type"], "source": _lines(cell), "metadata": metadata})
    badge = '<a href="https://colab.research.google.com/github/ann/x"><img alt="Open In Colab"/></a>'
    cells.insert(
        0, {"cell_type": "markdown", "metadata": {"id": "view-in-github", "colab_type": "text"}, "source": [badge]}
    )
    drive = '#@title Get the files { display-mode: "form" }\n!unzip -q course.zip\n%cd course'
    cells.insert(1, _own(drive, metadata={"id": "Zk3_x-9aQwLm", "cellView": "form"}))
    course = saved["metadata"].get("course")
    return {
        "nbformat": 4,
        "nbformat_minor": 0,
        "metadata": {
            "colab": {"provenance": [], "gpuType": "T4", "toc_visible": True},
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
            "language_info": {"name": "python"},
            "accelerator": "GPU",
            "widgets": {
                "application/vnd.jupyter.widget-state+json": {"a1b2": {"model_name": "HTMLModel", "state": {}}}
            },
            **({"course": course} if course else {}),
        },
        "cells": cells,
    }


FORMS = {form.__name__: form for form in (vscode, vscode_old, colab, colab_ids_only, colab_stripped)}
