"""The zip of feedback pages for a platform's bulk upload: a page for each student whose row was found."""

from __future__ import annotations

import io
import re
import zipfile

from autograder.grading.people import NO_HAND_IN
from autograder.platforms.fill import Plan
from autograder.platforms.layouts import WrongFile
from autograder.reporting.html import feedback_page

MOMENT = (1980, 1, 1, 0, 0, 0)  # a fixed date, so that the same feedback gives the same bytes


def feedback_zip(plan: Plan) -> bytes:
    """The zip with the pages of a plan's students, in the language that is chosen now, named as the platform expects.

    Raises WrongFile for a platform that has no such upload.
    """
    form = plan.sheet.layout.feedback
    if not form:
        raise WrongFile(f"{plan.sheet.layout.id} takes no zip of feedback; `autograder grade --html` writes the pages.")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for result, entry in plan.matches.pairs:
            if entry.keys and NO_HAND_IN not in result["flags"]:  # without a hand-in there is no feedback
                name = form.format(name=_harmless(entry.name), key=_harmless(entry.keys[0]))
                page = zipfile.ZipInfo(name, MOMENT)
                page.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(page, feedback_page({**result}))
    return packed.getvalue()


def _harmless(name: str) -> str:
    """A name without characters that have a meaning in paths."""
    return re.sub(r'[\x00-\x1f/\\:*?"<>|]', "_", name).strip(". ") or "_"
