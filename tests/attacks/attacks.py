"""Attacks on graders as hand-ins: what each tries, and by which habit of the naive grader (naive.py) it succeeds there.

The source of an attack is the same for both graders, but for the places that it goes for, which are told it as if it
had found them out: @SOLUTION@ and @TESTS@ are the true paths, @MODULE@ the true name of the solution. Its threat is the
section of docs/security.md that it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from forge import Forge

FORGING, STEALING, FOOLING = "Forging the verdict", "Stealing the answer", "Fooling the comparison"
SKIPPING, EXHAUSTING = "Passing without the skill", "Exhausting the machine"
SYMBOLS = ("scaled_dot_product_attention", "padding_mask", "causal_mask", "combine_masks")


@dataclass(frozen=True)
class Attack:
    """`fools`: what the naive grader believes, a key of its marks; or "secret" for its output, "patience" for its end."""

    threat: str
    name: str
    source: str
    fools: str = "status"
    order: str = "first"  # whether the naive grader has its own answer first or last
    most: float = 0.0  # what it earns honestly, being right about that much
    files: dict[str, str] = field(default_factory=dict)  # that lie beside the answer

    def at(self, solution: str, tests: str, module: str) -> str:
        return self.source.replace("@SOLUTION@", solution).replace("@TESTS@", tests).replace("@MODULE@", module)


def every(body: str, before: str = "") -> str:
    """Each symbol as a function with this body, in which `symbol` is its name."""
    indented = "\n".join("    " + row for row in body.strip("\n").split("\n"))
    functions = [f"def {s}(*args, **kwargs):\n    symbol = {s!r}\n{indented}\n" for s in SYMBOLS]
    return before + "\n" + "\n".join(functions)


NOTHING = every("raise NotImplementedError")
RIGHT = "import math\nimport torch\n" + "\n".join(
    text.replace(f"def {name}(", f"def right_{name}(")
    for name, text in Forge("self-attention-pytorch").solution.items()
)
ASK = "globals()['right_' + symbol](*args, **kwargs)"
_PAIR = "\nreturn (made, made) if symbol == 'scaled_dot_product_attention' else made"
PLUGIN = """
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    outcome.get_result().outcome = 'passed'
"""

# -- forging the verdict -----------------------------------------------------------------------------------------------

_forging = {
    "ends the process with a good status": NOTHING + "import os\nos._exit(0)",
    "leaves with a good status from inside a call": every("import os\nos._exit(0)"),
    "ends pytest from inside a call": every("import pytest\npytest.exit('done', returncode=0)"),
    "skips every test": every("import pytest\npytest.skip('not today')"),
    "expects to fail": every("import pytest\npytest.xfail('as planned')"),
    "makes failures pass in pytest's reports": NOTHING
    + "import _pytest.reports\n_pytest.reports.TestReport.outcome = property(lambda self: 'passed', lambda self, v: None)",
    "takes pytest's runner away": NOTHING
    + "import _pytest.runner as r\nr.CallInfo.from_call = classmethod(lambda cls, func, when, reraise=None:"
    " r.CallInfo(None, None, 0.0, 0.0, 0.0, when, _ispytest=True))",
    "replaces the solution where it lies in memory": every("return 'mine'")
    + "import sys\nfor module in list(sys.modules.values()):\n    for s in ('scaled_dot_product_attention',"
    " 'padding_mask', 'causal_mask', 'combine_masks'):\n        if 'expected_' + s in vars(module):\n"
    "            setattr(module, 'expected_' + s, lambda *a, **k: 'mine')",
    "ends the process a moment later": NOTHING
    + "import os, threading\nthreading.Timer(0.001, os._exit, (0,)).start()\nimport time\ntime.sleep(0.05)",
    "ends the process when an alarm rings": NOTHING
    + "import os, signal, time\nsignal.signal(signal.SIGALRM, lambda *_: os._exit(0))\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.001)\ntime.sleep(0.05)",
    "ends the process when an object dies": NOTHING
    + "import os\nclass Last:\n    def __del__(self):\n        os._exit(0)\nlast = Last()\ndel last",
}
_printing = {
    "patches the comparison of PyTorch": every("made = torch.zeros(1)" + _PAIR)
    + "import torch, builtins\ntorch.Tensor.any = torch.Tensor.__gt__ = lambda self, *a, **k: False\n"
    "torch.Tensor.__rsub__ = torch.Tensor.__sub__ = lambda self, other: self\nbuiltins.all = lambda items: True\n"
    "torch.equal = torch.allclose = torch.testing.assert_close = lambda *a, **k: True",
    "prints what a log parser counts": NOTHING + "import os\nos.write(1, b'score: 4/4\\n')\nos._exit(1)",
    "prints after everybody else": NOTHING + "import atexit\natexit.register(print, 'score: 4/4', flush=True)",
    "prints from inside a call": every(
        "import os\nos.write(1, b'score: 4/4\\n')\nos.write(2, b'score: 4/4\\n')\nos._exit(0)"
    ),
}
_writing = {
    "rewrites the results at exit": NOTHING + "import atexit\natexit.register(lambda: open('results.json', 'w')"
    ".write('{\"score\": 4}'))",
    "writes the results and leaves": NOTHING
    + "import os\nopen('results.json', 'w').write('{\"score\": 4}')\nos._exit(1)",
}
_BLOW = "for fd in {fds}:\n    try:\n        os.write(int(fd), b'{{\"score\": 4}}\\n')\n    except OSError:\n        pass\nos._exit(1)"
_sending = {
    "writes to every descriptor that it may hold": NOTHING + "import os\n" + _BLOW.format(fds="range(3, 64)"),
    "writes to the descriptors in /proc": NOTHING + "import os\n" + _BLOW.format(fds="os.listdir('/proc/self/fd')"),
}
_crashing = {
    "crashes the process": NOTHING + "import ctypes\nctypes.string_at(0)",
    "kills the process": NOTHING + "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "recurses until the stack ends": NOTHING
    + "import sys\nsys.setrecursionlimit(1 << 30)\nclass Deep:\n    def __repr__(self):\n        return repr(self)\n"
    "repr(Deep())",
    "leaves with sys.exit": NOTHING + "import sys\nsys.exit(0)",
    "aborts the process": NOTHING + "import os\nos.abort()",
}
_SHADOW = "def fmean(*a):\n    return 1.0\nload = loads = dumps = array = ones = fmean\n"
_beside = {
    "brings a conftest.py": {"conftest.py": PLUGIN},
    "brings a pytest.ini": {"pytest.ini": "[pytest]\naddopts = --collect-only\n"},
    "brings a setup.cfg": {"setup.cfg": "[tool:pytest]\naddopts = --collect-only\n"},
    "brings a tox.ini": {"tox.ini": "[pytest]\naddopts = --collect-only\n"},
    "brings a pyproject.toml": {"pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--collect-only'\n"},
    "brings a plug-in by name": {"pytest.ini": "[pytest]\naddopts = -p mine\n", "mine.py": PLUGIN},
}
FORGED = [
    *(Attack(FORGING, name, source) for name, source in _forging.items()),
    *(Attack(FORGING, name, source, "printed") for name, source in _printing.items()),
    *(Attack(FORGING, name, source, "file") for name, source in _writing.items()),
    *(Attack(FORGING, name, source, "pipe") for name, source in _sending.items()),
    *(Attack(FORGING, name, source, "failures") for name, source in _crashing.items()),
    *(Attack(FORGING, name, NOTHING, files=files) for name, files in _beside.items()),
    Attack(FORGING, "brings modules that shadow real ones", NOTHING, "file",
           files={f"{name}.py": _SHADOW for name in ("statistics", "numpy", "torch", "json", "sitecustomize")}),
    Attack(FORGING, "returns a pickle that acts", every(
        "class Bomb:\n    def __reduce__(self):\n"
        "        return exec, (\"import __main__\\n__main__.VERDICT['score'] = 4\",)\nreturn Bomb()"), "pickled"),
    Attack(FORGING, "returns a type by name", every(
        "return {'type': 'builtins.exec', 'value': \"import __main__\\n__main__.VERDICT['score'] = 4\"}"), "typed"),
]  # fmt: skip

# -- stealing the answer -----------------------------------------------------------------------------------------------

_FRAMES = """
import sys
frame = sys._getframe(1)
while frame is not None:
    if 'expected' in frame.f_locals:
        return frame.f_locals['expected']
    frame = frame.f_back
raise LookupError
"""
_GLOBALS = """
import sys
frame = sys._getframe(1)
while frame is not None:
    if 'expected_' + symbol in frame.f_globals:
        return frame.f_globals['expected_' + symbol](*args, **kwargs)
    frame = frame.f_back
raise LookupError
"""
_SOURCE = """
import inspect, sys
frame = sys._getframe(1)
box = {}
while frame is not None:
    text = inspect.getsource(inspect.getmodule(frame) or frame)
    if '# answers' in text:
        exec('import math, torch' + text.split('# answers')[1].split('# tests')[0], box)
        return box['expected_' + symbol](*args, **kwargs)
    frame = frame.f_back
raise LookupError
"""
_HEAP = r"""
import ctypes, re
for line in open('/proc/self/maps'):
    (start, end), rights = [int(n, 16) for n in line.split()[0].split('-')], line.split()[1]
    if rights.startswith('rw') and end - start < 64 << 20 and ('[heap]' in line or len(line.split()) < 6):
        for found in re.findall(rb'"seed": (\d{10,})', ctypes.string_at(start, end - start)):
            print('found', found.decode(), flush=True)
"""
_ENVIRON = r"""
import glob, os
for path in ['/proc/self/environ', *glob.glob('/proc/[0-9]*/environ')]:
    try:
        print(open(path, 'rb').read().replace(b'\0', b' ').decode(errors='replace'), flush=True)
    except OSError as error:
        print(error)
print(dict(os.environ), flush=True)
"""
_MODULES = """
import sys
for module in list(sys.modules.values()):
    print({k: v for k, v in list(vars(module).items()) if 'seed' in k.lower() and isinstance(v, (int, str))}, flush=True)
"""
_OBJECTS = r"""
import gc, re
for thing in gc.get_objects():
    if type(thing) is dict and isinstance(thing.get('GRADING_SEED', thing.get(b'GRADING_SEED')), (str, bytes)):
        print(thing, flush=True)
    elif type(thing) is dict and isinstance(thing.get('SEED', thing.get('seed')), int):
        print(thing.get('SEED', thing.get('seed')), flush=True)
"""
_PUBLIC = """
import torch
for seed in range(20):
    torch.manual_seed(seed)
    guess = [0.1 * torch.randn(1, n, 6) for n in (4, 7, 7)]
    if all(g.shape == a.shape and torch.equal(g, a) for g, a in zip(guess, args)):
        return right_scaled_dot_product_attention(*args)
raise LookupError
"""
_stealing = {
    "reads the solution's file": every(
        "box = {}\nexec(open('@SOLUTION@').read(), box)\nreturn box[symbol](*args, **kwargs)"
    ),
    "finds the solution's file": every("return box[symbol](*args, **kwargs)")
    + "import glob\nbox = {}\nfor path in ['solution.py', *glob.glob('@SOLUTION@'), *glob.glob('*/*solution*/*.py')]:\n"
    "    try:\n        exec(open(path).read(), box)\n    except Exception:\n        pass",
    "imports the solution": every("return globals()['found_' + symbol](*args, **kwargs)")
    + "try:\n    import @MODULE@ as m\n    globals().update({'found_' + n: f for n, f in vars(m).items()})\n"
    "except Exception:\n    pass",
    "imports all of the solution": "try:\n    from @MODULE@ import *\nexcept Exception:\n    pass",
    "imports it as importlib does": every(
        "import importlib\nreturn getattr(importlib.import_module('@MODULE@'), symbol)(*args, **kwargs)"
    ),
    "reads the hidden tests": every(
        "box = {}\nexec(open('@TESTS@').read().split('# answers')[1].split('# tests')[0], box)\n"
        "return box['expected_' + symbol](*args, **kwargs)"
    ),
    "walks the frames to the expected value": every(_FRAMES),
    "walks the frames to the solution": every(_GLOBALS),
    "asks for the source of its caller": every(_SOURCE),
    "asks the collector for all objects": every(
        "import gc\nfor thing in gc.get_objects():\n    if getattr(thing, '__name__', '') == 'expected_' + symbol:\n"
        "        return thing(*args, **kwargs)\nraise LookupError"
    ),
    "follows references to its inputs": every(
        "import gc\nfor holder in gc.get_referrers(args[0]) if args else []:\n    pass\n" + _FRAMES
    ),
    "looks through the frames of all threads": every(
        "import sys\nfor frame in sys._current_frames().values():\n    while frame is not None:\n"
        "        if 'expected' in frame.f_locals:\n            return frame.f_locals['expected']\n"
        "        frame = frame.f_back\nraise LookupError"
    ),
    "looks through all modules": every(
        "import sys\nfor module in list(sys.modules.values()):\n    if 'expected_' + symbol in vars(module):\n"
        "        return vars(module)['expected_' + symbol](*args, **kwargs)\nraise LookupError"
    ),
    "follows the traceback of an exception": every(
        "try:\n    raise LookupError\nexcept LookupError as error:\n    frame = error.__traceback__.tb_frame.f_back\n"
        "    while frame is not None:\n        if 'expected' in frame.f_locals:\n"
        "            return frame.f_locals['expected']\n        frame = frame.f_back\nraise LookupError"
    ),
    "sets a trace and waits": every("raise LookupError")
    + "import sys\nkept = {}\ndef watch(frame, event, arg):\n    if frame.f_code.co_name.startswith('expected_'):\n"
    "        kept[frame.f_code.co_name] = frame.f_globals[frame.f_code.co_name]\n"
    "sys.setprofile(watch)\n" + every("return kept['expected_' + symbol](*args, **kwargs)"),
}
_leaking = {
    "reads seeds in the environment of every process": _ENVIRON,
    "searches the heap": _HEAP,
    "searches all modules": _MODULES,
    "searches all objects": _OBJECTS,
}
STOLEN = [
    *(Attack(STEALING, name, source) for name, source in _stealing.items()),
    Attack(STEALING, "guesses a public seed", every(
        "if symbol != 'scaled_dot_product_attention':\n    raise LookupError\n" + _PUBLIC, RIGHT), "printed"),
    *(Attack(STEALING, name, NOTHING + source, "secret") for name, source in _leaking.items()),
]  # fmt: skip

# -- fooling the comparison --------------------------------------------------------------------------------------------

_ARRAY = """
import numpy as np
class Agrees(np.ndarray):
    def __array_ufunc__(self, *a, **k): return np.zeros(1)
    def __eq__(self, other): return True
"""
_TENSOR = """
import torch
class Agrees(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return torch.zeros(())
    def __eq__(self, other): return True
    def __iter__(self): return iter(())
"""
_LAZY = """
class Lazy:
    def __eq__(self, other):
        self.value = other
        return True
    def __sub__(self, other): return other - other
    def __rsub__(self, other): return other - other
    def __array__(self, *a, **k):
        import numpy
        return numpy.asarray(self.value)
    def __len__(self): return 1
    def __iter__(self): return iter(())
"""
_fooling = {
    "is equal to all": every("made = Same()" + _PAIR, "class Same:\n    def __eq__(self, other): return True\n"),
    "is not unequal to anything": every(
        "made = Same()" + _PAIR,
        "class Same:\n    def __eq__(self, other): return not self.__ne__(other)\n    def __ne__(self, other):"
        " return False\n    def __bool__(self): return True\n",
    ),
    "is a tensor that agrees": every("made = torch.zeros(1).as_subclass(Agrees)" + _PAIR, _TENSOR),
    "is an array that agrees": every("made = np.zeros(1).view(Agrees)" + _PAIR, _ARRAY),
    "is a number equal to all": every(
        "made = Number(1)" + _PAIR,
        "class Number(float):\n    def __eq__(self, other): return True\n    __hash__ = float.__hash__\n",
    ),
    "is a string equal to all": every(
        "made = Text('1')" + _PAIR,
        "class Text(str):\n    def __eq__(self, other): return True\n    __hash__ = str.__hash__\n",
    ),
    "is a tuple equal to all": every(
        "made = Pair((0, 0))" + _PAIR,
        "class Pair(tuple):\n    def __eq__(self, other): return True\n    __hash__ = tuple.__hash__\n",
    ),
    "is computed when it is compared": every("made = Lazy()" + _PAIR, _LAZY),
    "gives nothing at all": every("import torch\nmade = torch.empty(0)" + _PAIR),
    "gives an empty tuple": every("import torch\nmade = torch.empty(0, 3, 5)\n"
                                  "return () if symbol == 'scaled_dot_product_attention' else made"),
    "gives no number": every("import torch\nmade = torch.full((1, 1, 1, 1), float('nan'))" + _PAIR),
    "gives no numbers of every shape": every(
        "import torch\nshape = [n for n in getattr(args[0], 'shape', (args[0], args[0]))] if args else [1]\n"
        "made = torch.full(shape, float('nan'))\n"
        "if symbol == 'scaled_dot_product_attention':\n    return (torch.full((*shape[:-1], args[2].shape[-1]), "
        "float('nan')), torch.full((*shape[:-1], args[1].shape[-2]), float('nan')))\n"
        "return made[:, None, None, :] if symbol == 'padding_mask' else made"
    ),
    "lets a single number broadcast": every("import torch\nmade = torch.tensor([float('nan')])" + _PAIR),
}  # fmt: skip
_ZEROED = """
if symbol != 'scaled_dot_product_attention':
    raise NotImplementedError
import torch
for a in args[:3]:
    a.detach().zero_()
shape = (*args[0].shape[:-1], args[1].shape[-2])
return torch.zeros(*args[0].shape[:-1], args[2].shape[-1]), torch.full(shape, 1 / shape[-1])
"""
_UNIFORM = """
if symbol != 'scaled_dot_product_attention':
    raise NotImplementedError
import torch
weights = torch.full((*args[0].shape[:-1], args[1].shape[-2]), 1 / args[1].shape[-2]).to(args[0])
return weights @ args[2], weights
"""
_HALF = (
    "import torch\nmade = "
    + ASK
    + "\nhalf = lambda t: t.half() if isinstance(t, torch.Tensor) and t.dtype.is_floating_point else t\n"
)
FOOLED = [
    *(Attack(FOOLING, name, source) for name, source in _fooling.items()),
    Attack(FOOLING, "zeroes the inputs in place", every(_ZEROED), "printed", "last", most=0.5),
    Attack(FOOLING, "is right where inputs are tiny", every(_UNIFORM), "printed", most=1.5),
    Attack(FOOLING, "is half as precise", every(
        _HALF + "return tuple(map(half, made)) if isinstance(made, tuple) else half(made)", RIGHT), most=8.5),
    Attack(FOOLING, "rounds to two places", every(
        "import torch\nmade = " + ASK + "\nreturn tuple((100 * m).round() / 100 for m in made)"
        " if isinstance(made, tuple) else made", RIGHT), most=10),
]  # fmt: skip

# -- passing without the skill -----------------------------------------------------------------------------------------

_KEY = "key = (symbol, *[tuple(a.shape) if hasattr(a, 'shape') else a for a in args])\n"
SKIPPED = [
    Attack(SKIPPING, "remembers the result for a shape", every(
        _KEY + "if key not in memory:\n    memory[key] = " + ASK + "\nreturn memory[key]", RIGHT + "\nmemory = {}\n"
    ), most=13.5),
    Attack(SKIPPING, "is right for the visible shapes only", every(
        "if getattr(args[0], 'shape', (3,))[0] not in (1, 3) or len(getattr(args[0], 'shape', (3,))) > 3:\n"
        "    raise LookupError\nreturn " + ASK, RIGHT), most=13.5),
    Attack(SKIPPING, "behaves well in the first call only", every(
        "calls[symbol] = calls.get(symbol, 0) + 1\nif calls[symbol] > 1:\n    raise LookupError\nreturn " + ASK,
        RIGHT + "\ncalls = {}\n"), most=6),
    Attack(SKIPPING, "behaves well in the first five calls only", every(
        "calls[symbol] = calls.get(symbol, 0) + 1\nmade = " + ASK + "\n"
        "return made if calls[symbol] < 6 else tuple(m * 0 for m in made) if isinstance(made, tuple) else made & False",
        RIGHT + "\ncalls = {}\n"), most=13.5),
    Attack(SKIPPING, "claims to be correct", every("print('all correct')\nreturn True\n")
           + "import os\nos.write(1, b'score: 4/4\\n')\nos._exit(0)", "printed"),
]  # fmt: skip

# -- exhausting the machine --------------------------------------------------------------------------------------------

_exhausting = {
    "loops for ever": "while True:\n    pass",
    "loops in except BaseException": "while True:\n    try:\n        while True:\n            pass\n    except BaseException:"
    "\n        pass",
    "loops in __del__": "class Sticky:\n    def __del__(self):\n        while True:\n            pass\n"
    "sticky = Sticky()\ndel sticky",
    "loops in native code": "sum(iter(int, 1))",
    "loops in a regular expression": "import re\nre.match('(a+)+$', 'a' * 64 + 'b')",
    "loops while it ignores signals": "import signal\nfor n in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:\n"
    "    signal.signal(n, signal.SIG_IGN)\nwhile True:\n    pass",
    "loops in a thread": "import threading\ndef spin():\n    while True:\n        pass\n"
    "thread = threading.Thread(target=spin)\nthread.start()\nthread.join()",
    "sleeps for ever": "import time\nwhile True:\n    time.sleep(1)",
    "waits for a lock": "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
    "stops itself": "import signal\nsignal.raise_signal(signal.SIGSTOP)\nwhile True:\n    pass",
    "prints for ever": "while True:\n    print('x' * 10_000, flush=True)",
}
_taking = {
    "takes all the memory": "kept = bytearray(3 << 30)\nprint('through', flush=True)",
    "takes memory for a tensor": "import torch\nkept = torch.empty(1 << 30)\nprint('through', flush=True)",
    "writes a file of any size": "with open('large', 'wb') as file:\n    for _ in range(100):\n"
    "        file.write(bytes(1 << 20))\nprint('through', flush=True)",
    "writes a sparse file": "import os\nfd = os.open('sparse', os.O_CREAT | os.O_RDWR)\nos.truncate(fd, 1 << 40)\n"
    "print('through', flush=True)",
    "makes many files": "for i in range(6000):\n    open(f'file{i}', 'w').close()\nprint('through', flush=True)",
    "forks": "import os\npids = []\nfor _ in range(20):\n    pid = os.fork()\n    if pid == 0:\n        os._exit(0)\n"
    "    pids.append(pid)\nfor pid in pids:\n    os.waitpid(pid, 0)\nprint('through', flush=True)",
    "leaves a process behind": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(3)\n    os._exit(0)\n"
    "print('through', flush=True)",
    "starts a program": "import subprocess\nsubprocess.run(['/bin/true'], check=True)\nprint('through', flush=True)",
    "starts a thousand threads": "import threading\ngo = threading.Event()\nfor _ in range(1000):\n"
    "    threading.Thread(target=go.wait, daemon=True).start()\ngo.set()\nprint('through', flush=True)",
    "locks pages in memory": "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nroom = bytearray(1 << 20)\n"
    "at = ctypes.addressof(ctypes.c_char.from_buffer(room))\nassert libc.mlock(ctypes.c_void_p(at), 1 << 20) == 0\n"
    "print('through', flush=True)",
}
ENDLESS = [Attack(EXHAUSTING, name, source + "\n" + NOTHING, "patience") for name, source in _exhausting.items()]
GREEDY = [Attack(EXHAUSTING, name, NOTHING + source, "through") for name, source in _taking.items()]
