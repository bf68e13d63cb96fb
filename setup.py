"""Puts into a wheel what lies beside the packages in a checkout: see `autograder.paths.BESIDE`.

Everything else about the build is in pyproject.toml. An editable installation reads these files where they are.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

BESIDE = ("source", "tests/exercises", "pyproject.toml", "constraints.txt", "nbgrader_config.py", "LICENSE")
HERE = Path(__file__).parent


class BuildWithCourse(build_py):
    """`build_py`, and the source notebooks, alternatives and pins as `autograder/_data`."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        data = Path(self.build_lib, "autograder", "_data")
        shutil.rmtree(data, ignore_errors=True)
        for name in BESIDE:
            target = data / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (HERE / name).is_dir():
                shutil.copytree(HERE / name, target, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
            else:
                shutil.copy(HERE / name, target)


setup(cmdclass={"build_py": BuildWithCourse})
