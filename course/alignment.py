"""The alignment of a decoder with its source: the weights of an attention layer in the student's model, in both tracks.

    >>> from course.alignment import torch_alignment
    >>> torch_alignment(block.cross_attention, lambda: model(source, target))    # (B, H, L, S)

A model does not keep its attention weights. So the arguments of the layer's last call are stored while the model
translates, and the layer is called again with these arguments, this time asking for the weights.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np


def torch_alignment(layer: Any, translate: Callable[[], Any]) -> np.ndarray:
    """The weights (B, H, L, S) of a `nn.MultiheadAttention` in the last of its calls while `translate()` runs.

    Raises IndexError where the layer is not called.
    """
    import torch

    calls = []
    note = layer.register_forward_pre_hook(lambda _layer, args, kwargs: calls.append((args, kwargs)), with_kwargs=True)
    try:
        with torch.no_grad():
            translate()
    finally:
        note.remove()
    asked = inspect.signature(layer.forward).bind(*calls[-1][0], **calls[-1][1])
    asked.arguments |= {"need_weights": True, "average_attn_weights": False}
    with torch.no_grad():
        return layer(*asked.args, **asked.kwargs)[1].cpu().numpy()


def keras_alignment(layer: Any, translate: Callable[[], Any]) -> np.ndarray:
    """The weights (B, H, L, S) of a `keras.layers.MultiHeadAttention` in the last of its calls in `translate()`.

    Raises IndexError where the layer is not called.
    """
    calls, call = [], layer.call

    def noting(*args: Any, **kwargs: Any) -> Any:
        calls.append((args, kwargs))
        return call(*args, **kwargs)

    object.__setattr__(layer, "call", noting)  # bypasses Keras, which tracks attributes
    try:
        translate()
    finally:
        object.__delattr__(layer, "call")
    asked = inspect.signature(call).bind(*calls[-1][0], **calls[-1][1])
    asked.arguments["return_attention_scores"] = True
    return np.asarray(call(*asked.args, **asked.kwargs)[1])
