"""The processes of a run: each is started once, and nobody waits for the start of what they do not need."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from autograder.grading import references, worker_pool
from autograder.grading.processes import NotStarted
from autograder.grading.worker_pool import WorkerPool, workshop_of
from autograder.settings.types import Rules
from course.syllabus import syllabus

QUICK = syllabus().assignment("self-attention-pytorch")
SLOW = syllabus().assignment("self-attention-tensorflow")


class FakeProcess:
    """A process that serves at once, but for a TensorFlow zygote, which waits for `go_on`."""

    made: list[FakeProcess]
    go_on: threading.Event
    connecting: threading.Event

    def __init__(self, arguments, path, log) -> None:
        self.name, self.path, self.closed, self.lines = log.stem, path, False, []
        self.made.append(self)

    def connect(self) -> socket.socket:
        if self.name == "tensorflow":
            self.connecting.set()
            assert self.go_on.wait(30)
        here, there = socket.socketpair()
        worker_pool.wire.send(there, {})  # the reply to whatever is asked
        self.lines.append(there)
        return here

    def send_line(self, line: str) -> None:
        self.lines.append(line)

    def explain_end(self) -> str:
        return "it ended"

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def pool(tmp_path, monkeypatch):
    monkeypatch.setattr(worker_pool, "ServerProcess", FakeProcess)
    monkeypatch.setattr(references, "sources_of", lambda assignment: {})
    monkeypatch.setattr(FakeProcess, "made", [], raising=False)
    monkeypatch.setattr(FakeProcess, "go_on", threading.Event(), raising=False)
    monkeypatch.setattr(FakeProcess, "connecting", threading.Event(), raising=False)
    pool = WorkerPool(
        tmp_path,
        rules_of=lambda assignment: Rules(seed=1),
        device="cpu",
        without=(),
        limits=None,
        checkpoint="bert-mini",
    )
    yield pool
    FakeProcess.go_on.set()
    pool.close()
    deadline = time.monotonic() + 10  # what was still starting is closed by the thread that started it
    while not all(process.closed for process in FakeProcess.made) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert all(process.closed for process in FakeProcess.made)


def in_a_thread(call, *arguments):
    """The thread, and where its outcome will be."""
    outcome: list = []

    def run() -> None:
        try:
            outcome.append(call(*arguments))
        except Exception as error:  # noqa: BLE001 - looked at by the test
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, outcome


def test_a_reference_that_starts_slowly_holds_up_nobody_else(pool):
    judge = pool.start_judge(QUICK)
    slow, _ = in_a_thread(pool.start_judge, SLOW)
    assert FakeProcess.connecting.wait(30)
    warm, outcome = in_a_thread(pool.start_judge, QUICK)
    warm.join(10)
    assert outcome == [judge] and slow.is_alive()


def test_many_that_ask_at_once_get_the_same_process(pool):
    threads = [in_a_thread(pool.start_judge, SLOW) for _ in range(5)]
    assert FakeProcess.connecting.wait(30)
    FakeProcess.go_on.set()
    for thread, _ in threads:
        thread.join(30)
    assert len({id(outcome[0]) for _, outcome in threads}) == 1
    assert sorted(process.name for process in FakeProcess.made) == [SLOW.id, "tensorflow"]


def test_what_is_replaced_while_it_starts_is_closed_and_used_by_nobody(pool):
    thread, outcome = in_a_thread(pool.start_judge, SLOW)
    assert FakeProcess.connecting.wait(30)
    pool.restart(workshop_of(SLOW), 0)
    FakeProcess.go_on.set()
    thread.join(30)
    assert isinstance(outcome[0], NotStarted) and pool.generations[workshop_of(SLOW)] == 1
    assert all(process.closed for process in FakeProcess.made)
    assert pool.judges == {} and pool.zygotes == {}
    judge = pool.start_judge(SLOW)
    assert pool.judges == {SLOW.id: judge} and not judge.closed


def test_a_workshop_is_replaced_once_by_those_who_saw_the_same_failure(pool):
    pool.start_judge(QUICK)
    for _ in range(3):
        pool.restart(workshop_of(QUICK), 0)
    assert pool.generations[workshop_of(QUICK)] == 1


def test_what_could_not_be_started_is_tried_again(pool, monkeypatch):
    def unfit(assignment):
        raise ValueError("unfit")

    with monkeypatch.context() as patch:
        patch.setattr(references, "sources_of", unfit)
        with pytest.raises(ValueError, match="unfit"):
            pool.start_judge(QUICK)
    assert [process.closed for process in FakeProcess.made if process.name == QUICK.id] == [True]
    assert pool.start_judge(QUICK) is pool.judges[QUICK.id]
