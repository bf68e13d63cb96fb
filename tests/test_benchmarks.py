"""The benchmarks run, at a small size, and write what they measured: their numbers are looked at by people."""

from __future__ import annotations

import json

import pytest

from benchmarks import finetuning, news


@pytest.mark.slow
def test_the_cost_of_a_fine_tuning_with_a_checkpoint_made_for_it(tmp_path, monkeypatch):
    """What measures BERT-base on a GPU, here with one layer of width 64 on the CPU; two contestants at once."""
    import os

    cores = os.sched_getaffinity(0)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    try:
        small = ["--made", "1x64", "--track", "pytorch", "--submissions", "2", "--rounds", "1", "--jobs", "2"]
        finetuning.main([*small, "--skip-nbgrader", "--output", str(tmp_path)])
    finally:
        os.sched_setaffinity(0, cores)
    [row] = json.loads((tmp_path / "finetuning.json").read_text())
    assert (row["track"], row["checkpoint"], row["jobs"]) == ("pytorch", "made, 1x64", 2)
    assert len(row["bare"]) == len(row["graded"]) == 1 and row["bare"][0] > 0 and row["graded"][0] > 0
    # Everything is judged; a checkpoint of random numbers is worth no more than another model of random numbers.
    assert len(row["marks"]) == 2 and min(row["marks"]) >= 9


@pytest.mark.slow
def test_what_pre_training_is_worth(tmp_path, capsys):
    """On generated stories and on a CSV file in AG News's form."""
    from course.data.news import generate

    for name, seed in (("train.csv", 1), ("test.csv", 2)):
        rows = [f'"{s.label}","{s.title}","{s.description}"\n' for s in generate(2_100 if seed == 1 else 200, seed)]
        (tmp_path / name).write_text("".join(rows))
    file = tmp_path / "news.json"
    options = ["--labelled", "64", "--seeds", "1", "--held-out", "200"]
    news.main([*options, "--ag-news", str(tmp_path), "--json", str(file)])
    found = {(row["data"], row["way"], row["labelled"]): row["accuracies"][0] for row in json.loads(file.read_text())}
    for data in ("generated", "AG News"):
        assert found[data, "pre-trained", 64] > found[data, "from random weights", 64]
    assert "AG News" in capsys.readouterr().out
