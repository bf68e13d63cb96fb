"""Every attack of `attacks.py` against a naive grader, where it succeeds, and against ours, where it gains nothing.

Those that only want time and memory are slow to try, and wait for the slow suite; each wall in their way is tried alone
in `tests/test_walls.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import naive
import pytest
from attacks import ENDLESS, FOOLED, FORGED, GREEDY, NOTHING, SKIPPED, STOLEN, Attack, every
from forge import SECRET, TIGHT, Forge, said, scores

from autograder.grading.grader import Grader
from autograder.paths import ROOT
from autograder.submission.attempts import one_each
from autograder.submission.find import find
from autograder.submission.read import read

FORGE = Forge("self-attention-pytorch")
SOURCE = ROOT / "source"
PLACES = (
    str(ROOT / "solutions/self_attention/pytorch.py"),
    str(ROOT / "autograder/exercises/self_attention/hidden_tests.py"),
    "solutions.self_attention.pytorch",
)
GAINING = [*FORGED, *STOLEN, *FOOLED, *SKIPPED]
BEGINS = "print('it begins')\n"
PATIENCE = 1.0  # seconds of a naive grader for an attack that never ends


def hand_in(attack: Attack, folder: Path):
    """The attack as a notebook, with the files that lie beside it."""
    source = BEGINS + attack.at(*PLACES).replace(NOTHING, "")  # the notebook's own stubs do nothing as well
    if not attack.files:
        return FORGE.hand_in(attack.name, after=(source,))
    place = folder / "submitted" / attack.name / FORGE.assignment_id
    place.mkdir(parents=True)
    for name, text in attack.files.items():
        (place / name).write_text(text)
    plain = FORGE.hand_in(attack.name, after=(source,))
    (place / "self-attention.ipynb").write_bytes(FORGE.file(after=(source,)))
    [submission] = one_each(read(found, SOURCE) for found in find([place]))
    assert submission.content == plain.content  # the files are no part of the answer
    return submission


# -- the control -------------------------------------------------------------------------------------------------------


def by_the_naive_grader(attacks: list[Attack]) -> dict:
    """What it makes of these attacks, of nothing and of the solution; all in one process."""
    jobs = [
        {
            "name": a.name, "source": a.at("solution.py", "test_hidden.py", "solution"), "files": a.files,
            "order": a.order, "fools": a.fools, **({"patience": PATIENCE} if a.fools == "patience" else {}),
        }
        for a in attacks
    ]  # fmt: skip
    jobs += [{"name": "nothing", "source": "pass"}, {"name": "solution", "source": naive.SOLUTION}]
    done = subprocess.run(
        [sys.executable, naive.__file__], input=json.dumps(jobs), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def fooled() -> dict:
    return by_the_naive_grader(GAINING)


@pytest.fixture(scope="module")
def worn_out() -> dict:
    return by_the_naive_grader([*ENDLESS, *GREEDY])


def test_the_naive_grader_works_for_the_honest(fooled):
    plain = ("status", "printed", "file", "pipe", "failures")
    assert {fooled["solution"]["marks"][way] for way in plain} == {4}
    assert {fooled["nothing"]["marks"][way] for way in ("status", "printed", "file", "pipe")} == {0}


@pytest.mark.parametrize("attack", GAINING, ids=lambda a: a.name)
def test_a_naive_grader_is_fooled(fooled, attack):
    result = fooled[attack.name]
    if attack.fools == "secret":
        assert naive.SECRET in result["output"]
    else:
        assert result["marks"][attack.fools] > 0, (result["marks"], result["output"][-1500:])


@pytest.mark.slow
@pytest.mark.parametrize("attack", ENDLESS, ids=lambda a: a.name)
def test_a_naive_grader_waits_for_ever(worn_out, attack):
    assert not worn_out[attack.name]["ended"]


@pytest.mark.slow
@pytest.mark.parametrize("attack", GREEDY, ids=lambda a: a.name)
def test_a_naive_grader_gives_what_is_asked_for(worn_out, attack):
    assert "through" in worn_out[attack.name]["output"], worn_out[attack.name]["output"][-1000:]


# -- the same against the judge ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged(arena, tmp_path_factory) -> dict:
    """All attacks graded as one class, and the honest between them."""
    folder = tmp_path_factory.mktemp("class")
    hand_ins = [hand_in(attack, folder) for attack in GAINING]
    hand_ins[len(hand_ins) // 2 : 0] = [FORGE.hand_in("honest", "solved")]
    hand_ins += [FORGE.hand_in("honest too", "solved"), FORGE.hand_in("untouched")]
    return {result["student"]: result for _, result in arena.stream(hand_ins)}


@pytest.mark.parametrize("attack", GAINING, ids=lambda a: a.name)
def test_it_gains_nothing(judged, attack):
    result = judged[attack.name]
    assert result["status"] == "graded", result["message"]
    assert has_run(result)
    assert result["score"] <= attack.most, (scores(result), said(result)[:1000])


def has_run(result: dict) -> bool:
    """It was not left out: its cell printed, or brought the process down."""
    return any("it begins" in cell["output"] or "process" in str(cell["error"]) for cell in result["cells"])


@pytest.mark.parametrize("attack", [a for a in GAINING if a.fools == "secret"], ids=lambda a: a.name)
def test_no_secret_is_found(judged, attack):
    result = judged[attack.name]
    assert str(SECRET) not in json.dumps(result["cells"]) and str(SECRET) not in said(result)


def test_the_honest_among_them_get_their_marks(judged, arena):
    assert (judged["honest"]["score"], judged["honest too"]["score"], judged["untouched"]["score"]) == (14, 14, 0)
    assert judged["honest"]["flags"] == [] and not arena.generations  # nobody's workers had to be replaced


# -- what would take all there is --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exhausted():
    """Attacks on time and memory as one class, with an honest one last; what came of it, and how long it took."""
    limits = replace(TIGHT, cpu_seconds_per_call=0.5, cpu_seconds=6.0, wall_factor=6.0)
    hand_ins = [hand_in(attack, Path()) for attack in [*ENDLESS, *GREEDY]]
    with Grader(jobs=2, seed=SECRET, limits=limits) as grader:
        grader.grade([FORGE.hand_in("first")])  # everything is warm
        zygote = grader.start_zygote("pytorch").process.pid
        before = settled(zygote)
        started = time.monotonic()
        results = {r["student"]: r for _, r in grader.stream([*hand_ins, FORGE.hand_in("honest", "solved")])}
        seconds = time.monotonic() - started
        yield results, seconds, settled(zygote) - before, grader.generations.total()


def settled(pid: int) -> int:
    """How many children a process has, once that has been the same for a second: who has just ended is waited for."""
    seen: list[int] = []
    while len(seen) < 10 or (len(set(seen[-10:])) > 1 and len(seen) < 300):
        seen.append(len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
        time.sleep(0.1)
    return seen[-1]


@pytest.mark.slow
@pytest.mark.parametrize("attack", [*ENDLESS, *GREEDY], ids=lambda a: a.name)
def test_it_ends_as_that_students_message(exhausted, attack):
    result = exhausted[0][attack.name]
    assert result["status"] == "graded" and result["score"] == 0, result["message"]
    told = said(result) + " ".join(str(cell["error"]) for cell in result["cells"])
    assert "through" not in json.dumps([cell["output"] for cell in result["cells"]]), told
    if attack in ENDLESS:
        assert "seconds" in told, told[:500]
    else:
        assert has_run(result)


@pytest.mark.slow
def test_the_class_is_unharmed(exhausted):
    results, seconds, left, generation = exhausted
    assert results["honest"]["score"] == 14
    assert left == 0 and generation == 0  # nothing outlived its grade, and nobody's workers had to be replaced
    # Two at a time; none holds its place longer than its limit on the clock, and most end by computing time.
    assert seconds < 6.0 * 6.0 * len(results) / 2


# -- from one student to another ---------------------------------------------------------------------------------------

SHELVES = """
import os, tempfile
shelves = ['/tmp', '/var/tmp', '/dev/shm', '.', os.path.expanduser('~'), tempfile.gettempdir(),
           os.path.expanduser('~/.cache/torch'), os.path.expanduser('~/.keras'), '/run', '@SHELF@']
"""
LEAVES = (
    SHELVES
    + """
for shelf in shelves:
    try:
        os.makedirs(shelf, exist_ok=True)
        with open(os.path.join(shelf, 'for-a-friend-@MARK@'), 'w') as file:
            file.write('the answers')
    except OSError:
        pass
"""
)
FINDS = (
    SHELVES
    + """
for shelf in shelves:
    try:
        print('found', shelf, open(os.path.join(shelf, 'for-a-friend-@MARK@')).read())
    except OSError:
        pass
"""
)


def test_nothing_is_handed_on_to_the_next_student(arena, tmp_path):
    mark, shelf = str(os.getpid()), tmp_path / "shelf"
    leaves, finds = (t.replace("@MARK@", mark).replace("@SHELF@", str(shelf)) for t in (LEAVES, FINDS))
    arena.grade([FORGE.hand_in("leaves", after=(leaves,))])
    [result] = arena.grade([FORGE.hand_in("finds", after=(finds,))])
    assert "found" not in json.dumps(result["cells"])
    # The control: two processes without walls.
    environment = {**os.environ, "HOME": str(tmp_path / "home")}
    for code in (leaves, finds):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment
        )
    found = done.stdout.count("found")
    for place in ("/tmp", "/var/tmp", "/dev/shm", "/run"):
        Path(place, f"for-a-friend-{mark}").unlink(missing_ok=True)
    assert found >= 5


def test_answers_are_not_carried_out_over_the_network(arena):
    import socket

    call = (
        "import socket, urllib.request\n"
        "for go in (lambda: urllib.request.urlopen('http://127.0.0.1:{port}/marks', timeout=1),\n"
        "           lambda: socket.create_connection(('127.0.0.1', {port}), 1),\n"
        "           lambda: socket.getaddrinfo('example.org', 80) and None):\n"
        "    try:\n        go()\n    except Exception:\n        pass\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        code = call.format(port=server.getsockname()[1])
        arena.grade([FORGE.hand_in("calls", after=(code,))])
        with pytest.raises(TimeoutError):
            server.accept()
        subprocess.Popen([sys.executable, "-c", code.partition("           lambda: socket.get")[0] + "           ):\n"
                          "    try:\n        go()\n    except Exception:\n        pass\n"]).wait()  # fmt: skip
        server.accept()[0].close()


# -- the other track, where values differ ------------------------------------------------------------------------------

KERAS = {
    "is equal to all": "class Same:\n    def __eq__(self, other): return True\nmade = Same()",
    "is a variable that agrees": "class Agrees(tf.Variable):\n    def __eq__(self, other): return True\n"
    "made = Agrees(0.)",
    "is an array that agrees": "class Agrees(np.ndarray):\n    def __array_ufunc__(self, *a, **k): return np.zeros(1)\n"
    "made = np.zeros(1).view(Agrees)",
    "is a symbol": "made = keras.Input((5, 5))",
    "gives nothing at all": "made = tf.zeros((0,))",
    "gives no number": "made = tf.fill((1, 1, 1, 1), float('nan'))",
    "lets a single number broadcast": "made = tf.constant(True)",
    "is computed when it is compared": "made = tf.data.Dataset.range(3)",
    "patches TensorFlow's comparison": "tf.Tensor.__eq__ = tf.Tensor.__bool__ = lambda *a: True\nmade = tf.zeros(1)",
    "ends the process": "made = None\nimport os\nos._exit(0)",
    "reads the solution's file": f"box = {{}}\nexec(open({PLACES[0].replace('pytorch', 'tensorflow')!r}).read(), box)",
    "imports the solution": "from solutions.self_attention.tensorflow import *",
}


def test_in_tensorflow_nothing_is_gained_either(arena):
    forge = Forge("self-attention-tensorflow")
    body = "return (made, made) if symbol == 'scaled_dot_product_attention' else made"
    before = "import keras\nimport numpy as np\nimport tensorflow as tf\nmade = None\n"
    hand_ins = [forge.hand_in(n, after=(every(body, before) + source,)) for n, source in KERAS.items()]
    results = {r["student"]: r for r in arena.grade([*hand_ins, forge.hand_in("honest", "solved")])}
    assert results.pop("honest")["score"] == 14
    assert {(r["status"], r["score"]) for r in results.values()} == {("graded", 0)}, {
        n: r["score"] for n, r in results.items()
    }
