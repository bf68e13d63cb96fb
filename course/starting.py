"""Starts a framework without long messages on standard error, and without a setting that crashes right answers.

TensorFlow's C++ part writes about drivers and instruction sets to the file descriptor itself, before Python can turn
that off. In a notebook all of it appears in red under the first cell. Errors are Python exceptions and are not hidden.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STANDARD_ERROR = 2


@contextmanager
def quiet() -> Iterator[None]:
    """A context that drops what is written to standard error; where that cannot be done, nothing is changed.

    TensorFlow, if it is loaded inside, runs without oneDNN unless the environment asks for it. With oneDNN, TensorFlow
    2.21 reads past the end of what `tf.matmul` broadcasts over four axes, which may end the kernel
    (tensorflow/tensorflow#117700). Its devices are not started: threads and memory can still be set afterwards.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    try:
        before, nowhere = os.dup(STANDARD_ERROR), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # a sandbox without a null device, for example
        yield
        return
    try:
        os.dup2(nowhere, STANDARD_ERROR)
        yield
    finally:
        os.dup2(before, STANDARD_ERROR)
        os.close(before)
        os.close(nowhere)


def wake_devices() -> None:
    """Let TensorFlow, if it is loaded, look for its devices now, without messages on standard error.

    Otherwise it looks for them at the first operation, and writes to standard error what it did not find. In a test
    cell that would cost marks: nbgrader's own autograder gives none to a cell that wrote to standard error.
    """
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None:
        with quiet():
            tensorflow.config.list_logical_devices()


def one_thread() -> None:
    """Let the framework that is loaded use one thread, where that can still be set.

    The lessons' models are tiny, so more threads cost more than they save, and on a busy machine the threads wait for
    each other: 250 small steps took 493 s with two threads at a load of 10, and ten times less processor time with one.
    """
    torch, tensorflow = sys.modules.get("torch"), sys.modules.get("tensorflow")
    if torch is not None:
        torch.set_num_threads(1)
    if tensorflow is not None:
        try:
            tensorflow.config.threading.set_intra_op_parallelism_threads(1)
            tensorflow.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:  # its devices have started: then nothing changes
            pass
