"""Marks that several files of tests share, and what they go by."""

import pytest

# What has not been run as a whole yet tells how it ends and fails nobody; take the mark off when it has.
UNSEEN = pytest.mark.xfail(reason="not seen to pass as a whole yet", strict=False)

# Exercises whose tests, hidden and visible, train models: seconds a hand-in.
TRAINING = ("transformer-encoder", "encoder-decoder", "bert-finetuning")
