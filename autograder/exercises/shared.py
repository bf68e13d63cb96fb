"""Functions that hidden tests of several exercises use. They need only NumPy, like the tests themselves."""

from __future__ import annotations

import math
from contextlib import contextmanager

import numpy as np

from autograder.messages import Message

# As a relative tolerance: type, shape, dtype and finiteness are compared, the values are not.
SHAPE_ONLY = math.inf

# the highest rate that Keras takes; of a hundred numbers, one is kept once in 1e5
DROP_NEARLY_ALL = 1 - 1e-7


def agree_in_kind(agree, student, reference, program, **naming):
    """Check type, shape and dtype of a mask, whatever its values; the comparator would compare booleans exactly."""
    got, want = student.run(program).out, reference.run(program).out
    if not (isinstance(got, np.ndarray) and got.shape == want.shape and got.dtype == want.dtype):
        agree(program, **naming)  # fails with the right message


@contextmanager
def picture_if_wrong(picture, student, reference, program, title, item=None, rows="query", columns="key"):
    """Where the test inside fails, attach the result's (first) matrix beside the expected one."""
    try:
        yield
    except AssertionError:
        yours, expected = (_matrix(side.run(program).out, item) for side in (student, reference))
        if yours is not None and expected is not None and yours.shape == expected.shape:
            picture(title, rows=rows, columns=columns, yours=yours, expected=expected)
        raise


def _matrix(out, item):
    if item is not None:
        out = out[item] if isinstance(out, (tuple, list)) and len(out) > item else None
    if not isinstance(out, np.ndarray) or out.ndim < 2 or not out.size:
        return None
    return out[(0,) * (out.ndim - 2)].astype(np.float64)


def trainable(answer, fail):
    """How many trainable numbers the module has, as the framework counts them."""
    parameters = answer.values.get("parameters")
    count = parameters.get("trainable") if isinstance(parameters, dict) else None
    if not isinstance(count, int):
        fail("The module's parameters could not be counted.")
    return count


def unpack(out, fail):
    """Output and weights of an attention; fails in words where the answer gave something else."""
    if not (isinstance(out, (tuple, list)) and len(out) == 2 and all(isinstance(item, np.ndarray) for item in out)):
        fail("Attention gives two tensors, the output and the weights: return output, weights.")
    return out


def close(got, want, tolerance=1e-4):
    """Whether two arrays agree up to rounding, for equal results that are computed in different ways."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)  # booleans cannot be subtracted
    return got.shape == want.shape and np.abs(got - want).max(initial=0.0) <= tolerance * max(1.0, np.abs(want).max())


def check_device(answer, fail):
    """The result has to be on the (imaginary) device of the inputs.

    An answer that looks at values cannot be run there, and is not judged: the adapter calls its error data-dependent.
    """
    if answer.error is None and answer.device != "meta":
        fail(
            Message(
                "The inputs are on another device than the result, which is on {device}: follow the inputs.",
                device=answer.device,
            )
        )


def agree_in_float64(agree, student, program, rtol=None, **naming):
    """Agreement in float64 where the answer runs in float64, else in float32, with `rtol` for the former.

    For exercises whose notebooks do not ask for float64: an answer that raises in float64 is judged in float32. An
    answer that runs in float64, but with float32's precision, fails: it has a conversion inside.
    """
    precise = program.in_dtype("float64")
    if runs(student, precise):
        agree(precise, **naming, **({} if rtol is None else {"rtol": rtol}))
    else:
        agree(program, **naming, **({"rtol": 1e-3} if naming.get("what") == ("grad",) else {}))


def runs(student, program):
    """Whether the answer runs a program without an exception."""
    try:
        student.run(program)
    except AssertionError:
        return False
    return True


def same_structure(got, want):
    """Whether two dicts hold arrays of the same names, shapes and dtypes."""
    return (
        isinstance(got, dict)
        and got.keys() == want.keys()
        and all(
            isinstance(a, np.ndarray) and (a.shape, a.dtype) == (want[k].shape, want[k].dtype) for k, a in got.items()
        )
    )
