"""Hand-made results of a small class: every case that a report has to show, in the format of `result.schema.json`."""

from __future__ import annotations

import math

HOSTILE = "<script>alert(1)</script>\x1b[31mred\x1b[0m \x1b]0;title\x07 \u202ereversed"

PARTS = {
    "scaled-dot-product": ("scaled_dot_product_attention", "Scaled dot-product attention", 6.0),
    "padding-mask": ("padding_mask", "The padding mask", 3.0),
    "causal-mask": ("causal_mask", "The causal mask", 3.0),
    "combine-masks": ("combine_masks", "Combining masks", 2.0),
}
TESTS = {
    "scaled-dot-product": [
        ("test_shapes", "The output and the weights have the right shapes.", 1.0),
        ("test_values", "The output and the weights agree with the formula.", 2.0),
        ("test_masked", "Masked keys get no attention.", 2.0),
        ("test_gradients", "Gradients flow to query, key and value.", 1.0),
    ],
    "padding-mask": [
        ("test_shape", "The mask has the shape (batch, 1, keys).", 1.0),
        ("test_values", "The mask is True exactly where there is a token.", 2.0),
    ],
    "causal-mask": [
        ("test_values", "No position sees a later one.", 2.0),
        ("test_one", "One position sees itself.", 1.0),
    ],
    "combine-masks": [("test_both", "A key is visible only where both masks say so.", 1.0)],
}


def softmax(rows):
    exps = [[math.exp(v) for v in row] for row in rows]
    return [[v / sum(row) for v in row] for row in exps]


def weights(transposed=False):
    scores = [[math.sin(1.7 * i + 0.9 * j) * 1.6 for j in range(7)] for i in range(5)]
    if not transposed:
        return softmax(scores)
    return [list(row) for row in zip(*softmax([list(c) for c in zip(*scores, strict=True)]), strict=True)]


def result(student="ann", assignment="self-attention-pytorch", fail=(), **changes):
    """A graded hand-in; `fail` holds (part, test) pairs, or parts that fail altogether."""
    parts = []
    for part_id, (symbol, title, most) in PARTS.items():
        whole = sum(share for _n, _t, share in TESTS[part_id])
        tests, score, broken = [], 0.0, False
        for name, what, share in TESTS[part_id]:
            failed = part_id in fail or (part_id, name) in fail
            outcome = "not_run" if broken else "failed" if failed else "passed"
            broken |= failed and name.startswith("test_shape")
            score += most * share / whole * (outcome == "passed")
            message = {
                "failed": "weights (batch, query, key): 31 of 35 values differ, the largest difference is 0.41.",
                "not_run": "Not checked, because “The shapes are right” did not pass.",
            }.get(outcome)
            tests.append(
                {
                    "name": name,
                    "title": what,
                    "outcome": outcome,
                    "message": message,
                    "share": share,
                    "misconception": None,
                    "picture": None,
                }
            )
        parts.append(
            {
                "id": part_id,
                "symbol": symbol,
                "title": title,
                "score": round(score, 4),
                "max_score": most,
                "misconception": None,
                "tests": tests,
            }
        )
    exercise, _dash, track = assignment.rpartition("-")
    return {
        "submission": f"submitted/{student}/{assignment}/{exercise}.ipynb", "student": student,
        "assignment": assignment, "exercise": exercise, "track": track, "status": "graded", "message": None,
        "score": sum(p["score"] for p in parts), "max_score": 14.0, "flags": [], "remarks": [],
        "cells": [{"grade_id": f"answer-{p}", "label": f"cell {3 * i + 3}", "output": "", "error": None}
                  for i, p in enumerate(PARTS)],
        "parts": parts, "seed": 123, "seconds": 0.21, "content": "0" * 64,
        "versions": {"autograder": "0.1.0", "python": "3.11.4", "torch": "2.13.0"},
        "isolation": "full", "device": "cpu",
        **changes,
    }  # fmt: skip


def mix_up(student, assignment="self-attention-pytorch"):
    """A partial hand-in with a named misconception, a picture and remarks."""
    made = result(student, assignment, fail=[("scaled-dot-product", "test_values"), ("padding-mask", "test_shape")])
    part = made["parts"][0]
    part["misconception"] = {
        "id": "softmax-over-queries", "title": "Softmax over the queries",
        "hint": "Each query shares out its attention over the keys, so the weights of a query sum to one: "
                "normalise along the last axis, `dim=-1`.",
    }  # fmt: skip
    part["tests"][1] |= {
        "misconception": "softmax-over-queries",
        "picture": {"kind": "heatmaps", "title": "Attention weights", "rows": "query", "columns": "key",
                    "yours": weights(transposed=True), "expected": weights()},
    }  # fmt: skip
    made["remarks"] = ["Cells of the exercise that were missing in your notebook were put back.",
                       "`padding_mask` was found in cell 9, which is not its own."]  # fmt: skip
    made["flags"] = ["restored-cells", "moved-answers"]
    made["cells"][0]["output"] = "tensor([[0.1, 0.9]])\n" * 4
    return made


def broken(student, assignment="self-attention-pytorch"):
    """Nothing passes: the answer raises."""
    made = result(student, assignment, fail=PARTS, flags=["exception"])
    for part in made["parts"]:
        for test in part["tests"]:
            if test["outcome"] == "failed":
                test["message"] = f"`{part['symbol']}` is not defined: did the cell run?"
    made["cells"][0] |= {"output": HOSTILE, "error": "NameError: name 'troch' is not defined (line 3)"}
    made["parts"][1]["tests"][0]["picture"] = {
        "kind": "heatmaps", "title": HOSTILE, "rows": HOSTILE, "columns": "key", "yours": [[1, None, float("nan")]],
        "expected": [[-1.0, 0.5, 2]],
    }  # fmt: skip
    return made


def not_graded(student, message="This file is not a notebook: it ends in the middle (line 41)."):
    return result(student, status="not_graded", score=None, message=message, parts=[], cells=[])


def a_class():
    odd = ["../../etc/passwd", "Åse Ærø 🤖", "a/b", "a b", "A B", "=cmd|' /C calc'!A0", HOSTILE]
    return [
        result("ann"), mix_up("bo"), mix_up("clara"), broken("dan"), not_graded("eva"),
        result("finn", fail=["causal-mask"]), mix_up("gry", "self-attention-tensorflow"),
        result("ann", "self-attention-tensorflow", fail=["combine-masks"]),
        *(result(name, fail=[("causal-mask", "test_one")]) for name in odd),
    ]  # fmt: skip
