"""What users met: a test for each thing that went wrong in somebody's hands."""

from __future__ import annotations

from autograder.authoring.leaks import find_leaks


def test_a_signature_that_students_get_is_no_secret_when_a_mistake_changes_it(tmp_path):
    solutions, catalogue = tmp_path / "solutions/pytorch", tmp_path / "autograder/judging/catalogue"
    solutions.mkdir(parents=True), catalogue.mkdir(parents=True)
    given, secret = "def padding_mask(ids, pad_id=0):", "    return (ids != pad_id)[:, None, None, :]"
    (solutions / "a.py").write_text(f"{given}\n    ### BEGIN SOLUTION\n{secret}\n    ### END SOLUTION\n")
    (catalogue / "a.toml").write_text(f"replace = [['{given}', 'def f(ids, pad_id):'], ['{secret.strip()}', 'pass']]\n")
    assert find_leaks(tmp_path, {"a.py": given.encode()}) == []
    assert find_leaks(tmp_path, {"a.py": secret.encode()})
