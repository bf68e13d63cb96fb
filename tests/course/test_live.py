"""In a live kernel a check speaks of the newest version of an answer's cell, or says why it cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell

from course import checks, live

RIGHT = "def causal_mask(length, device=None):\n    return torch.ones(length, length, device=device).tril().bool()\n"
FIRST = 'import torch\nfrom course import lesson\ncheck = lesson("self-attention", "pytorch")'


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[str], str]]:
    """Runs a cell in a kernel of its own; gives the report that was shown."""
    InteractiveShell.clear_instance()
    shell, kernel = InteractiveShell.instance(), live.Kernel()
    shell.history_manager.enabled = False
    shown: list[str] = []
    monkeypatch.setattr(live, "KERNEL", kernel)
    monkeypatch.setattr(checks, "KERNEL", kernel)
    monkeypatch.setattr(checks, "show", lambda report: shown.append(str(report)))

    def run(source: str) -> str:
        shown.clear()
        shell.run_cell(source, store_history=True)
        return "\n".join(shown)

    yield run
    InteractiveShell.clear_instance()
    capsys.readouterr()


def test_green_is_never_said_of_an_older_function(cell: Callable[[str], str]) -> None:
    cell(FIRST)
    cell(RIGHT)
    assert "all 4 checks passed" in cell('check("causal-mask")')
    cell(RIGHT.replace("tril()", "tril("))
    said = cell('check("causal-mask")')
    assert "Python could not read the cell that defines `causal_mask`" in said
    assert "line 2: return torch.ones(length, length, device=device).tril(.bool()" in said and "[4]" in said
    assert "older `causal_mask`, which is not tested" in said and "SyntaxError" in said
    assert "✓" not in said
    cell(RIGHT)
    assert "all 4 checks passed" in cell('check("causal-mask")')


def test_a_slip_in_a_fresh_kernel_is_not_called_a_cell_that_did_not_run(cell: Callable[[str], str]) -> None:
    cell(FIRST)
    cell(RIGHT.replace("length, device", "length device", 1))
    said = cell('check("causal-mask")')
    assert "Python could not read" in said and "Run the cell above first" not in said and "older" not in said


def test_a_cell_that_stops_before_the_definition_is_told_apart_from_one_that_stops_after_it(
    cell: Callable[[str], str],
) -> None:
    cell(FIRST)
    cell(RIGHT)
    cell("size = nonsense\n" + RIGHT)
    said = cell('check("causal-mask")')
    assert "stopped with an error before it got there" in said and "line 1: size = nonsense" in said
    assert "`nonsense` is not defined" in said
    cell(RIGHT + "causal_mask('three')")  # the newest version is there; a try below it failed
    assert "all 4 checks passed" in cell('check("causal-mask")')


@pytest.mark.parametrize("indent", ["", "    "])
def test_a_helper_in_another_cell_counts_too(cell: Callable[[str], str], indent: str) -> None:
    cell(FIRST)
    cell("def triangle(n):\n    return torch.ones(n, n).tril().bool()")
    cell("def causal_mask(length, device=None):\n    return triangle(length).to(device)")
    cell("def triangle(n):\n" + indent + "  return torch.ones(n, n).triu(.bool()")
    said = cell('check("causal-mask")')
    assert "Python could not read the cell that defines `triangle`" in said


def test_a_name_that_is_spelled_another_way_is_named(cell: Callable[[str], str]) -> None:
    cell(FIRST)
    cell(RIGHT.replace("causal_mask", "casual_mask"))
    assert "There is a `casual_mask`. The exercise spells the name `causal_mask`" in cell('check("causal-mask")')


def test_an_answer_whose_foundation_is_red_says_so(cell: Callable[[str], str]) -> None:
    cell(FIRST.replace("self-attention", "multi-head-attention"))
    cell("def split_heads(x, num_heads):\n    return x")
    cell('check("split-heads")')
    cell("def merge_heads(x):\n    return split_heads(x, 1)")
    assert "Correct `split_heads` first" in cell('check("merge-heads")')


def test_names_are_found_in_what_python_cannot_read() -> None:
    assert live.defined("def f(x:\n    return x\nsize = 3\nif size == 3:\n    y = 2\nclass A(nn.Module):") == [
        "f",
        "size",
        "A",
    ]
