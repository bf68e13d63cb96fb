"""The thin layer between the visible checks, which are written in NumPy once, and the framework of a track.

A check hands arrays to the student's function or module and gets arrays back. Here arrays become tensors and tensors
become arrays, weights are put into a module by the names that the exercise promises (`W_q.weight`), and nothing else.
Neither PyTorch nor TensorFlow is imported before `framework` is asked for it.
"""

from course.frameworks.base import Framework, Unexpected
from course.frameworks.pytorch import PyTorch
from course.frameworks.tensorflow import TensorFlow

__all__ = ["Framework", "Unexpected", "framework"]

_FRAMEWORKS: dict[str, type[Framework]] = {"torch": PyTorch, "tensorflow": TensorFlow}


def framework(name: str) -> Framework:
    """A new adapter to the framework that the syllabus names for a track, "torch" or "tensorflow".

    Raises ImportError where that framework is not installed, and KeyError for another name.
    """
    return _FRAMEWORKS[name]()
