"""Helpful messages for exceptions: what a wall refuses, what is missing, what a misspelt name was probably meant to be.

It looks at exceptions that an answer raised, inside the sandbox, and chooses one of `worker_messages`; where none fits,
the exception keeps its own words. No code of the answer is called: attributes are read without its methods.
"""

from __future__ import annotations

import builtins
import errno
import re
import sys
import types
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from autograder.workers import worker_messages as messages
from autograder.workers.worker_messages import Said

MOST_NAMES = 2000  # that a name is compared with
# Names of the code that was running when a wall refused something, with the message for each.
AT_WORK = (
    (
        re.compile(r"/subprocess\.py|/multiprocessing/|/concurrent/futures/|torch/utils/data/|/joblib/"),
        messages.NO_PROCESSES,
    ),
    (re.compile(r"_inductor|cpp_extension|/triton/"), messages.NO_COMPILER),
    (
        re.compile(r"/socket\.py|/urllib|/http/|/ssl\.py|/requests/|/httpx|/httpcore|huggingface_hub|/ftplib"),
        messages.NO_NETWORK,
    ),
)
# The same by the text of the exception.
SAID = (
    (
        re.compile(r"symbolic `tf\.Tensor` as a Python|Cannot convert a symbolic|SymbolicTensor.*integer"),
        messages.NO_VALUE_IN_GRAPH,
    ),
    (re.compile(r"Iterating over a symbolic"), messages.NO_LOOP_IN_GRAPH),
    (re.compile(r"'SymbolicTensor' object has no attribute 'numpy'"), messages.NO_NUMPY_IN_GRAPH),
    (
        re.compile(r"name resolution|urlopen error|URL fetch failure|[Cc]ould ?n.t connect to|Max retries exceeded"),
        messages.NO_NETWORK,
    ),
    (re.compile(r"can't start new thread|DataLoader worker"), messages.NO_PROCESSES),
    (re.compile(r"multiple values for argument '(query|value|key)_mask'"), messages.MASK_BY_NAME),
    (re.compile(r"InductorError|Failed to find C compiler"), messages.NO_COMPILER),
    (
        re.compile(
            r"not compiled with CUDA|Found no NVIDIA|No CUDA GPUs|CUDA driver|deserialize object on a CUDA|"
            r"not linked with support for mps|MPS (backend|device)|Cannot access accelerator|unknown device|GPU:\d+"
        ),
        messages.NO_GPU,
    ),
)
REFUSED = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EAGAIN)
FORGOTTEN_IMPORTS = {
    "np": "numpy",
    "plt": "matplotlib.pyplot",
    "tf": "tensorflow",
    "F": "torch.nn.functional",
}
NEARLY_INIT = re.compile(r"(?!__init__$)_{0,3}(int|init|inti|ini|nit)_{0,3}")
STUB = re.compile(r"raise NotImplementedError(\(\))?\s*(#.*)?")
IN_MATH = frozenset("log erf ceil is_nan is_inf count_nonzero lgamma digamma polyval".split())  # TensorFlow 1: `tf.log`


def explained(
    error: BaseException, text: str, variables: dict[str, Any], own_source: str, called: bool = False
) -> Said | None:
    """The message that replaces an exception's own text.

    Arguments: the text; the notebook's variables; the line of the answer's own code that raised it, "" where it was
    raised in code that is not the answer's; whether what failed was the call of a test, before any line of the answer.
    """
    kind = type(error)
    if kind is NotImplementedError:
        return messages.NOT_WRITTEN.said() if STUB.fullmatch(own_source) else _no_method(text, variables)
    if issubclass(kind, ModuleNotFoundError):
        return _no_module(error, text)
    return _refused(error, text, own_source) or _old_keras(text) or _misspelt(error, text, variables, called)


# -- walls, and what is not there ------------------------------------------------------------------------------------


def _refused(error: BaseException, text: str, own_source: str) -> Said | None:
    """Something that the walls refuse, or that does not exist: other processes, the network, files, a GPU."""
    chain = list(_chain(error))
    whole = f"{_class(error)}: {text}"
    said = next((message for pattern, message in SAID if pattern.search(whole)), None)
    if said:
        return said.said()
    numbers = [getattr(one, "errno", None) for one in chain if isinstance(one, OSError)]
    if any(n in REFUSED for n in numbers) or "Operation not permitted" in text:
        files = [frame.f_code.co_filename for one in chain for frame in _frames(one)]
        for pattern, message in AT_WORK:
            if any(map(pattern.search, files)):
                return message.said()
        if re.search(r"\b(fork|Popen|spawn\w*|exec[lv]\w*|kill)\b", own_source):
            return messages.NO_PROCESSES.said()
    name = next((one.filename for one in chain if isinstance(one, OSError) and isinstance(one.filename, str)), None)
    if name and (errno.EACCES in numbers or errno.EPERM in numbers):
        return messages.FILE_REFUSED.said(name=name)
    if name and errno.ENOENT in numbers:
        return messages.NO_FILE.said(name=name)
    return messages.NOT_ALLOWED.said(error=text) if errno.EPERM in numbers else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and its causes."""
    seen: list[BaseException] = []
    waiting: BaseException | None = error
    while waiting is not None and waiting not in seen and len(seen) < 10:
        seen.append(waiting)
        yield waiting
        waiting = waiting.__cause__ or waiting.__context__


def _frames(error: BaseException) -> Iterator[types.FrameType]:
    step: types.TracebackType | None = vars(BaseException)["__traceback__"].__get__(error)
    while step is not None:
        yield step.tb_frame
        step = step.tb_next


def _no_module(error: BaseException, text: str) -> Said | None:
    name = getattr(error, "name", None) or ""
    root = name.partition(".")[0]
    if not root or (root in sys.modules and not name.startswith("google.")):
        return _old_keras(text)
    tops = {module.partition(".")[0] for module in sys.modules}
    close = _close(root, tops | sys.stdlib_module_names)
    if close:
        return messages.NO_PACKAGE_CLOSE.said(name=name, close=close)
    return messages.NO_PACKAGE.said(name=name if root == "google" else root)


# -- names ------------------------------------------------------------------------------------------------------------


def _misspelt(error: BaseException, text: str, variables: dict[str, Any], called: bool) -> Said | None:
    if type(error) is NameError:
        return _no_name(getattr(error, "name", None), error, variables)
    if isinstance(error, AttributeError):
        name, owner = getattr(error, "name", None), getattr(error, "obj", None)
        close = _close(name, _attributes(owner)) if isinstance(name, str) and owner is not None else None
        return messages.NAME_CLOSE.said(error=f"{_class(error)}: {text}", close=close) if close else None
    if isinstance(error, ImportError):
        found = re.match(r"cannot import name '(\w+)' from '([\w.]+)'", text)
        module = sys.modules.get(found[2]) if found else None
        close = _close(found[1], vars(module)) if found and module is not None else None
        return messages.NAME_CLOSE.said(error=f"{_class(error)}: {text}", close=close) if close else None
    if isinstance(error, TypeError):
        return _other_argument(text, variables, called) or _no_constructor(text, variables)
    return None


def _no_name(name: Any, error: BaseException, variables: dict[str, Any]) -> Said | None:
    if not isinstance(name, str):
        return None
    module = FORGOTTEN_IMPORTS.get(name, name)
    if (
        module in sys.modules
        and "." not in name
        and not name.startswith("_")
        and module not in ("__main__", "autograder")
    ):
        as_name = f" as {name}" if module != name else ""
        return messages.FORGOTTEN_IMPORT.said(name=name, statement=f"import {module}{as_name}")
    local = {name for frame in list(_frames(error))[-1:] for name in frame.f_locals}
    close = _close(name, [*local, *variables, *vars(builtins)])
    return messages.NAME_CLOSE.said(error=f"NameError: name '{name}' is not defined", close=close) if close else None


def _other_argument(text: str, variables: dict[str, Any], called: bool) -> Said | None:
    """An argument of the notebook that the answer's function names differently."""
    found = re.match(r"([\w.<>]+)\(\) got an unexpected keyword argument '(\w+)'", text)
    code = _code_of(found[1], variables) if found else None
    if found is None or code is None:
        return None
    names = [n for n in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount] if n != "self"]
    close = _close(found[2], names, cutoff=0.5)
    if not called:
        return messages.NAME_CLOSE.said(error=f"TypeError: {text}", close=close) if close else None
    if close:
        return messages.ARGUMENT_CLOSE.said(function=found[1], name=found[2], close=close)
    return messages.NO_ARGUMENT.said(function=found[1], name=found[2], names=", ".join(names) or "()")


def _code_of(path: str, variables: dict[str, Any]) -> types.CodeType | None:
    """The code of a function or method of the answer's, by its qualified name."""
    first, *rest = path.split(".")
    found = variables.get(first)
    for name in rest:
        found = type.__getattribute__(found, "__dict__").get(name) if isinstance(found, type) else None
    return found.__code__ if type(found) is types.FunctionType else None


def _no_constructor(text: str, variables: dict[str, Any]) -> Said | None:
    """`__int__` for `__init__`: then the class above takes the arguments, and cannot."""
    if not re.search(r"takes no arguments|__init__\(\) (takes|got)", text):
        return None
    for made in _own_classes(variables):
        names = vars(made)
        near = next((n for n in names if NEARLY_INIT.fullmatch(n)), None)
        if near and "__init__" not in names:
            return messages.METHOD_CLOSE.said(type=made.__name__, method="__init__", close=near)
    return None


def _no_method(text: str, variables: dict[str, Any]) -> Said | None:
    """`foward` for `forward`, or the other framework's name for it."""
    found = re.search(r'Module \[(\w+)\] is missing the required "(forward)"', text) or re.search(
        r"Layer (\w+) does not have a `(call)(?:\(\))?` method", text
    )
    made = variables.get(found[1]) if found else None
    if found is None or not isinstance(made, type):
        return None
    own = [n for n, value in vars(made).items() if isinstance(value, types.FunctionType) and n != "__init__"]
    others = [n for n in own if n in ("call", "forward", "__call__")]
    close = _close(found[2], own) or next(iter(others), None)
    return messages.METHOD_CLOSE.said(type=found[1], method=found[2], close=close) if close else None


def near_definition(name: str, variables: dict[str, Any]) -> str | None:
    """The function or class of the answer's whose name is nearly this one."""
    own = [n for n, v in variables.items() if isinstance(v, (type, types.FunctionType)) and v.__module__ == "__main__"]
    return _close(name, own, cutoff=0.7)


def _own_classes(variables: dict[str, Any]) -> list[type]:
    return [v for v in variables.values() if isinstance(v, type) and v.__module__ == "__main__"]


def _attributes(owner: Any) -> Iterator[str]:
    """The names that an object has, without calling its own methods."""
    kind = owner if isinstance(owner, type) else type(owner)
    for cls in type.__getattribute__(kind, "__mro__"):
        yield from type.__getattribute__(cls, "__dict__")
    try:
        inside = object.__getattribute__(owner, "__dict__")
    except Exception:  # noqa: BLE001 - it has none
        return
    yield from inside
    for table in ("_parameters", "_modules", "_buffers"):  # where PyTorch keeps what a module has
        if isinstance(inside.get(table), dict):
            yield from inside[table]


def _close(name: str, names: Iterable[str], cutoff: float = 0.75) -> str | None:
    """The name that is most similar to this one, without private names."""
    known = [n for n in dict.fromkeys(names) if isinstance(n, str) and (not n.startswith("_") or name.startswith("_"))]
    if len(name) > 100:
        return None
    same = [n for n in known if n != name and n.casefold() == name.casefold()]
    return next(iter(same or get_close_matches(name, [n for n in known[:MOST_NAMES] if n != name], 1, cutoff)), None)


def _class(error: BaseException) -> str:
    return type.__getattribute__(type(error), "__name__")[:100]


# -- Keras 2, TensorFlow 1 ---------------------------------------------------------------------------------------------


def _old_keras(text: str) -> Said | None:
    """A name of Keras 2 that is different in Keras 3."""
    for pattern, way in OLD:
        found = re.search(pattern, text)
        if found:
            now = way(found) if callable(way) else way
            return messages.NOW_IN_KERAS.said(error=text.split("\n")[0][:120], way=now) if now else None
    return None


def _operation(found: re.Match[str]) -> str | None:
    operations = getattr(sys.modules.get("keras"), "ops", None)
    name = {"dot": "matmul", "batch_dot": "matmul", "concatenate": "concatenate"}.get(found[1], found[1])
    return f"keras.ops.{name}" if hasattr(operations, name) else None


def _of_tensorflow(found: re.Match[str]) -> str | None:
    return f"tf.math.{found[1]}" if found[1] in IN_MATH else None


OLD: tuple[tuple[str, Any], ...] = (
    (r"module '[\w.]*keras[\w.]*backend' has no attribute '(\w+)'", _operation),
    (r"layers' has no attribute 'experimental'|layers\.experimental", "keras.layers.…"),
    (r"No module named '[\w.]*keras\.layers\.\w+'", "from keras.layers import …"),
    (r"keras\.preprocessing\.text'|has no attribute 'Tokenizer'", "keras.layers.TextVectorization"),
    (r"No module named '[\w.]*keras\.preprocessing\.sequence'", "keras.utils.pad_sequences"),
    (r"No module named '[\w.]*keras\.optimizers\.\w+'|optimizers' has no attribute 'legacy'", "keras.optimizers.…"),
    (r"not recognized: \{'lr'|unexpected keyword argument 'lr'", "learning_rate=…"),
    (r"not recognized: \{'decay'|unexpected keyword argument 'decay'", "keras.optimizers.schedules.…"),
    (r"add_weight\(\) (got multiple values|takes)", "self.add_weight(shape=…, initializer=…, name=…)"),
    (r"has no attribute 'predict_classes'", "model.predict(x).argmax(-1)"),
    (r"has no attribute 'fit_generator'", "model.fit(…)"),
    (r"A KerasTensor (cannot be used as input to|is symbolic)", "keras.ops.…"),
    (r"module 'tensorflow' has no attribute '(\w+)'", _of_tensorflow),
)
