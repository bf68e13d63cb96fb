"""The messages that a worker itself gives about an answer, besides exceptions of the answer.

A message leaves the sandbox as an id with values (`Said.header`): the name of one of the messages below, and short
texts for its placeholders. The trusted side takes it out of the error with `read`, which knows these messages and
no others, so that no text is ever parsed. Nothing is imported here that the sandbox would not have anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Any

MAX_VALUE = 200  # characters of a value


class WorkerMessage(str):
    """A message with places for values; it is marked for translation by being one of these. `said` puts values in."""

    id: str
    places: frozenset[str]

    def said(self, **values: Any) -> Said:
        """This message with values, each as text and cut to `MAX_VALUE` characters; a value without a place is left."""
        return Said(self, {name: str(values[name])[:MAX_VALUE] for name in self.places})


class Said(str):
    """A message with its values put in: the English sentence, which remembers what it was made of."""

    message: WorkerMessage
    values: dict[str, str]

    def __new__(cls, message: WorkerMessage, values: Mapping[str, str]) -> Said:
        """The sentence of `message` with `values`. Raises KeyError where one is missing."""
        self = super().__new__(cls, message.format(**values))
        self.message, self.values = message, dict(values)
        return self

    def header(self) -> dict[str, Any]:
        """What is added to an error on the wire: {"id": the message's name, "values": {place: text}}."""
        return {"id": self.message.id, "values": self.values}


NOT_DEFINED = WorkerMessage("`{name}` is not defined: did the cell run?")
NOT_CALLABLE = WorkerMessage("`{name}` is not a function or a class, but of type {type}")
NO_ITEM = WorkerMessage("the result is a {type}, and has no item {n}")
RESULT_TYPE = WorkerMessage("the result is a {type}, expected a {expected}")
RESULT_SHAPE = WorkerMessage("the result has shape {shape}, expected {expected}")
NO_MODULE = WorkerMessage("`{symbol}(...)` gives a {type}, not an nn.Module")
NO_LAYER = WorkerMessage("`{symbol}(...)` gives a {type}, not a Keras layer")
PART_NO_MODULE = WorkerMessage("`{name}` is a {type}, not an nn.Module")
PART_NO_LAYER = WorkerMessage("`{name}` is a {type}, not a Keras layer")
NOT_DEFINED_CLOSE = WorkerMessage("`{name}` is not defined, but `{close}` is: did you mean `{name}`?")
NOT_WRITTEN = WorkerMessage("this is not written yet")

# -- weights that are loaded into a module ----------------------------------------------------------------------------

FEW_LINEAR_LAYERS = WorkerMessage(
    "the {type} has {count} linear layers in it, expected {expected} or more. A module that keeps its parameters "
    "differently defines `load_arrays(self, arrays)`."
)
NO_ATTRIBUTE = WorkerMessage(
    "{type} has no attribute `{attribute}`. Keep each parameter in the attribute that the docstring names, or define "
    "`load_arrays(self, arrays)`."
)
CANNOT_LOAD = WorkerMessage(
    "`{key}` cannot be loaded: it is a {type} without `{leaf}`. A module that keeps its parameters differently defines "
    "`load_arrays(self, arrays)`."
)
CANNOT_LOAD_INTO = WorkerMessage(
    "`{key}` cannot be loaded: {attribute} is a {type} without `{leaf}`. A module that keeps its parameters "
    "differently defines `load_arrays(self, arrays)`."
)
NOT_TRAINED = WorkerMessage(
    "{type} keeps {found} of the {expected} numbers that `load_arrays` was given in parameters that can be trained: "
    "make each a parameter of the module, and fill it there."
)
SHAPE = WorkerMessage("`{key}` has shape {shape}, expected {expected}")
SHAPE_INPUT_OUTPUT = WorkerMessage("`{key}` has shape {shape}, expected {expected} (input, output)")

# -- training ---------------------------------------------------------------------------------------------------------

MODULE_WITHOUT_WEIGHTS = WorkerMessage("the module has nothing to train: are its layers attributes of it?")
MODULE_WITHOUT_LOGITS = WorkerMessage("the module cannot be trained: it gives no logits, a row for each label")
MODULE_WITHOUT_GRADIENT = WorkerMessage("the module cannot be trained: no gradient flows from its result")
LAYER_WITHOUT_WEIGHTS = WorkerMessage("the layer has nothing to train: are its layers attributes of it?")
LAYER_WITHOUT_LOGITS = WorkerMessage("the layer cannot be trained: it gives no logits, a row for each label")
LAYER_WITHOUT_GRADIENT = WorkerMessage("the layer cannot be trained: no gradient flows from its result")

# -- devices, and BERT ------------------------------------------------------------------------------------------------

ON_THE_CPU = WorkerMessage(
    "a tensor made on the CPU meets one on another device: make it on the device of the inputs, for example with "
    "`device=x.device`"
)
OUT_OF_RANGE_ON_A_GPU = WorkerMessage(
    "an index is out of range (the GPU says “device-side assert triggered”): a row that a table does not have, or a "
    "class that does not exist"
)
LAZY_LAYER = WorkerMessage("a lazy layer cannot move to a device without contents before its first call")
NO_CLASSIFIER = WorkerMessage("the model has no classification layer `classifier`: return the class that is asked for")
NO_CLASSIFICATION_LAYER = WorkerMessage("the model has no classification layer: return the class that is asked for")
NO_LOGITS = WorkerMessage("the model is a {type}, which gives no logits; a BertForSequenceClassification does")


# -- what a notebook can do, and a grading cannot ---------------------------------------------------------------------

NO_INPUT = WorkerMessage("`input()` got an empty answer: where this is graded, nobody is there to type")
COMMAND_NOT_RUN = WorkerMessage("`{command}` was not run: where this is graded, a cell cannot start other programs")
MAGIC_NOT_RUN = WorkerMessage("`{magic}` has no effect where this is graded")

# -- what the walls refuse, and what is not there ---------------------------------------------------------------------

NO_PROCESSES = WorkerMessage(
    "where this is graded, no other process or worker can be started: leave it out (a data loader works with "
    "`num_workers=0`)"
)
NO_COMPILER = WorkerMessage("where this is graded, there is no compiler: leave the compiling out")
NO_NETWORK = WorkerMessage("where this is graded, there is no network, and nothing can be downloaded: leave it out")
NO_GPU = WorkerMessage(
    "where this is graded, there is no GPU: take the device of the inputs, or use a GPU only where there is one"
)
FILE_REFUSED = WorkerMessage(
    "`{name}` cannot be opened where this is graded: an answer has a folder of its own, in which it may write, and no "
    "other files"
)
NO_FILE = WorkerMessage("there is no file `{name}` where this is graded: only the notebook itself is there")
NOT_ALLOWED = WorkerMessage("this is not allowed where it is graded: {error}")
NO_PACKAGE = WorkerMessage(
    "the package `{name}` is not installed where this is graded: there are only the packages of the course's "
    "requirements.txt. Write it without"
)
NOT_ON_THE_LIST = WorkerMessage(
    "`{name}` may not be used in this exercise: answers use the framework, NumPy, the course and Python's own library. "
    "Write it without"
)
NO_PACKAGE_CLOSE = WorkerMessage("there is no package `{name}`: did you mean `{close}`?")

# -- names ------------------------------------------------------------------------------------------------------------

NAME_CLOSE = WorkerMessage("{error}. Did you mean `{close}`?")
FORGOTTEN_IMPORT = WorkerMessage("`{name}` is not defined: is `{statement}` missing?")
ARGUMENT_CLOSE = WorkerMessage(
    "`{function}` is called with the argument `{name}`, as the notebook says, but here it is `{close}`: did you mean "
    "`{name}`?"
)
NO_ARGUMENT = WorkerMessage(
    "`{function}` is called with the argument `{name}`, as the notebook says, but here its arguments are: {names}"
)
METHOD_CLOSE = WorkerMessage("`{type}` has no `{method}`, but `{close}`: did you mean `{method}`?")
MASK_BY_NAME = WorkerMessage(
    "Keras takes the fourth argument of its attention for `query_mask`: give the mask by name, `attention_mask=…`"
)
NOW_IN_KERAS = WorkerMessage("{error}: in Keras 3 and TensorFlow 2 it is `{way}`")


def read(error: Mapping[str, Any]) -> tuple[str, dict[str, str]] | None:
    """The message and the values that an error from a worker names; None where it names none in the right form.

    The error is what an untrusted process sent: the id must be known, and the values must be exactly the texts that the
    message has places for.
    """
    name, values = error.get("id"), error.get("values")
    message = BY_ID.get(name) if isinstance(name, str) else None
    if message is None or not isinstance(values, dict) or values.keys() != message.places:
        return None
    if not all(isinstance(value, str) and len(value) <= MAX_VALUE for value in values.values()):
        return None
    return str(message), dict(values)


# -- Keras, compiled --------------------------------------------------------------------------------------------------

NO_VALUE_IN_GRAPH = WorkerMessage(
    "in a compiled step a tensor has no value yet that Python could look at: take lengths from `x.shape[1]`, which is "
    "a number (`tf.shape(x)[1]` is a tensor), and choose with `tf.where` or `tf.cond`"
)
NO_LOOP_IN_GRAPH = WorkerMessage(
    "in a compiled step Python cannot loop over a tensor: loop over `range(x.shape[1])` and take `x[:, i]`"
)
NO_NUMPY_IN_GRAPH = WorkerMessage("in a compiled step a tensor has no `.numpy()`: compute with `tf` or `keras.ops`")

# Two exceptions with one of these messages are the same only if their values are the same.
TELLING = frozenset({NAME_CLOSE, FORGOTTEN_IMPORT, NO_FILE, NOT_ALLOWED, NO_PACKAGE, NOW_IN_KERAS})

BY_ID = {name: message for name, message in list(globals().items()) if isinstance(message, WorkerMessage)}
for _name, _message in BY_ID.items():
    _message.id = _name
    _message.places = frozenset(place for _, place, _, _ in Formatter().parse(_message) if place)
