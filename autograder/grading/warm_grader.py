"""A grader in a separate process that keeps its workers, for nbgrader, which grades one notebook at a time.

`grade_one` starts it at its first call in a process, and it ends with that process. Requests and replies are lines of
JSON over pipes, so that it can be used from any thread of a server in which an event loop runs.

    python -m autograder.grading.warm_grader SOURCE_ROOT
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autograder.records import Result
from autograder.settings.types import NO_RULES, Rules

_lock = threading.Lock()
_processes: dict[str, subprocess.Popen[str]] = {}


def grade_one(
    notebook: dict[str, Any], assignment: str, student: str, source_root: Path | None = None, rules: Rules = NO_RULES
) -> Result:
    """The result of one notebook, which is JSON data in nbformat 4. Raises RuntimeError where none comes."""
    root = str(source_root) if source_root else ""
    asked = {"notebook": notebook, "assignment": assignment, "student": student, "rules": asdict(rules)}
    request = json.dumps(asked)
    with _lock:
        for _ in range(2):  # a service that was killed is started once more
            process = _processes.get(root)
            if process is None or process.poll() is not None:
                process = _processes[root] = _start(root)
            try:
                line = _asked(process, request)
            except OSError:
                line = ""
            if line:
                reply = json.loads(line)
                if "error" in reply:
                    raise RuntimeError(reply["error"])
                return reply["result"]
            _processes.pop(root).kill()
    raise RuntimeError("the grading service ended without an answer")


def _asked(process: subprocess.Popen[str], request: str) -> str:
    """The line that a service replies; empty if the service has ended. Raises OSError if it cannot take the request."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(request + "\n")
    process.stdin.flush()
    return process.stdout.readline()


def _start(root: str) -> subprocess.Popen[str]:
    if os.environ.get(OPTIONS["isolation"]) == "none":
        print(WITHOUT_WALLS, file=sys.stderr, flush=True)
    options = [f"--{name}={os.environ[key]}" for name, key in OPTIONS.items() if os.environ.get(key)]
    arguments = [sys.executable, "-P", "-m", "autograder.grading.warm_grader", root, *options]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")


OPTIONS = {
    "isolation": "AUTOGRADER_ISOLATION",
    "device": "AUTOGRADER_DEVICE",
    "checkpoint": "AUTOGRADER_CHECKPOINT",
}
WITHOUT_WALLS = (
    "WARNING: AUTOGRADER_ISOLATION=none is set. Students' code runs without the sandbox: it can read and change your "
    "files and use the network. Unset AUTOGRADER_ISOLATION, unless you trust every hand-in."
)


@atexit.register
def close() -> None:
    """End the services of this process."""
    for process in _processes.values():
        try:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            process.kill()
    _processes.clear()


class _Service:
    """A grader that is replaced when the rules of an assignment change."""

    def __init__(self, root: str, settings: dict[str, Any]) -> None:
        from autograder.grading.grader import Grader

        self.settings, self.source_root = settings, Path(root) if root else None
        self.grader = Grader(jobs=1, source_root=self.source_root, **settings).__enter__()

    def result(self, request: dict[str, Any]) -> Result:
        from autograder.grading.grader import Grader
        from autograder.grading.saved_results import from_notebook

        assignment, told = request["assignment"], request["rules"]
        rules, known = Rules(**{**told, "void": tuple(told["void"])}), dict(self.grader.rules)
        if known.setdefault(assignment, rules) != rules:
            self.close()
            known[assignment] = rules
            self.grader = Grader(jobs=1, source_root=self.source_root, **self.settings).__enter__()
        self.grader.rules = known
        submission = from_notebook(request["notebook"], assignment, request["student"], self.grader.source_root)
        return self.grader.grade([submission])[0]

    def close(self) -> None:
        self.grader.__exit__()


def main(root: str, *options: str) -> None:
    """Run the service: reply with a result or an error to each request on standard input, until that ends.

    `root` is the folder of source notebooks, or empty; `options` are `--name=value` for settings of the Grader.
    """
    settings: dict[str, Any] = dict(option.removeprefix("--").split("=", 1) for option in options)
    answers, sys.stdout = sys.stdout, sys.stderr  # so that only replies go into the pipe
    service = _Service(root, settings)
    try:
        for line in sys.stdin:
            try:
                reply: dict[str, Any] = {"result": service.result(json.loads(line))}
            except Exception as error:  # noqa: BLE001 - the service goes on with the next one
                reply = {"error": f"{type(error).__name__}: {error}"}
            answers.write(json.dumps(reply) + "\n")
            answers.flush()
    finally:
        service.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
