"""nbgrader's configuration of this course: grading through the judge. All of it is said in `autograder.nbgrader`.

The folder of this file is the course: source/, release/, submitted/, autograded/, feedback/ and gradebook.db lie in it.
`autograder init DIR` makes a course in a folder of its own, which is what a class is taught from.
What you set below the call holds over what it sets.
"""

from pathlib import Path

try:
    from autograder.nbgrader import configure
except ImportError as error:  # without the judge, nbgrader would run students' code on this machine as you
    raise SystemExit(f"{error}. Use the environment that attention-exercises is installed in.") from None

c = get_config()  # noqa: F821 (nbgrader puts it here)
configure(c, Path(__file__).parent)
