"""Authoring: lesson texts and solutions become source notebooks (`build`), and these become what students get
(`release`).

course/lessons/<exercise>.md + solutions/<track>/<module>.py + course/syllabus.toml
    → build   → source/<assignment>/<exercise>.ipynb, executed, with solutions and outputs
    → release → <assignment>.zip: nbgrader's student version, the course package, requirements
"""


class AuthoringError(Exception):
    """A lesson, a solution or a request is not right; the message says what and where, for the person who wrote it."""
