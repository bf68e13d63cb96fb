"""Replaces what Jupyter adds to Python: `get_ipython()`, `display`, `input`, and magics.

IPython's syntax has become calls of `get_ipython()` before the cells come here (`course/python_source`).
Calls that only show or set up something have no effect here. Calls that run another program, or ask a person, are
skipped with a note for the student, and the cell goes on.
"""

from __future__ import annotations

import ast
import builtins
import importlib
from collections.abc import Callable
from typing import Any

from autograder.workers import worker_messages
from autograder.workers.worker_messages import Said

MOST_NOTES = 5  # of a cell
MOST_ANSWERS = 5  # of `input` in a cell, so that a loop that waits for a certain input ends
# Magics that show something, set up something or install packages: the cell works the same without them.
SILENT = frozenset(
    "matplotlib pylab load_ext reload_ext unload_ext autoreload aimport config precision xmode colors pdb who whos "
    "who_ls psearch pinfo pinfo2 pdoc psource pfile pdef lsmagic magic quickref pprint doctest_mode automagic autocall "
    "history hist notebook pip conda mamba micromamba uv cd pwd env set_env timeit tensorboard tensorflow_version "
    "html HTML svg SVG markdown latex javascript js reset reset_selective xdel gui autosave connect_info watermark "
    "memit lprun mprun mprof alias unalias store logstart logstop logon logoff rehashx bookmark".split()
)
STATEMENT = frozenset({"time", "prun"})  # they run the rest of their line
BODY = frozenset({"time", "timeit", "prun", "capture", "memit", "mprun", "lprun", "heat", "debug", "python", "python3"})
INSTALLERS = ("pip ", "pip3 ", "python -m pip ", "conda ", "mamba ", "uv ", "apt ", "apt-get ")


class Lines(list[str]):
    """What a command printed, as IPython gives it: a list of lines, here an empty one."""

    @property
    def n(self) -> str:
        """The lines as one text."""
        return "\n".join(self)

    @property
    def s(self) -> str:
        """The lines with spaces between them."""
        return " ".join(self)

    l = p = property(list)  # noqa: E741 - IPython's names


class Captured:
    """What `%%capture name` leaves in `name`; here the output goes where all output goes."""

    stdout = stderr = ""
    outputs: tuple[Any, ...] = ()

    def show(self) -> None:
        """Nothing was captured, so nothing is shown."""

    __call__ = show


class Shown:
    """What `display(..., display_id=True)` gives."""

    display_id = "display"

    def display(self, value: Any = None, **_kwargs: Any) -> None:
        """Print another value."""
        display(value)

    update = display


def display(*values: Any, display_id: Any = None, **_kwargs: Any) -> Shown | None:
    """Print values, as IPython does where there is no notebook to show them in."""
    for value in values:
        print(value)
    return Shown() if display_id else None


class Shell:
    """The result of `get_ipython()` in an answer. `notes` tell the student which requests of the cell had no effect."""

    def __init__(self, variables: dict[str, Any], run: Callable[[str], Any]) -> None:
        """`run` runs a text in the notebook's namespace, and gives the value of its last expression."""
        self.user_ns = self.user_global_ns = variables
        self._run = run
        self.notes: list[Said] = []
        self.in_cell, self.asked = False, 0
        self.config: dict[str, Any] = {}
        self._own: dict[str, Callable[..., Any]] = {}  # magics that the answer defines
        variables.update({"In": [""], "Out": {}, "_ih": [""], "_oh": {}, "_": "", "__": "", "___": ""})

    def install(self) -> None:
        """Define the notebook's names.

        They are builtins, as in IPython, so that an answer's own names take precedence.
        """
        vars(builtins).update(get_ipython=lambda: self, display=display, input=self.input)

    def begin(self, source: str) -> None:
        """Begin a cell."""
        self.in_cell, self.asked = True, 0
        self.user_ns.setdefault("In", []).append(source) if isinstance(self.user_ns.get("In"), list) else None
        if "IPython" in source:
            _adopt(self)

    def shown(self, value: Any) -> None:
        """Note the value of a cell's last expression."""
        out, names = self.user_ns.get("Out"), self.user_ns
        if value is not None:
            names.update({"___": names.get("__"), "__": names.get("_"), "_": value})
            if isinstance(out, dict):
                out[self.execution_count] = value

    def end(self) -> list[Said]:
        """End a cell, and return the notes on it."""
        self.in_cell = False
        notes, self.notes = self.notes, []
        return list(dict.fromkeys(notes))[:MOST_NOTES]

    @property
    def execution_count(self) -> int:
        """The number of the cell that runs, from 1."""
        cells = self.user_ns.get("In")
        return len(cells) - 1 if isinstance(cells, list) else 0

    def input(self, prompt: object = "", /) -> str:
        """An empty answer, as if somebody had pressed Enter.

        Raises EOFError outside of cells, and in a cell after MOST_ANSWERS calls.
        """
        if prompt:
            print(prompt)
        self.asked += 1
        if not self.in_cell or self.asked > MOST_ANSWERS:
            raise EOFError(worker_messages.NO_INPUT)
        self.notes.append(worker_messages.NO_INPUT.said())
        return ""

    # -- magics ------------------------------------------------------------------------------------------------------

    def run_line_magic(self, name: str, line: str = "", _stack_depth: int = 1) -> Any:
        """Run `%name line`. A magic that cannot be run here leaves a note."""
        if name in self._own:
            return self._own[name](line)
        if name in STATEMENT:
            return self._run(line)
        if name not in SILENT:
            self.notes.append(worker_messages.MAGIC_NOT_RUN.said(magic=f"%{name} {line}".strip()))
        return None

    def run_cell_magic(self, name: str, line: str, cell: str) -> Any:
        """Run `%%name line` over a cell. A magic that cannot be run here leaves a note."""
        if name in self._own:
            return self._own[name](line, cell)
        if name in BODY:
            return self._run(cell)
        if name not in SILENT:
            self.notes.append(worker_messages.MAGIC_NOT_RUN.said(magic=f"%%{name} {line}".strip()))
        return None

    def magic(self, text: str) -> Any:
        """Run a line magic from its text, as old notebooks do."""
        name, _, line = text.lstrip("%").partition(" ")
        return self.run_line_magic(name, line)

    def run_cell(self, cell: str, *_args: Any, **_kwargs: Any) -> Any:
        """Run a text; the value of its last expression."""
        return self._run(cell)

    def ex(self, statement: str) -> None:
        """Run a statement."""
        self._run(statement)

    def ev(self, expression: str) -> Any:
        """The value of an expression."""
        return self._run(expression)

    def register_magic_function(
        self, function: Callable[..., Any], magic_kind: str = "line", magic_name: str = ""
    ) -> None:
        """Remember a magic that the answer defines."""
        self._own[magic_name or function.__name__] = function

    def find_magic(self, name: str, *_args: Any) -> Callable[..., Any] | None:
        """A magic of the answer, by name."""
        return self._own.get(name)

    def captured(self) -> Captured:
        """What `%%capture` leaves."""
        return Captured()

    def show_usage(self) -> None:
        """Show nothing: the help is for people at a screen."""

    # -- commands ----------------------------------------------------------------------------------------------------

    def system(self, command: str) -> None:
        """Skip a command with a note.

        A command that installs packages has no note: the import reports a missing package.
        """
        if not command.lstrip().startswith(INSTALLERS):
            self.notes.append(worker_messages.COMMAND_NOT_RUN.said(command=command.strip()))

    system_raw = system_piped = system

    def getoutput(self, command: str, *_args: Any, **_kwargs: Any) -> Lines:
        """Skip a command, as `system` does, and return no lines."""
        self.system(command)
        return Lines()


def value_and_rest(tree: ast.Module) -> tuple[ast.Module, ast.Expression | None]:
    """A cell's statements, and its last expression if it ends with one."""
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr):
        return tree, None
    rest = tree.body[:-1]
    return ast.Module(rest, tree.type_ignores), ast.Expression(last.value)


def _adopt(shell: Shell) -> None:
    """Have `from IPython import get_ipython` give this shell, too."""
    try:
        modules = [importlib.import_module(name) for name in ("IPython", "IPython.core.getipython")]
    except BaseException:  # noqa: BLE001 - it is not there, or does not suit the walls: then the cell will say so
        return
    for module in modules:
        vars(module)["get_ipython"] = lambda: shell
