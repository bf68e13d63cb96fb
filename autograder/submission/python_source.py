"""Python out of what students write in notebooks: without IPython's own syntax, which is not run here."""

from __future__ import annotations

import ast
import re

NOT_PYTHON = frozenset(  # cell magics: what follows is another language, or goes into a file
    "bash cmd file html HTML javascript js latex markdown perl ruby script sh shell sql svg SVG sx "
    "system writefile".split()
)
IPYTHON_LINE = re.compile(r"^(\s*)([%!?]|[\w.]+\?\s*$).*$")  # `%magic`, `!command`, `?help`, `help?`
IPYTHON_VALUE = re.compile(r"^(\s*\w[\w., \t]*=[ \t]*)[%!].*$")  # `files = !ls`, `here = %pwd`
DATABRICKS_CELL = re.compile(r"\s*%(md|md-sandbox|sql|sh|fs|r|scala)\s")  # there a single % is for the whole cell


def plain_python(source: str) -> str:
    """A cell's code without IPython's own syntax: magics and shell lines become `pass`, and `%%time` is removed.

    A cell in another language, such as `%%bash`, becomes empty.
    """
    lines = source.split("\n")
    if lines[0].lstrip().startswith("%%"):
        if lines[0].split()[0].removeprefix("%%") in NOT_PYTHON:
            return ""
        lines[0] = ""
    if _parses("\n".join(lines)):
        return "\n".join(lines)
    plain = "\n".join(IPYTHON_LINE.sub(r"\1pass", IPYTHON_VALUE.sub(r"\1None", line)) for line in lines)
    return "" if DATABRICKS_CELL.match(source) and not _parses(plain) else plain


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
