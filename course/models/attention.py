"""The attention weights of a BERT's heads, in both tracks.

    >>> from course.models.attention import torch_attention
    >>> torch_attention(model, input_ids, attention_mask)[0]     # the first layer: (B, H, L, L)

A model does not keep its attention weights. `transformers` returns them where a call asks for them. KerasHub's BERT
cannot, so here each of its attention layers is called again, this time asking for the scores.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def torch_attention(model: Any, input_ids: Any, attention_mask: Any) -> np.ndarray:
    """The attention weights (layers, B, H, L, L) of a `transformers` BERT of any kind, without dropout.

    `input_ids` and `attention_mask` are (B, L). Row i of (L, L) says how much place i looks at each place. The model is
    put into evaluation mode and stays there.
    """
    import torch

    model.eval()
    usual = model.config._attn_implementation
    model.set_attn_implementation("eager")  # faster implementations never compute all weights of a row at once
    try:
        with torch.no_grad():
            found = model(input_ids=input_ids, attention_mask=attention_mask, output_attentions=True).attentions
    finally:
        model.set_attn_implementation(usual)
    return torch.stack(found).cpu().numpy()


def keras_attention(model: Any, input_ids: Any, attention_mask: Any) -> np.ndarray:
    """The attention weights (layers, B, H, L, L) of a KerasHub BERT backbone or classifier, without dropout.

    `input_ids` and `attention_mask` are (B, L). Row i of (L, L) says how much place i looks at each place.
    """
    import keras

    backbone = getattr(model, "backbone", model)
    ids, mask = keras.ops.convert_to_tensor(input_ids, "int32"), keras.ops.convert_to_tensor(attention_mask, "int32")
    inputs = {"token_ids": ids, "segment_ids": keras.ops.zeros_like(ids), "padding_mask": mask}
    layers = backbone.transformer_layers
    hidden = keras.Model(backbone.inputs, [layer.input[0] for layer in layers])(inputs, training=False)
    visible = keras.ops.cast(mask, "bool")[:, None, :]  # (B, 1, L): no place looks at padding
    found = []
    for layer, x in zip(layers, hidden, strict=True):
        attend = layer._self_attention_layer
        found.append(attend(x, x, attention_mask=visible, return_attention_scores=True, training=False)[1])
    return np.stack([np.asarray(weights) for weights in found])
