"""Marks that several files of tests share."""

import pytest

# What has not been run as a whole yet tells how it ends and fails nobody; take the mark off when it has.
UNSEEN = pytest.mark.xfail(reason="not seen to pass as a whole yet", strict=False)
