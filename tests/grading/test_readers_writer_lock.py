"""The lock that hand-ins hold together, or one of them alone."""

from __future__ import annotations

import threading
import time

from autograder.grading.readers_writer_lock import ReadersWriterLock


def test_one_alone_waits_for_the_others_and_comes_before_those_after_it():
    lock, order = ReadersWriterLock(), []

    def alone() -> None:
        with lock.exclusive():
            order.append("alone")

    def beside() -> None:
        with lock.shared():
            order.append("beside")

    with lock.shared(), lock.shared():
        first = threading.Thread(target=alone)
        first.start()
        time.sleep(0.1)
        second = threading.Thread(target=beside)
        second.start()
        time.sleep(0.1)
        assert order == []
    first.join(10)
    second.join(10)
    assert order == ["alone", "beside"]
    with lock.shared():  # nothing is left held
        pass
