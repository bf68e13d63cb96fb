"""What an answer may import: its framework, NumPy, the course, Python's standard library, and tools to look at data.

All other packages on the grading machine are there for the frameworks, or for other exercises. Some of them contain
ready-made attention. `ready_made.py` checks the text of an answer against this list, and
`autograder/workers/importing.py` checks its imports while it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

# Packages with attention or whole transformers. Their files cannot be read, except those that an exercise needs.
CARRIERS = frozenset(
    "transformers keras_hub keras_nlp jax flax haiku torchtune torchtext torchvision torchaudio timm xformers "
    "flash_attn x_transformers fairseq diffusers sentence_transformers peft trl vllm optimum adapters allennlp "
    "tensorflow_models tensorflow_addons tensorflow_text official trax mxnet paddle mindspore tinygrad mlx".split()
)
# Parts of a framework that have an attention of their own beside the public one.
INSIDE = ("tensorflow.python.keras", "tensorflow.python.layers", "tensorflow.compat.v1.keras", "torch._inductor")
# Internal modules of TensorFlow. Everything in them also has a public name.
PRIVATE = (*INSIDE, "tensorflow.python")
EVERYDAY = frozenset(
    "matplotlib mpl_toolkits pandas seaborn plotly altair bokeh tqdm PIL cv2 imageio scipy sklearn sympy networkx "
    "einops IPython ipywidgets jupyter notebook tabulate rich torchinfo torchsummary torchmetrics torchviz "
    "tensorboard typing_extensions psutil pytest nose hypothesis requests yaml joblib numba dateutil pytz".split()
)
BESIDE_A_CHECKPOINT = frozenset("tokenizers safetensors huggingface_hub datasets accelerate evaluate".split())


def listed(name: str, own: Iterable[str]) -> bool:
    """Whether a module of this dotted name may be imported by an answer; `own` are its framework's packages.

    In exercises that load a checkpoint, `own` has the package that loads it.
    """
    root, own = name.partition(".")[0], frozenset(own)
    if name.startswith(INSIDE):
        return False
    if root in own or root in sys.stdlib_module_names or root in ("numpy", "course", "__main__", *EVERYDAY):
        return True
    return bool(own & CARRIERS) and root in BESIDE_A_CHECKPOINT


def foreign(path: str) -> bool:
    """Whether a dotted path leads to another package's transformers, or to a framework's internal modules."""
    return path.partition(".")[0] in CARRIERS or f"{path}.".startswith(tuple(f"{inside}." for inside in PRIVATE))
