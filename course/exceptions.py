"""Hints for exceptions that beginners see: what a message of Python or a framework means here, and what to write.

A hint is chosen by the type of the exception, its message, and the student's own line that it came through. The first
hint that fits is taken. Where none fits there is no hint, which is better than a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from course.i18n import N_, _


@dataclass(frozen=True)
class Known:
    """An exception that is known: patterns for its message and for the student's line, and the hint."""

    message: str
    hint: str
    line: str = ""
    kind: str = ""  # a pattern for the type's name
    track: str = ""  # a name that the notebook has in this track alone: "torch" or "tf"

    def fits(self, kind: str, message: str, line: str, namespace: Mapping[str, Any]) -> bool:
        """Whether the hint is about an exception with this type, message and line."""
        return (
            (not self.track or self.track in namespace)
            and re.search(self.kind, kind) is not None
            and re.search(self.message, message, re.DOTALL) is not None
            and re.search(self.line, line) is not None
        )


KNOWN = (
    # transposing
    Known(
        r"`?x?\.?T`? is only supported on matrices|tensor\.T.*deprecated|T is only defined|mT",
        N_(
            "`.T` turns all axes round. Use `key.transpose(-2, -1)`, which swaps the last two and "
            "leaves the batch alone."
        ),
        line=r"\.T\b",
        track="torch",
    ),
    Known(
        r"",
        N_(
            "`.T` turns all axes round. Use `key.transpose(-2, -1)`, which swaps the last two and "
            "leaves the batch alone."
        ),
        line=r"\.T\b",
        kind="RuntimeError|IndexError",
        track="torch",
    ),
    Known(
        r"has no attribute 'T'",
        N_("A TensorFlow tensor has no `.T`. Use `tf.matmul(query, key, transpose_b=True)`."),
        track="tf",
    ),
    Known(
        r"",
        N_(
            "Without a second argument `tf.transpose` turns all axes round, the batch too. Use `tf.matmul(query, key, "
            "transpose_b=True)`, or give `tf.transpose` the order of the axes."
        ),
        line=r"tf\.transpose\(\s*\w+\s*\)|tf\.linalg\.matrix_transpose\(\s*\w+\s*\)\s*\.|"
        r"keras\.ops\.transpose\(\s*\w+\s*\)",
        track="tf",
    ),
    Known(
        r"transpose\(\) received an invalid combination|missing 2 required positional arguments?: .*dim0",
        N_(
            "PyTorch's `transpose` takes the two axes to swap: `x.transpose(1, 2)`. For a whole "
            "order use `x.permute(...)`."
        ),
    ),
    # masks
    Known(
        r"Subtraction, the `-` operator, with a bool tensor|with two bool tensors",
        N_("A mask is boolean: write `~mask` for its opposite, not `1 - mask`."),
        track="torch",
    ),
    Known(
        r"'bool' type.*not supported by the .-. operator|bool.*(Sub|sub)|(Sub|sub).*bool|"
        r"not supported.*bool|Cannot convert 1(\.0)? to EagerTensor of dtype bool",
        N_("A mask is boolean: write `tf.logical_not(mask)` or `~mask` for its opposite, not `1 - mask`."),
        line=r"1(\.0)?\s*-\s*\w*mask|-\s*\w*mask",
        track="tf",
    ),
    Known(
        r"Boolean value of Tensor with more than one value is ambiguous|truth value of an array.*ambiguous|"
        r"condition.*must be a scalar|[Uu]sing a (symbolic )?`?tf\.Tensor`? as a Python `?bool|non-scalar tensor.*bool|"
        r"cannot be converted to.*bool",
        N_(
            "A tensor with many values is neither true nor false. To ask whether there is a mask, write "
            "`if mask is not None:`."
        ),
    ),
    Known(
        r"masked_fill.*(only supports boolean|expected.*[Bb]ool)|expected mask dtype to be Bool|mask.*must be.*[Bb]ool",
        N_(
            "The mask must be boolean here. Compare to get booleans, `ids != pad_id`, and keep "
            "the mask that is given as it is."
        ),
    ),
    Known(
        r"bitwise_not|~.*(float|not supported|bad operand)|bad operand type for unary ~",
        N_("`~` is for booleans and whole numbers. Is the mask made of floats? Compare to get booleans: `mask > 0`."),
        line=r"~",
    ),
    Known(
        r"'NoneType' object has no attribute|unsupported operand "
        r"type\(s\).*NoneType|NoneType.*(not subscriptable|not iterable)"
        r"|must be Tensor, not NoneType|not NoneType|None values not supported|convert.*None.*to a [Tt]ensor",
        N_(
            "Something is None here. The mask may be None: ask `if mask is not None:` before you "
            "use it. If it is the result of a "
            "function of your own, does every way through it end in `return`?"
        ),
    ),
    Known(
        r"",
        N_("The mask is shaped for the scores already: it broadcasts as it is. Leave out `unsqueeze`."),
        line=r"mask\.unsqueeze|mask\[:, (None|tf\.newaxis)",
        kind="RuntimeError|InvalidArgument|ValueError",
    ),
    # shapes
    Known(
        r"view size is not compatible with input tensor's size and stride",
        N_("After a transpose the numbers do not lie in order in memory. Use `reshape` in place of `view`."),
    ),
    Known(
        r"shape '.*' is invalid for input of size|Input to reshape is a tensor with",
        N_("`reshape` must keep the count of numbers. Multiply the axes that you ask for: is it as many as before?"),
    ),
    Known(
        r"mat1 and mat2 shapes cannot be multiplied|Expected size for first two dimensions of batch2|"
        r"Matrix size-incompatible|[Dd]imensions must be equal|Incompatible shapes.*MatMul|not aligned",
        N_(
            "The last axis of the left factor must be as long as the last but one of the right. "
            "Print both shapes in front of "
            "this line."
        ),
    ),
    Known(
        r"must match the size of tensor b|Incompatible shapes|[Bb]roadcast|required broadcastable shapes",
        N_(
            "Shapes broadcast from the right: two axes fit if they are equal or one of them is 1. "
            "Print both shapes in front of "
            "this line."
        ),
    ),
    Known(
        r"Dimension out of range|Invalid reduction dimension|axis.*out of (bounds|range)",
        N_(
            "There are fewer axes than this line asks for. Count axes from the end, `-1` for the "
            "last: then it works for any "
            "number of axes in front."
        ),
    ),
    Known(
        r"index out of range in self|indices\[.*\] = .* is not in \[0",
        N_("An id is as large as the table, or larger. A table of n rows has the ids 0 to n − 1."),
    ),
    Known(
        r"too many values to unpack|not enough values to unpack",
        N_(
            "There are more or fewer things on the right than names on the left. Print the shape, "
            "or what the function returns."
        ),
    ),
    # types of numbers
    Known(
        r"expected scalar type|must have the same dtype|same dtype|expected m1 and m2|[Cc]annot compute .* as input #|"
        r"expected to be a .* tensor but is a",
        N_(
            "Two types of numbers meet here. Make new tensors in the type of an argument: "
            "`dtype=query.dtype`, or cast with "
            "`x.to(...)` or `tf.cast(...)`."
        ),
    ),
    Known(
        r"indices.*(Long|Int|int32|int64)|scalar types: Long, Int",
        N_("Ids are whole numbers: an embedding cannot look up a float. Do not divide or scale the ids."),
    ),
    Known(
        r"sqrt\(\).*(must be Tensor|argument 'input')|argument 'input' \(position 1\) must be Tensor, not (int|float)",
        N_("This function takes tensors. For a plain number use `math`: `math.sqrt(d)`."),
        track="torch",
    ),
    Known(
        r"can't multiply sequence|unsupported operand type\(s\) for .*: '?(Tensor' and ')?(tuple|"
        r"list|torch\.Size|TensorShape)'",
        N_("A shape is a list of numbers. Take the one that you need: `query.shape[-1]`."),
    ),
    Known(
        r"only (one element|integer) tensors|only length-1 arrays|only 0-dimensional arrays|must be real number, not",
        N_(
            "`math` works on one number, here is a tensor with many. Use the framework's "
            "function: `torch.exp`, `tf.exp`."
        ),
    ),
    Known(
        r"[Cc]an't call numpy\(\) on Tensor that requires grad",
        N_("Stay with tensors: NumPy breaks the way back of the gradient."),
    ),
    # where things are
    Known(
        r"Expected all tensors to be on the same device|Cannot copy out of meta|[Uu]nhandled "
        r"FakeTensor|on device meta|mps",
        N_("Two tensors are on different devices. Make new tensors where an argument is: `device=x.device`."),
    ),
    Known(
        r"leaf Variable that requires grad|one of the variables needed for gradient",
        N_("An operation in place, such as `+=`, writes over what the gradient needs. Write `x = x + ...`."),
    ),
    Known(
        r"does not support item assignment|EagerTensor.*assignment",
        N_("A TensorFlow tensor cannot be changed. Make a new one, with `tf.where` or `tf.concat` for example."),
        track="tf",
    ),
    # modules
    Known(
        r'is missing the required "forward"|does not have a `call\(\)` method|must implement.*`call`',
        N_("Is the method spelled right? PyTorch calls `forward`, Keras calls `call`."),
    ),
    Known(
        r"cannot assign module before "
        r"Module\.__init__|`?super\(\)\.__init__\(\)`?.*(forgot|first)|forgot to call `?super",
        N_("Begin the constructor with `super().__init__()`."),
    ),
    Known(
        r"not.*in list of mask|must be called with arguments|[Oo]nly input tensors may be "
        r"passed as positional arguments",
        N_("Keras takes one tensor by position, further ones as keywords: `layer(x, mask=mask)`."),
        track="tf",
    ),
    Known(
        r"",
        N_(
            "Keras 3's `MultiHeadAttention` is called as `layer(query, value, key=key, "
            "attention_mask=mask)`; give the mask by "
            "its name."
        ),
        line=r"(mha|attention|attn)\w*\(\s*\w+\s*,\s*\w+\s*,\s*\w+\s*,\s*\w*mask",
        track="tf",
    ),
    Known(
        r"module 'keras.*backend' has no attribute|keras.*has no attribute.*(backend|softmax)|has no attribute 'K'",
        N_(
            "This is Keras 2's way. In Keras 3 the functions are in `keras.ops` "
            "(`keras.ops.softmax`); `tf.nn.softmax` works too."
        ),
        track="tf",
    ),
    Known(
        r"[Gg]ot an unexpected keyword argument",
        N_(
            "An argument of this name is not known. If the message names your own function, take the names "
            "that the exercise gives; if it names the framework's, look at its documentation."
        ),
    ),
    Known(
        r"missing \d+ required positional argument|takes (from )?\d+ .*positional arguments? but",
        N_(
            "The number of arguments is not the one that the exercise gives: look at the table "
            "above. Methods begin with `self`."
        ),
    ),
    # names
    Known(
        r"has no attribute 'masked_fill'|has no attribute 'transpose'|has no attribute "
        r"'(view|reshape|unsqueeze|permute|size|sum|float)'",
        N_(
            "That is a method of PyTorch's tensors. In TensorFlow it is a function: "
            "`tf.reshape(x, ...)`, `tf.where(mask, x, low)`."
        ),
        track="tf",
    ),
    Known(
        r"(torch.*|'Tensor' object) has no attribute",
        N_("PyTorch has no such name. Look for it in its documentation: `help(torch.Tensor)`, or the cell above."),
        track="torch",
    ),
    Known(
        r"maximum recursion depth",
        N_(
            "The function calls itself without an end. Did you give your function the name of one "
            "that you wanted to use?"
        ),
    ),
)

IMPORTS = {"np": "import numpy as np", "math": "import math"}


def hint(error: BaseException, line: str, namespace: Mapping[str, Any]) -> str:
    """What to do about an exception that came through this line of the student's code; empty where nothing is known."""
    kind, message = type(error).__name__, str(error)
    if isinstance(error, NameError):
        return _name(error)
    known = next((one for one in KNOWN if one.fits(kind, message, line, namespace)), None)
    return "" if known is None else _(known.hint)


def _name(error: NameError) -> str:
    name = error.name or ""
    if name in IMPORTS:
        return _("Write `{line}` in a cell above, or use the framework's own function.").format(line=IMPORTS[name])
    if name in ("torch", "nn", "F", "tf", "keras", "plots", "lesson", "check"):
        return _("Run the first code cell of the notebook: it imports `{name}`.").format(name=name)
    return _(
        "`{name}` is not defined. Is it spelled right, and did the cell that defines it run since the restart?"
    ).format(name=name)
