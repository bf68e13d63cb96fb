"""What comes before the package `autograder` is imported, and therefore stands outside of it.

`main` starts the command line, and says what is in its way. `use_course` is for the nbgrader_config.py of a course with
lessons of an instructor's own.

Another project on the package index is called autograder too. Where both are installed, Python may find that one's
package in the place of ours, or its command may have replaced ours; `attention-exercises` still starts ours then.
"""

from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path


def main() -> int:
    """Run the command line, and give its exit status; 2 where another package called autograder hides ours."""
    try:
        from autograder.cli import main as run
    except ImportError:
        if (other := _namesake()) is None:
            raise
        print(
            f"autograder: another package called autograder (version {other}) is installed here and hides the one of "
            "attention-exercises. Say `pip uninstall autograder`. Then install attention-exercises again, as before, "
            "with --force-reinstall --no-deps.",
            file=sys.stderr,
        )
        return 2
    return run()


def use_course(folder: str) -> None:
    """Take lessons, solutions and hidden tests from a folder of `autograder new course`, in child processes too.

    Raises SystemExit where that folder is not there, and where `autograder` has been imported with other lessons
    already. No other exception will do: nbgrader would go on without this configuration, and then run students' code
    without the sandbox.
    """
    place = Path(folder).resolve()
    if not (place / "course" / "syllabus.toml").is_file():
        raise SystemExit(
            f"autograder: {place} has no course/syllabus.toml. If the folder was moved, correct the call of "
            "use_course in nbgrader_config.py."
        )
    imported = sys.modules.get("autograder.paths")
    if imported is not None:
        if imported.ROOT == place:
            return
        raise SystemExit(
            f"autograder: this course is graded by the tests in {place}: say autograder --course {place} ..."
        )
    os.environ["AUTOGRADER_COURSE"] = str(place)  # autograder.paths reads it
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(place), os.environ.get("PYTHONPATH"))))
    sys.path.insert(0, str(place))


def _namesake() -> str | None:
    """The version of the other package, if it is installed."""
    try:
        return metadata.version("autograder")
    except metadata.PackageNotFoundError:
        return None
