"""Authoring: builds source notebooks from lessons and solutions, and releases the students' versions of them.

course/exercises/<module>/lesson.md + solutions/<module>/<track>.py + course/syllabus.toml
    → build   → source/<assignment>/<exercise>.ipynb, executed, with solutions and outputs
    → release → <assignment>.zip: nbgrader's student version, the course package, requirements
"""
