"""A grader in a process of its own that stays warm: for nbgrader, which asks for one notebook at a time.

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
from pathlib import Path
from typing import Any

from autograder.records import Result

_lock = threading.Lock()
_processes: dict[str, subprocess.Popen[str]] = {}


def grade_one(notebook: dict[str, Any], assignment: str, student: str, source_root: Path | None = None) -> Result:
    """The result of one notebook, which is JSON data in nbformat 4. Raises RuntimeError where none comes."""
    root = str(source_root) if source_root else ""
    request = json.dumps({"notebook": notebook, "assignment": assignment, "student": student})
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
    """The line that a service answers; empty where it has ended. Raises OSError where it takes no request."""
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


def main(root: str, *options: str) -> None:
    """The service: a result, or an error, for each request on standard input, until that ends.

    `root` is the folder of source notebooks, or empty; `options` are `--name=value` for settings of the Grader.
    """
    from autograder.grading.grader import Grader
    from autograder.grading.saved_results import from_notebook

    settings: dict[str, Any] = dict(option.removeprefix("--").split("=", 1) for option in options)
    answers, sys.stdout = sys.stdout, sys.stderr  # nothing but replies on the pipe
    with Grader(jobs=1, source_root=Path(root) if root else None, **settings) as grader:
        for line in sys.stdin:
            try:
                request = json.loads(line)
                submission = from_notebook(
                    request["notebook"], request["assignment"], request["student"], grader.source_root
                )
                reply: dict[str, Any] = {"result": grader.grade([submission])[0]}
            except Exception as error:  # noqa: BLE001 - the service goes on with the next one
                reply = {"error": f"{type(error).__name__}: {error}"}
            answers.write(json.dumps(reply) + "\n")
            answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
