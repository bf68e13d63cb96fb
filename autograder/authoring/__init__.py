"""Authoring: lessons and solutions become source notebooks (`build`), and these become what students get (`release`).

course/exercises/<module>/lesson.md + solutions/<module>/<track>.py + course/syllabus.toml
    → build   → source/<assignment>/<exercise>.ipynb, executed, with solutions and outputs
    → release → <assignment>.zip: nbgrader's student version, the course package, requirements
"""
