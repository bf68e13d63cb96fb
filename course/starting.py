"""Lets a framework start without a page of notes on standard error, and without what crashes right answers.

TensorFlow's C++ part writes to the file descriptor itself, about drivers and instruction sets, before Python can ask
it not to. In a notebook that is a red wall under the first cell. Errors are Python exceptions and come through all
the same.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STANDARD_ERROR = 2


@contextmanager
def quiet() -> Iterator[None]:
    """What is written to standard error inside is dropped; where that cannot be done, nothing is changed.

    TensorFlow, if it is loaded inside, comes without oneDNN unless the environment asks for it: with it, TensorFlow
    2.21 reads past the end of what `tf.matmul` broadcasts over four axes, which may end the kernel
    (tensorflow/tensorflow#117700). Its devices are not woken: threads and memory can still be set afterwards.
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
    """Let TensorFlow, if it is loaded, look for its devices now, and quietly.

    It would do so at the first operation, and say on standard error what it did not find. In a test cell that is more
    than ugly: nbgrader's own autograder gives no marks to a cell with anything on standard error.
    """
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None:
        with quiet():
            tensorflow.config.list_logical_devices()


def one_thread() -> None:
    """Let the framework that is loaded use one thread, where that can still be said.

    The lessons' models are tiny. To share such small sums among threads costs more than it saves, and on a machine that
    others use too the threads wait for each other: 250 small steps took 493 s with two threads at a load of 10, and
    ten times less processor time with one.
    """
    torch, tensorflow = sys.modules.get("torch"), sys.modules.get("tensorflow")
    if torch is not None:
        torch.set_num_threads(1)
    if tensorflow is not None:
        try:
            tensorflow.config.threading.set_intra_op_parallelism_threads(1)
            tensorflow.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:  # its devices are awake: then it stays as it is
            pass
