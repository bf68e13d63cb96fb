"""JUnit XML: a suite for each part of a hand-in, a case for each check. Most CI systems read it."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from autograder.records import Result
from autograder.reporting.text import line
from autograder.writers.view import parts_of, remarks_of


def write(results: Sequence[Result]) -> str:
    """The file for any number of hand-ins. One that was not graded is a suite of one case that ended with an error."""
    root = ElementTree.Element("testsuites", name="autograder")
    for result in results:
        who = line(f"{result['student'] or result['submission']}: {result['assignment'] or '?'}")
        if result["status"] != "graded":
            suite = _suite(root, who, tests=1, errors=1)
            case = ElementTree.SubElement(suite, "testcase", classname=who, name="grading")
            ElementTree.SubElement(case, "error", message=line("; ".join(remarks_of(result)), 1000))
            continue
        for part in parts_of(result):
            counts = {
                outcome: sum(check.outcome == outcome for check in part.checks) for outcome in ("failed", "not_run")
            }
            suite = _suite(
                root, f"{who}: {part.title}", len(part.checks), failures=counts["failed"], skipped=counts["not_run"]
            )
            properties = ElementTree.SubElement(suite, "properties")
            for name, value in (("score", part.score), ("max_score", part.max_score)):
                ElementTree.SubElement(properties, "property", name=name, value=f"{value:g}")
            for mistake in part.misconceptions:
                ElementTree.SubElement(properties, "property", name="misconception", value=mistake.id)
            for check in part.checks:
                case = ElementTree.SubElement(suite, "testcase", classname=part.id, name=check.title)
                if check.outcome == "failed":
                    ElementTree.SubElement(case, "failure", message=line(check.message, 500)).text = check.message
                elif check.outcome == "not_run":
                    ElementTree.SubElement(case, "skipped", message=line(check.message, 500))
            ElementTree.SubElement(suite, "system-out").text = part.text
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(
    root: ElementTree.Element, name: str, tests: int, failures: int = 0, errors: int = 0, skipped: int = 0
) -> ElementTree.Element:
    numbers = {"tests": tests, "failures": failures, "errors": errors, "skipped": skipped}
    return ElementTree.SubElement(root, "testsuite", {"name": name, **{key: str(n) for key, n in numbers.items()}})
