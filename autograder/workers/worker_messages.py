"""What a worker itself says about an answer, beside the exceptions that the answer raises.

It is said inside the sandbox and travels as text. The trusted side knows it again by these messages, so that it can be
said in another language (`heard`); what it does not know stays the text that it is. Nothing is imported here that the
sandbox would not have anyway.
"""

from __future__ import annotations

import re


class WorkerMessage(str):
    """A message with places for values, which `.format` puts in; it is marked for translation by being one of these."""


NOT_DEFINED = WorkerMessage("`{name}` is not defined: did the cell run?")
NOT_CALLABLE = WorkerMessage("`{name}` is not a function or a class, but of type {type}")
NO_ITEM = WorkerMessage("the result is a {type}, and has no item {n}")
RESULT_TYPE = WorkerMessage("the result is a {type}, expected a {expected}")
RESULT_SHAPE = WorkerMessage("the result has shape {shape}, expected {expected}")
NO_MODULE = WorkerMessage("`{symbol}(...)` gives a {type}, not an nn.Module")
NO_LAYER = WorkerMessage("`{symbol}(...)` gives a {type}, not a Keras layer")
PART_NO_MODULE = WorkerMessage("`{name}` is a {type}, not an nn.Module")
PART_NO_LAYER = WorkerMessage("`{name}` is a {type}, not a Keras layer")

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
    "class that there is not"
)
LAZY_LAYER = WorkerMessage("a lazy layer cannot move to a device without contents before its first call")
NO_CLASSIFIER = WorkerMessage("the model has no classification layer `classifier`: return the class that is asked for")
NO_CLASSIFICATION_LAYER = WorkerMessage("the model has no classification layer: return the class that is asked for")
NO_LOGITS = WorkerMessage("the model is a {type}, which gives no logits; a BertForSequenceClassification does")


def heard(text: str) -> tuple[str, dict[str, str]] | None:
    """The message that a worker has said, and the values in it; None where it is none of these."""
    for message, pattern in PATTERNS:
        match = pattern.fullmatch(text)
        if match:
            return message, match.groupdict()
    return None


def _pattern(message: WorkerMessage) -> re.Pattern:
    pieces = re.split(r"\{(\w+)\}", message)  # text, name, text, name, ... text
    spelt = (f"(?P<{piece}>.+?)" if i % 2 else re.escape(piece) for i, piece in enumerate(pieces))
    return re.compile("".join(spelt), re.DOTALL)


# Where a text is like several of them, it is the one with the fewest places for values, and of these the longest.
MESSAGES = [message for message in list(globals().values()) if isinstance(message, WorkerMessage)]
MESSAGES.sort(key=lambda message: (message.count("{"), -len(message)))
PATTERNS = [(str(message), _pattern(message)) for message in MESSAGES]
