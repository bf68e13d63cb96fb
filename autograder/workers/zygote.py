"""The zygote: a process that has imported a track's framework; contestants and the reference are its forks.

    python -m autograder.workers.zygote TRACK DIRECTORY DEVICE CHECKPOINT [PACKAGE ...]

It listens on `DIRECTORY/zygote.sock` until its standard input ends. The packages are what answers import besides the
framework. CHECKPOINT, which may be empty, is the folder of the run's pre-trained BERT; contestants may read it. The
zygote has run no operation of the framework, so its forks inherit no thread pool and no GPU context. It knows nothing
that a contestant must not know: no test, no seed, no solution. The first frame on a connection says what to fork:

    {"fork": "contestant", "limits": {...}, "device": "cpu", "without": []}    a keeper and, in the jail, a contestant
    {"fork": "reference", "path": "..."}                                      a server for trusted code at that path
"""

from __future__ import annotations

import gc
import importlib
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from autograder.submission.imports import CARRIERS
from autograder.workers import forkserver, harness, jail, wire
from autograder.workers.adapter import Adapter
from autograder.workers.importing import hold_to_the_list
from autograder.workers.landlock import Doors, library_paths
from autograder.workers.reference import Reference
from course.syllabus import Limits

DEVICES = ("/dev/null", "/dev/urandom", "/dev/random")  # not /dev/zero: if it is mapped, no limit counts the memory
# What answers of any exercise may import of the course. It is imported here because none of it can be opened in the
# sandbox.
COURSE = (
    *(
        "course",
        "course.alignment",
        "course.answers",
        "course.behaviour",
        "course.checks",
        "course.data.news",
        "course.data.numbers",
        "course.expectations",
        "course.explorer",
    ),
    *("course.figures", "course.frameworks", "course.i18n", "course.models.attention", "course.models.masked_lm"),
    *("course.models.tiny", "course.plots", "course.quizzes", "course.report", "course.starting", "course.syllabus"),
)
FRAMEWORKS = {"pytorch": ("torch",), "tensorflow": ("tensorflow", "keras")}
GPU_DEVICES = (
    "/dev/nvidiactl",
    "/dev/nvidia-uvm",
    "/dev/nvidia-uvm-tools",
    "/dev/nvidia-caps",
    *(f"/dev/nvidia{i}" for i in range(16)),
)
GPU_FILES = (
    "/proc/driver/nvidia",
    "/proc/devices",
    "/proc/sys/vm/mmap_min_addr",
    "/sys/bus/pci",
    "/etc/nvidia",
    "/usr/share/nvidia",
    "/usr/local/nvidia",
    "/usr/local/cuda",
)


def main(track: str, directory: str, device: str, checkpoint: str = "", *packages: str) -> None:
    """The zygote of a track, until its standard input ends; the arguments are those of the command line above."""
    # It listens before the slow imports, so that a connection made early waits instead of failing.
    server = forkserver.listen(str(Path(directory, "zygote.sock")))
    if device == "cpu":  # a framework that sees a GPU starts threads, and then the process cannot be forked
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    adapter = importlib.import_module(f"autograder.workers.{track}").Adapter(device, packages, checkpoint)
    for module in COURSE:
        importlib.import_module(module)
    adapter.warm_up()
    # File by file, because a hub's cache has links to files elsewhere.
    model = [Path(checkpoint), *(file.resolve() for file in Path(checkpoint).iterdir())] if checkpoint else []
    extra = [*(GPU_FILES if device == "cuda" else ()), *model]
    # A library that loads checkpoints imports others when it needs them.
    closed = () if packages else CARRIERS
    doors = Doors([*library_paths(closed), *extra], [*DEVICES, *(GPU_DEVICES if device == "cuda" else ())])
    scratch_root = Path(directory, "scratch")
    scratch_root.mkdir(mode=0o700)
    namespaces_granted = jail.namespaces_granted()
    if len(os.listdir("/proc/self/task")) > 1:
        print(f"autograder: the {track} zygote has threads and cannot be forked safely", file=sys.stderr)
    # Every child shares what is alive now: keep the collector from touching, and so copying, its pages.
    gc.collect()
    gc.freeze()

    own = [*FRAMEWORKS[track], *packages]

    def handle(connection: socket.socket) -> None:
        request, _ = wire.receive(connection)
        if request["fork"] == "reference":
            serve_reference(connection, request["path"], adapter)
        else:
            if not namespaces_granted:
                request["without"].append("namespaces")
            keep(connection, request, adapter, doors, scratch_root, own)

    forkserver.serve(server, handle)


def serve_reference(connection: socket.socket, path: str, adapter: Adapter) -> None:
    """Serve trusted code at `path` until the connection that asked for it closes."""
    jail.die_with_parent()
    server = forkserver.listen(path)
    wire.send(connection, {"ready": True})
    server_of_code = Reference(adapter)
    clients: list[socket.socket] = []
    while True:
        ready, _, _ = select.select([connection, server, *clients], [], [])
        if connection in ready:
            return
        if server in ready:
            clients.append(server.accept()[0])
        for client in [c for c in ready if c in clients]:
            try:
                client.sendall(server_of_code.answer(*wire.receive(client, caps=wire.Caps(header=64 << 20))))
            except (wire.WireError, OSError):
                clients.remove(client)
                client.close()


def keep(
    control: socket.socket,
    request: wire.Header,
    adapter: Adapter,
    doors: Doors,
    scratch_root: Path,
    own: Sequence[str],
) -> None:
    """The keeper: fork the contestant into its jail, kill it when the judge says so or goes away, report how it ended.

    The report is {"code": exit code, "cpu": seconds, "rss_kb": KiB}.
    """
    jail.die_with_parent()
    without = frozenset(request["without"])
    limits = Limits(**request["limits"])
    judge_end, contestant_end = socket.socketpair()
    namespaces = "namespaces" not in without and jail.enter_namespaces(request["device"])
    scratch, private = str(scratch_root), None
    if not (namespaces and jail.mount_scratch(scratch, limits.scratch_mb)):
        scratch = private = tempfile.mkdtemp(dir=scratch_root)
    try:
        pid = os.fork()
        if pid == 0:
            control.close()
            judge_end.close()
            forkserver.run_child(
                lambda: contestant(contestant_end, request, adapter, doors, scratch, ["namespaces"] * namespaces, own)
            )
        contestant_end.close()
        socket.send_fds(control, [b"k"], [judge_end.fileno()])
        judge_end.close()
        wire.send(control, {"pid": pid})
        process = os.pidfd_open(pid)
        ends: list[socket.socket | int] = [control, process]
        ready, _, _ = select.select(ends, [], [])
        if process not in ready:  # the judge asks for it, or has ended
            os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        wire.send(control, {"code": code, "cpu": usage.ru_utime + usage.ru_stime, "rss_kb": usage.ru_maxrss})
    except wire.Closed:
        pass  # the judge did not wait for the report
    finally:
        if private:
            shutil.rmtree(private, ignore_errors=True)


def contestant(
    sock: socket.socket,
    request: wire.Header,
    adapter: Adapter,
    doors: Doors,
    scratch: str,
    walls: list[str],
    own: Sequence[str],
) -> None:
    """The contestant: put up the walls, say which ones stand, then serve. `own`: see `submission.imports.listed`.

    An error before any of the answer has run is the machine's fault. The judge is told, and it is raised again.
    """
    jail.die_with_parent()
    jail.first_to_go()
    limits, device, without = Limits(**request["limits"]), request["device"], frozenset(request["without"])
    try:
        walls += jail.lock_in(doors, scratch, {sock.fileno()}, limits, device, without)
        adapter.start(limits.gpu_memory_mb)
        if device == "cuda" and "limits" not in without:
            jail.limit_memory(limits, device)
    except Exception as error:
        wire.send(sock, {"failed": f"{type(error).__name__}: {error}"})
        raise
    wire.send(sock, {"walls": walls})
    hold_to_the_list(own)
    harness.serve(sock, adapter, limits.output_kb << 10)


if __name__ == "__main__":
    main(*sys.argv[1:])
