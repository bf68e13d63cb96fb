"""What goes wrong around a grading: the command killed, memory used up, the gradebook locked, the clock set.

No wrong mark is written, nothing that was graded is lost, and saying the command again finishes the rest, and nothing
twice.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from nbgrader.api import Gradebook

from autograder import cli
from autograder.grading import run_folder, saved_results
from autograder.grading.grader import Grader, solution_source
from autograder.paths import ROOT
from autograder.proof.sample_class import answered
from autograder.submission.read import of_source
from course.syllabus import syllabus

SOURCE = ROOT / "source"
ONE = syllabus().assignment("self-attention-pytorch")
SOLVED = answered(SOURCE, ONE, solution_source(ONE))
SLOW = json.dumps(SOLVED).replace('"def causal_mask(', '"import time\\ntime.sleep(0.7)\\ndef causal_mask(')


def make_course(folder: Path, students: int) -> Path:
    (folder / "nbgrader_config.py").write_text(
        "from pathlib import Path\nfrom autograder.nbgrader import configure\n"
        "c = get_config()\nconfigure(c, Path(__file__).parent)\n"
    )
    shutil.copytree(SOURCE / ONE.id, folder / "source" / ONE.id)
    for i in range(students):
        place = folder / "submitted" / f"s{i}" / ONE.id
        place.mkdir(parents=True)
        (place / "self-attention.ipynb").write_text(json.dumps(SOLVED))
    return folder


def stored(course: Path) -> dict[str, dict]:
    files = (course / saved_results.FOLDER / ONE.id).glob("*.json")
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}


def command(course: Path) -> list[str]:
    return [sys.executable, "-m", "autograder.cli", "grade", str(course / "submitted"), "--jobs", "1"]


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def temporary():
    """A place for temporary files with a short name, as a system's is: pytest's own are too long for a socket."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="faults-") as folder:
        yield Path(folder)


def test_a_killed_command_goes_on_where_it_was_and_leaves_nothing_behind(tmp_path, temporary):
    (tmp_path / "course").mkdir()
    course = make_course(tmp_path / "course", 8)
    for path in (course / "submitted").rglob("*.ipynb"):
        path.write_text(SLOW)
    environment = {**os.environ, "TMPDIR": str(temporary)}
    first = subprocess.Popen(command(course), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        give_up = time.monotonic() + 120
        while len(stored(course)) < 2:
            assert first.poll() is None and time.monotonic() < give_up
            time.sleep(0.05)
        family = psutil.Process(first.pid).children(recursive=True)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    before = stored(course)
    assert 2 <= len(before) < 8 and all(result["score"] == 14 for result in before.values())
    gone, alive = psutil.wait_procs(family, timeout=20)
    assert family and not alive
    left = list(temporary.glob("autograder-*"))
    assert left  # nobody could clean up

    again = subprocess.run(command(course), env=environment, capture_output=True, text=True, timeout=200)
    assert again.returncode == 0, again.stderr
    after = stored(course)
    assert len(after) == 8 and all(result["score"] == 14 for result in after.values())
    assert {name: after[name] for name in before} == before  # with their seed: nothing was graded twice
    assert f"{len(before)} of 8 were graded before" in " ".join(again.stderr.split())
    assert not list(temporary.glob("autograder-*"))


def test_a_folder_that_somebody_works_in_stays_and_what_was_left_goes(temporary, monkeypatch):
    tmp_path = temporary
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    working = run_folder.RunFolder()
    left = tmp_path / "autograder-left"
    left.mkdir()
    (left / "lock").touch()
    (left / "deep").mkdir()
    young = tmp_path / "autograder-young"  # being made: no lock yet
    young.mkdir()
    (tmp_path / "autograder-link").symlink_to(working.path)
    assert run_folder.sweep() == [left]
    assert working.path.is_dir() and young.is_dir() and not left.exists()
    working.close()
    assert not working.path.exists()


def test_a_place_for_temporary_files_with_a_long_name_is_not_used_for_sockets(tmp_path, monkeypatch):
    deep = tmp_path / ("deep" * 20)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with Grader(jobs=1, seed=3) as grader:
        (result,) = grader.grade([of_source(ONE, solution_source(ONE))])
        assert not list(deep.iterdir())
    assert result["score"] == 14
    monkeypatch.setattr(run_folder.os, "access", lambda *_: False)
    with pytest.raises(OSError, match="set TMPDIR to one of at most"):
        run_folder.RunFolder()


# -- what has a result is not graded again ----------------------------------------------------------------------------


def grade(course: Path, capsys, *more: str) -> str:
    assert cli.main([str(a) for a in ("grade", course / "submitted", "--jobs", "1", *more)]) == 0
    return " ".join(capsys.readouterr().err.split())


def test_what_changed_is_graded_again_and_the_rest_holds(tmp_path, capsys, grader, monkeypatch):
    from autograder.grading import grader as grader_module
    from autograder.grading import result

    asked = []

    class Borrowed(Grader):
        def __init__(self, **settings) -> None:
            self.seed = settings["rules"][ONE.id].seed

        def __enter__(self):
            return self

        def __exit__(self, *_) -> None:
            pass

        def grade(self, submissions, progress):
            asked.append(sorted(s.student for s in submissions))
            graded = [{**one, "seed": self.seed} for one in grader.grade(submissions)]
            for one in graded:
                progress(one)
            return graded

    monkeypatch.setattr(grader_module, "Grader", Borrowed)
    course = make_course(tmp_path, 2)
    grade(course, capsys)
    assert "2 of 2 were graded before" in grade(course, capsys)
    changed = json.dumps(SOLVED).replace("positions[:, None] >=", "positions[:, None] >")
    (course / "submitted" / "s1" / ONE.id / "self-attention.ipynb").write_text(changed)
    assert "1 of 2 were graded before" in grade(course, capsys)
    grade(course, capsys, "--again")
    grade(course, capsys, "--seed", "5")  # other inputs than those of the results
    assert "2 of 2 were graded before" in grade(course, capsys), "the course keeps the seed"
    monkeypatch.setattr(result, "judge_digest", lambda exercise: "another judge")
    result.versions.cache_clear()
    grade(course, capsys)
    result.versions.cache_clear()
    assert asked == [["s0", "s1"], ["s1"], ["s0", "s1"], ["s0", "s1"], ["s0", "s1"]]
    assert stored(course)["s1"]["score"] < 14 == stored(course)["s0"]["score"]


def test_the_judge_is_another_when_a_hidden_test_changes(tmp_path, monkeypatch):
    from autograder.grading import result

    one, other = (syllabus().exercise(name) for name in ("self-attention", "additive-attention"))
    before = result.judge_digest(one), result.judge_digest(other)
    for folder in ("autograder", "solutions", "course"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "*.po", "*.ipynb")
        )
    monkeypatch.setattr(result, "ROOT", tmp_path)

    def now():
        result._shared_digest.cache_clear()
        return tuple(result.judge_digest.__wrapped__(exercise) for exercise in (one, other))

    assert now() == before
    path = tmp_path / "autograder" / "exercises" / "self_attention" / "hidden_tests.py"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    changed = now()
    assert changed[0] != before[0] and changed[1] == before[1], "the results of other exercises stay in force"
    shared = tmp_path / "autograder" / "judging" / "compare.py"
    shared.write_text(shared.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert all(then != after for then, after in zip(changed, now(), strict=True))
    result._shared_digest.cache_clear()


# -- the disk ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A folder with a disk of its own, of 3 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize(
    "room_kib",
    [
        pytest.param(0, id="nothing fits", marks=pytest.mark.slow),
        pytest.param(150, id="results fit", marks=pytest.mark.slow),
        pytest.param(450, id="a part of the hand-over fits"),
    ],
)
def test_a_disk_that_is_full_writes_no_wrong_mark_and_the_same_again_finishes_the_rest(small_disk, capsys, room_kib):
    course = make_course(small_disk, 3)
    left = shutil.disk_usage(small_disk).free - (room_kib << 10)
    (small_disk / "filler").write_bytes(bytes(left))
    arguments = ["grade", str(course / "submitted"), "--nbgrader", "--jobs", "1", "--csv", str(course / "m.csv")]
    status, captured = cli.main(arguments), capsys.readouterr()
    assert status == 1 and captured.out.count("14 / 14") == 3
    said = " ".join(captured.err.split())
    assert "The disk is full. Make room" in said and "Traceback" not in said and len(said) < 2000
    kept = stored(course)
    assert len(kept) == 3 * (room_kib > 0) and all(result["score"] == 14 for result in kept.values())
    for page in course.glob("feedback/*/*/*.html"):
        assert page.read_text(encoding="utf-8").rstrip().endswith("</html>")

    (small_disk / "filler").unlink()
    assert cli.main(arguments) == 0
    assert ("3 of 3 were graded before" in capsys.readouterr().err) == (room_kib > 0)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        marks = {s.student.id: s.score for s in gradebook.assignment_submissions(ONE.id)}
    assert marks == {"s0": 14, "s1": 14, "s2": 14}


# -- the gradebook, the clock -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_locked_gradebook_costs_no_result(tmp_path, capsys):
    course = make_course(tmp_path, 1)
    assert cli.main(["grade", str(course / "submitted"), "--nbgrader", "--jobs", "1"]) == 0
    lock = sqlite3.connect(course / "gradebook.db")
    lock.execute("BEGIN EXCLUSIVE")
    capsys.readouterr()
    status = cli.main(["grade", str(course / "submitted"), "--again", "--nbgrader", "--jobs", "1"])
    said = " ".join(capsys.readouterr().err.split())
    lock.rollback()
    lock.close()
    assert status == 1 and "locked" in said and "Traceback" not in said
    assert stored(course)["s0"]["score"] == 14
    assert cli.main(["grade", str(course / "submitted"), "--nbgrader", "--jobs", "1"]) == 0


def test_a_clock_that_is_set_changes_nothing(grader, monkeypatch):
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 1e7 * (os.getpid() % 2 - 0.5))
    (result,) = grader.grade([of_source(ONE, solution_source(ONE))])
    assert result["score"] == 14
    for path in (ROOT / "autograder").rglob("*.py"):  # limits are counted by clocks that nobody sets
        assert "time.time(" not in path.read_text(encoding="utf-8"), path


# -- memory -----------------------------------------------------------------------------------------------------------


@contextmanager
def memory_for_all(mib: int) -> Iterator[Callable[[], object]]:
    """What has a process enter a control group of so much memory for all; past it the kernel ends one."""
    old = Path("/sys/fs/cgroup/memory")
    group = (old if old.is_dir() else Path("/sys/fs/cgroup")) / f"autograder-test-{os.getpid()}"
    limit = group / ("memory.limit_in_bytes" if old.is_dir() else "memory.max")
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        try:
            limit.write_text(str(mib << 20))
            if (swap := group / "memory.swap.max").exists():
                swap.write_text("0")
        except OSError as error:
            pytest.skip(f"memory cannot be limited in a control group here: {error}")
        yield lambda: (group / "cgroup.procs").write_text("0")
    finally:
        for _attempt in range(100):  # until the kernel has counted its last process out
            try:
                group.rmdir()
                break
            except OSError:
                time.sleep(0.05)


def test_where_memory_runs_out_there_is_no_wrong_mark_and_the_same_again_finishes_the_rest(tmp_path, temporary):
    course = make_course(tmp_path, 3)
    path = course / "submitted" / "s1" / ONE.id / "self-attention.ipynb"
    large = "\"held = b'x' * (900 << 20)\\n\\ndef causal_mask("  # may be: a hand-in has 2 GiB
    path.write_text(json.dumps(SOLVED).replace('"def causal_mask(', large))
    environment = {**os.environ, "TMPDIR": str(temporary)}
    arguments = {"env": environment, "cwd": ROOT, "capture_output": True, "text": True}

    with memory_for_all(800) as enter:
        first = subprocess.run(command(course), preexec_fn=enter, **arguments)
    results = stored(course)
    assert [results[f"s{i}"]["score"] for i in range(3)] == [14, None, 14], first.stderr
    assert results["s1"]["status"] == "not_graded" and "the machine ran out of memory" in results["s1"]["message"]
    assert first.returncode == 1 and "1 of 3 could not be graded, for reasons outside the hand-in" in first.stderr
    second = subprocess.run(command(course), **arguments)
    assert second.returncode == 0 and "2 of 3 were graded before" in second.stderr
    assert stored(course)["s1"]["score"] == 14


def test_where_memory_is_too_short_to_start_at_all_that_is_said(tmp_path, temporary):
    course = make_course(tmp_path, 3)
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with memory_for_all(160) as enter:
        done = subprocess.run(
            command(course), preexec_fn=enter, env=environment, cwd=ROOT, capture_output=True, text=True
        )
    assert {result["status"] for result in stored(course).values()} <= {"not_graded"}
    assert done.returncode != 0 and (done.returncode < 0 or "3 of 3 could not be graded" in done.stderr)


# -- many -------------------------------------------------------------------------------------------------------------


def weight(pid: int) -> tuple[int, int, int]:
    """Memory (MiB, shared pages shared out), processes and open files of a process and all below it."""
    memory, files = 0, 0
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in family:
        try:
            memory += process.memory_full_info().pss
            files += process.num_fds()
        except psutil.NoSuchProcess:
            continue
    return memory >> 20, len(family), files


@pytest.mark.slow
def test_a_thousand_hand_ins_leave_no_trace(temporary, monkeypatch):
    tmp_path = temporary
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    source = solution_source(ONE)
    wrong = source.replace("positions[:, None] >=", "positions[:, None] >")
    crashing = source + "\nimport os\nos.abort()\n"
    kinds = [source, wrong, source, crashing]
    hand_ins = [of_source(ONE, kinds[i % 4] + f"\n# {i}\n", f"{i}.py") for i in range(1000)]
    with Grader(jobs=2, seed=3) as grader:
        for start in (0, 200, 400, 600, 800):
            results = grader.grade(hand_ins[start : start + 200])
            assert [r["score"] == 14 for r in results[:4]] == [True, False, True, False]
            assert all(r["status"] == "graded" for r in results)
            if start == 200:
                early, entries = weight(os.getpid()), len(list(tmp_path.rglob("*")))
        late = weight(os.getpid())
        assert late[0] <= early[0] * 1.1 + 20, (early, late)
        assert late[1] <= early[1] + 2 and late[2] <= early[2] + 8, (early, late)
        assert len(list(tmp_path.rglob("*"))) <= entries + 4
    assert not list(tmp_path.glob("autograder-*"))
