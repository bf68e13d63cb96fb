"""Diagrams of attention with the numbers of the lessons' worked examples: one head, and two heads side by side."""

from __future__ import annotations

import math

import numpy as np

from course.diagrams.svg import SMALL, WIDTH, Canvas, Diagram, number, vector
from course.i18n import _


def weigh(query: np.ndarray, keys: np.ndarray, values: np.ndarray) -> tuple[list[float], ...]:
    """Attention of one query (Dk,), keys (S, Dk) and values (S, Dv).

    Returns: dot products (S,), scores (S,), weights (S,), output (Dv,).
    """
    products = keys @ query
    scores = products / math.sqrt(len(query))
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    return products.tolist(), scores.tolist(), weights.tolist(), (weights @ values).tolist()


def attention() -> Diagram:
    """The worked example of the exercise on self-attention, from the query to the output."""
    query, values = np.array([2.0, 0, 0, 0]), np.array([[4.0, 0], [8, 4]])
    keys = np.array([[math.log(3), 0, 0, 0], [0, 1, 0, 0]])
    products, scores, weights, output = weigh(query, keys, values)
    width, root = len(query), math.sqrt(len(query))
    canvas, places = Canvas(_("Attention: one query, two keys")), (112, 328)
    wide, tall, step = 190, 36, 66

    canvas.box(WIDTH / 2 - 100, 54, 200, tall, _("query {vector}").format(vector=vector(query)), "norm")
    for n, (x, key) in enumerate(zip(places, keys, strict=True)):
        canvas.arrow([(WIDTH / 2, 54 + tall), (x, 118)])
        said = _("key {number}: {vector}").format(number=n + 1, vector=vector(key))
        canvas.box(x - wide / 2, 118, wide, tall, said, "recurrent")
    rows = [
        (_("1. dot product"), products, "plain"),
        (_("2. divide by √{width} = {root}").format(width=width, root=number(root)), scores, "plain"),
        (_("3. softmax"), weights, "attention"),
    ]
    top = 118
    for label, numbers, kind in rows:
        for x, value in zip(places, numbers, strict=True):
            canvas.arrow([(x, top + tall), (x, top + step)])
            share = value if kind == "attention" else 1.0
            canvas.box(x - wide / 2, top + step, wide, tall, number(value), kind, bold=True, share=share)
        canvas.text(WIDTH / 2, top + (tall + step) / 2, label, kind="soft")
        top += step
    for n, (x, value) in enumerate(zip(places, values, strict=True)):
        canvas.arrow([(x, top + tall), (x, top + step)])
        said = _("value {number}: {vector}").format(number=n + 1, vector=vector(value))
        canvas.box(x - wide / 2, top + step, wide, tall, f"{number(weights[n])} · {vector(value)}", "network")
        canvas.text(x, top + step + tall + 13, said, SMALL, "soft")
    canvas.text(WIDTH / 2, top + (tall + step) / 2, _("4. times the values"), kind="soft")
    top += step + 26
    for x in places:
        canvas.arrow([(x, top + tall), (WIDTH / 2 + (x - WIDTH / 2) / 3, top + step)])
    canvas.text(WIDTH / 2, top + (tall + step) / 2 - 4, _("5. sum"), kind="soft")
    said = _("output {vector}").format(vector=vector(output))
    canvas.box(WIDTH / 2 - 100, top + step, 200, tall, said, "norm", bold=True)
    return canvas.finish(
        top + step + tall + 20,
        [
            _("The query {query} meets two keys, {first} and {second}").format(
                query=vector(query), first=vector(keys[0]), second=vector(keys[1])
            ),
            _("The dot products are {first} and {second}").format(
                first=number(products[0]), second=number(products[1])
            ),
            _("Divided by the root of {width} they are the scores {first} and {second}").format(
                width=width, first=number(scores[0]), second=number(scores[1])
            ),
            _("The softmax makes the weights {first} and {second}").format(
                first=number(weights[0]), second=number(weights[1])
            ),
            _("With them the values {first} and {second} give the output {output}").format(
                first=vector(values[0]), second=vector(values[1]), output=vector(output)
            ),
        ],
    )


def heads() -> Diagram:
    """The worked example of the exercise on multi-head attention: split, attend, merge. Each head has one column."""
    query, keys = np.array([math.log(3), 0]), np.array([[1.0, 5], [0, 7]])
    values, kinds = np.array([[4.0, 10], [8, 20]]), ("attention", "network")
    canvas, places = Canvas(_("Two heads: split, attend, merge")), (112, 328)
    cell, tall = 52, 28

    def matrix(x: float, y: float, label: str, table: np.ndarray) -> None:
        canvas.text(x + cell, y - 12, label, SMALL, "soft")
        for row, numbers in enumerate(table):
            for column, value in enumerate(numbers):
                canvas.box(x + column * cell, y + row * tall, cell, tall, number(value), kinds[column], SMALL)

    for x, label, table in ((30, _("query"), query[None]), (168, _("keys"), keys), (306, _("values"), values)):
        matrix(x, 76, label, table)
    canvas.text(WIDTH / 2, 150, _("1. split: each head takes its columns"), kind="soft")
    results, told, below = [], [], 304
    for head, (x, kind) in enumerate(zip(places, kinds, strict=True)):
        q, k, v = query[head], keys[:, head], values[:, head]
        _products, scores, weights, (result,) = weigh(np.array([q]), k[:, None], v[:, None])
        results.append(result)
        canvas.arrow([(WIDTH / 2 + (x - WIDTH / 2) / 2, 162), (x, 186)])
        canvas.box(x - 98, 186, 196, 118, "", kind)
        canvas.text(x, 203, _("head {number}").format(number=head), bold=True)
        canvas.text(x, 225, f"q = {vector([q])}   k = {vector(k)}", SMALL)
        canvas.text(x, 245, _("scores {vector}").format(vector=vector(scores)), SMALL)
        canvas.text(x, 265, _("weights {vector}").format(vector=vector(weights)), SMALL)
        parts = [f"{number(w)} · {number(value)}" for w, value in zip(weights, v, strict=True)]
        canvas.text(x, 287, f"{' + '.join(parts)} = {number(result)}", SMALL, bold=True)
        canvas.arrow([(x, below), (WIDTH / 2 + (2 * head - 1) * cell / 2, below + 52)])
        told.append(
            _("Head {number} has the scores {scores}, hence the weights {weights}, and gives {result}").format(
                number=head, scores=vector(scores), weights=vector(weights), result=number(result)
            )
        )
    canvas.lines(16, 334, _("2. attend, each by itself"), 100, kind="soft", anchor="start")
    for head, (result, kind) in enumerate(zip(results, kinds, strict=True)):
        canvas.box(WIDTH / 2 + (head - 1) * cell, below + 52, cell, tall + 4, number(result), kind, bold=True)
    canvas.lines(WIDTH / 2 + 62, below + 66, _("3. merge: side by side"), 140, kind="soft", anchor="start")
    canvas.arrow([(WIDTH / 2, below + 84), (WIDTH / 2, below + 112)])
    said = _("output {vector}").format(vector=vector(results))
    canvas.box(WIDTH / 2 - 90, below + 112, 180, 34, said, "norm", bold=True)
    canvas.text(WIDTH / 2 + 12, below + 97, _("4. times W_o, here the identity"), SMALL, "soft", "start")
    return canvas.finish(
        below + 166,
        [
            _("Query, keys and values have two columns; head 0 takes the first of each, head 1 the second"),
            *told,
            _("Side by side the answers are {vector}, which the last projection mixes").format(vector=vector(results)),
        ],
    )
