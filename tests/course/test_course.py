"""The visible checks pass for the solutions, fail for stubs and for usual slips, and say so in words that help."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from support.answers import answers, solution
from support.marks import TRAINING

from autograder.proof.verify import alternatives
from course import checks, i18n, quiet, report
from course.checks import CheckFailed, lesson, run
from course.report import FAILED, NOT_RUN, PASSED, Comparison, Item, Report
from course.syllabus import UnknownName, syllabus

ROOT = Path(__file__).resolve().parents[2]
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION", re.DOTALL | re.MULTILINE)
PARTS = [(a.exercise.id, a.track.id, p.id) for a in syllabus().assignments().values() for p in a.exercise.parts]


def changed(exercise: str, track: str, old: str, new: str) -> dict:
    source = solution(exercise, track)
    assert old in source, f"the solution has changed: {old}"
    return answers(source.replace(old, new))


def failed(the_report: Report) -> list[Item]:
    return [item for item in the_report.items if item.outcome == FAILED]


@pytest.fixture(scope="module")
def solved() -> dict:
    return {(e, t): answers(solution(e, t)) for e, t in {(e, t) for e, t, _part in PARTS}}


@pytest.fixture(scope="module")
def stubs() -> dict:
    stub = r"\1# YOUR CODE HERE\n\1raise NotImplementedError()"
    return {(e, t): answers(SOLUTION.sub(stub, solution(e, t))) for e, t in {(e, t) for e, t, _part in PARTS}}


# Where models train, Keras takes its time; the source notebooks, which nbval runs, have the same checks in them.
@pytest.mark.parametrize(
    ("exercise", "track", "part"),
    [
        pytest.param(*part, marks=[pytest.mark.slow] if part[0] in TRAINING and part[1] == "tensorflow" else [])
        for part in PARTS
    ],
)
def test_the_solution_passes(solved, exercise, track, part):
    the_report = run(exercise, track, part, solved[exercise, track])
    assert the_report.passed, str(the_report)
    assert len(the_report.items) >= 2


ALTERNATIVES = [
    pytest.param(a, path, id=f"{a.id}-{path.stem}", marks=[pytest.mark.slow] if a.track.id == "tensorflow" else [])
    for a in syllabus().assignments().values()
    for path in alternatives(a)
    if a.exercise.id not in TRAINING
]


@pytest.mark.filterwarnings("ignore:`build")  # Keras says so where `tf.*` refuses its symbolic trial call
@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
@pytest.mark.parametrize(("assignment", "path"), ALTERNATIVES)
def test_an_accepted_alternative_passes(assignment, path):
    namespace = answers(path.read_text(encoding="utf-8"))
    for part in assignment.exercise.parts:
        the_report = run(assignment.exercise.id, assignment.track.id, part.id, namespace)
        assert the_report.passed, str(the_report)


@pytest.mark.parametrize(("exercise", "track", "part"), PARTS)
def test_a_stub_fails_and_is_told_that_it_is_not_written(stubs, exercise, track, part):
    the_report = run(exercise, track, part, stubs[exercise, track])
    assert not any(item.outcome == PASSED for item in the_report.items)
    assert [item.message for item in failed(the_report)] == ["Not written yet."]
    assert "raise NotImplementedError()" in failed(the_report)[0].where


@pytest.mark.parametrize(("exercise", "track", "part"), PARTS)
def test_a_missing_symbol_is_named(exercise, track, part):
    symbol = syllabus().exercise(exercise).part(part).symbol
    the_report = run(exercise, track, part, {})
    assert f"There is no `{symbol}` yet." in str(the_report)
    assert [item.outcome for item in the_report.items[1:]] == [NOT_RUN] * (len(the_report.items) - 1)


BOTH = ("pytorch", "tensorflow")
SLIPS = [  # exercise, part, what is changed in the two tracks and into what, what the student reads
    ("additive-attention", "additive-scores",
     ("hidden = torch.tanh(asked[:, None, :] + offered)", "hidden = tf.tanh(asked[:, tf.newaxis, :] + offered)"),
     ("hidden = asked[:, None, :] + offered", "hidden = asked[:, tf.newaxis, :] + offered"),
     "The tanh seems to be missing"),
    ("additive-attention", "additive-scores", ("hidden @ v", "tf.linalg.matvec(hidden, v)"),
     ("hidden.sum(-1)", "tf.reduce_sum(hidden, -1)"), "summed without weights"),
    ("additive-attention", "additive-scores", ("tanh(asked[:, None,", "tanh(asked[:, tf.newaxis,"),
     ("tanh(asked[:1, None,", "tanh(asked[:1, tf.newaxis,"), "each example gets alone"),
    ("additive-attention", "masked-softmax", ("(scores, dim=-1)", "(scores, axis=-1)"),
     ("(scores, dim=0)", "(scores, axis=0)"),
     "one example must not touch another"),
    ("additive-attention", "masked-softmax",
     ("torch.finfo(scores.dtype).min", "tf.where(mask, scores, scores.dtype.min)"),
     ("0.0", "tf.where(mask, scores, 0.0)"), "A score of 0 is not nothing"),
    ("additive-attention", "masked-softmax", ("~mask,", "tf.where(mask, scores, scores.dtype.min)"),
     ("mask,", "tf.where(mask, scores.dtype.min, scores)"), "The wrong way round"),
    ("additive-attention", "additive-attention", (" * keys)", " * keys,"), (" * offered)", " * offered,"),
     "as wide as a key"),
    ("additive-attention", "additive-attention", ("masked_softmax(scores, mask)",) * 2, ("masked_softmax(scores)",) * 2,
     "Hand the mask to `masked_softmax`"),
    ("additive-attention", "additive-attention", ("attention_dim, bias=False", "attention_dim, use_bias=False"),
     ("attention_dim", "attention_dim"), "trainable numbers"),
    ("additive-attention", "attention-decoder",
     ("torch.stack(all_weights, dim=1)", "tf.stack(all_weights, axis=1)"), ("weights",) * 2, "Those of all steps"),
    ("additive-attention", "attention-decoder",
     ("self.attention(state, encoder_states, mask)", "self.attention(state, encoder_states, mask=mask)"),
     ("self.attention(state, encoder_states)",) * 2, "Hand the mask to the attention"),
    ("additive-attention", "attention-decoder",
     ("            state = self.cell(", "            state, _ = self.cell("),
     ("            _ = self.cell(", "            _, _ = self.cell("), "carr"),
    ("self-attention", "scaled-dot-product", ("/ math.sqrt(query.shape[-1])",) * 2, ("",) * 2,
     "without the division by √Dk"),
    ("self-attention", "scaled-dot-product", ("softmax(scores, dim=-1)", "softmax(scores, axis=-1)"),
     ("softmax(scores, dim=-2)", "softmax(scores, axis=-2)"), "softmax over the queries"),
    ("self-attention", "scaled-dot-product", ("torch.finfo(scores.dtype).min", "scores.dtype.min"), ("0.0",) * 2,
     "A score of 0 is not nothing"),
    ("self-attention", "scaled-dot-product", ("weights @ value, weights", "tf.matmul(weights, value), weights"),
     ("weights @ value", "tf.matmul(weights, value)"), "should return two tensors"),
    ("self-attention", "padding-mask", ("(ids != pad_id)", "tf.not_equal(ids, pad_id)"),
     ("(ids == pad_id)", "tf.equal(ids, pad_id)"), "The wrong way round"),
    ("self-attention", "padding-mask", ("pad_id)[",) * 2, ("0)[",) * 2, "Compare with `pad_id`"),
    ("self-attention", "causal-mask", (" >= ",) * 2, (" > ",) * 2, "the diagonal is True"),
    ("self-attention", "causal-mask", (" >= ",) * 2, (" <= ",) * 2, "The other triangle"),
    ("self-attention", "combine-masks", ("combined & mask", "tf.logical_and(combined, mask)"),
     ("combined | mask", "tf.logical_or(combined, mask)"), "logical or"),
    ("positional-embedding", "sinusoidal-encoding",
     ("torch.arange(0, d_model, 2, dtype=torch.float64, device=device)", "tf.range(0, d_model, 2, dtype=tf.float64)"),
     ("torch.arange(d_model // 2)", "tf.range(0, d_model // 2, 1, tf.float64)"), "you seem to take i/d_model"),
    ("positional-embedding", "trainable-positions", ("(positions)",) * 2, ("(positions * 0)",) * 2, "place 0"),
    ("positional-embedding", "trainable-positions", ("if length > self.max_len",) * 2, ("if False",) * 2,
     "5 ids and max_len = 4"),
    ("positional-embedding", "fixed-positions", (" * self.scale",) * 2, ("",) * 2, "factor √d_model is missing"),
    ("positional-embedding", "relative-shift", ("angles = offset",) * 2, ("angles = -offset",) * 2, "one step back"),
    ("multi-head-attention", "split-heads", ("x.transpose(1, 2)  # (B, H", "tf.transpose(x, (0, 2, 1, 3))  # (B, H"),
     ("x.reshape(batch, num_heads, length, -1)  #", "tf.reshape(x, (batch, num_heads, length, -1))  #"),
     "A reshape alone mixes words and heads"),
    ("multi-head-attention", "merge-heads",
     ("x.transpose(1, 2)  # (B, L, H, Dh)\n    return", "tf.transpose(x, (0, 2, 1, 3))  # (B, L, H, Dh)\n    return"),
     ("x\n    return",) * 2, "Swap heads and words back"),
    ("multi-head-attention", "multi-head-attention", ("math.sqrt(q.shape",) * 2, ("math.sqrt(query.shape",) * 2,
     "root of its own width"),
    ("multi-head-attention", "multi-head-attention",
     ("self.W_o(merge_heads(weights @ v))", "self.W_o(merge_heads(tf.matmul(weights, v)))"),
     ("merge_heads(weights @ v)", "merge_heads(tf.matmul(weights, v))"), "is it applied?"),
    ("multi-head-attention", "multi-head-in-use",
     ("x.reshape(batch, length, num_heads * head_width)", "tf.reshape(x, (batch, length, num_heads * head_width))"),
     ("x.flip(0).reshape(batch, length, -1)", "tf.reshape(x[::-1], (batch, length, num_heads * head_width))"),
     "alone and in a batch"),
    ("transformer-encoder", "transformer-block", ("if self.norm_first:",) * 2, ("if not self.norm_first:",) * 2,
     "This is what pre-norm gives"),
    ("transformer-encoder", "transformer-block", ("nn.ReLU(), nn.Linear", ', activation="relu")'),
     ("nn.Linear", ")"), "The ReLU between the two layers is missing"),
    ("transformer-encoder", "transformer-block", ("else ~mask", "else mask[:, tf.newaxis"),
     ("else mask", "else ~mask[:, tf.newaxis"), "Another vector in a padded place"),
    ("transformer-encoder", "transformer-block",
     ("return self.norm2(x + self.dropout(self.feed_forward(x)))", "return self.norm2(x + drop(self.feed_forward(x)))"),
     ("return self.norm1(x + self.dropout(self.feed_forward(x)))", "return self.norm1(x + drop(self.feed_forward(x)))"),
     "norm"),
    ("transformer-encoder", "masked-mean", ("/ real.sum(dim=1)", "/ tf.reduce_sum(real, axis=1)"),
     ("/ x.shape[1]",) * 2, "it still counts"),
    ("transformer-encoder", "transformer-classifier", ("x = block(x, mask)", "x = block(x, mask=mask, "),
     ("x = block(x)", "x = block(x, "), "Every block gets the mask"),
    ("transformer-encoder", "transformer-classifier",
     (" + self.position(positions)", " + self.position(tf.range(length))"), ("",) * 2, "the vector of its place"),
    ("transformer-encoder", "trained-classifier", ("return self.to_logits(masked_mean(x, mask))",) * 2,
     ("return self.to_logits(masked_mean(x, mask).detach() * 0)",
      "return self.to_logits(tf.stop_gradient(masked_mean(x, mask) * 0))"), "Does a gradient reach every layer?"),
    ("encoder-decoder", "decoder-block", ("attn_mask=later, ", ", use_causal_mask=True"), ("",) * 2, "they look ahead"),
    ("encoder-decoder", "decoder-block",
     ("else ~memory_mask", "else memory_mask[:, tf.newaxis"), ("else memory_mask", "else ~memory_mask[:, tf.newaxis"),
     "memory_mask belongs to cross-attention"),
    ("encoder-decoder", "shift-right",
     ("torch.cat([bos, ids[:, :-1]], dim=1)", "tf.concat([bos, ids[:, :-1]], axis=1)"),
     ("torch.cat([bos, ids[:, 1:]], dim=1)", "tf.concat([bos, ids[:, 1:]], axis=1)"), "bos takes the place"),
    ("encoder-decoder", "seq2seq-transformer", ("target_mask, source_mask)", "memory_mask=source_mask, "),
     ("target_mask)", ""), "The source's mask goes to"),
    ("encoder-decoder", "greedy-decode", ("done.all()", "tf.reduce_all(done)"), ("done.any()", "tf.reduce_any(done)"),
     "It stops when one row has ended"),
    ("bert-pretraining", "mask-tokens", ("torch.where(selected, ids, -100)", "tf.where(selected, ids, -100)"),
     ("torch.where(selected, ids, 0)", "tf.where(selected, ids, 0)"), "0 is the id of a word"),
    ("bert-pretraining", "mask-tokens", ("return inputs, labels",) * 2,
     ("return inputs, torch.where(selected, inputs, -100)", "return inputs, tf.where(selected, inputs, -100)"),
     "Take the labels from the ids that came in"),
    ("bert-pretraining", "mask-tokens",
     (" & ~special_mask", "tf.logical_and(draw < probability, tf.logical_not(special_mask))"),
     ("", "draw < probability"), "There are special places among those selected"),
    ("bert-pretraining", "mask-tokens",
     ("fate = torch.rand(ids.shape, generator=generator, device=ids.device)",
      "fate = keras.random.uniform(ids.shape, seed=generator)"),
     ("fate = draw",) * 2, "Is the second number a new one?"),
    ("bert-pretraining", "masked-lm-loss",
     ("selected.sum().clamp(min=1)", "tf.maximum(count, 1)"), ("labels.numel()", "tf.size(labels, losses.dtype)"),
     "not by that of all places"),
    ("bert-pretraining", "masked-lm-head", ("self.norm(F.gelu(x))", "self.norm(keras.activations.gelu(x))"),
     ("F.gelu(self.norm(x))", "keras.activations.gelu(self.norm(x))"), "after the GELU, not before it"),
    ("bert-pretraining", "masked-lm-head", ("F.gelu(x)", "keras.activations.gelu(x)"),
     ('F.gelu(x, approximate="tanh")', "keras.ops.gelu(x)"), "tanh approximation of GELU"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:`build")  # Keras says so of a layer that has a projection and never applies it
@pytest.mark.parametrize("track", BOTH)
@pytest.mark.parametrize(("exercise", "part", "old", "new", "says"), SLIPS, ids=[f"{s[1]}: {s[4]}" for s in SLIPS])
def test_a_usual_slip_fails_with_words_that_help(track, exercise, part, old, new, says):
    which = BOTH.index(track)
    namespace = changed(exercise, track, old[which], new[which])
    the_report = run(exercise, track, part, namespace)
    assert not the_report.passed
    assert says in str(the_report)
    assert "NotImplementedError" not in str(the_report)


@pytest.mark.parametrize("track", BOTH)
def test_an_error_in_the_answer_is_shown_with_its_line(track):
    namespace = changed("self-attention", track, "    combined = None\n", "    combined = missing_name\n")
    item = failed(run("self-attention", track, "combine-masks", namespace))[0]
    assert "NameError: name 'missing_name' is not defined" in item.message
    assert re.fullmatch(r"line \d+: combined = missing_name", item.where)


def test_keras_does_not_hide_the_error_of_a_layer():
    namespace = changed("multi-head-attention", "tensorflow", "value = key if", "value = key.nonsense if")
    item = failed(run("multi-head-attention", "tensorflow", "multi-head-attention", namespace))[0]
    assert "has no attribute 'nonsense'" in item.message or "nonsense" in item.where
    assert "\x1b" not in item.message and "Arguments received" not in item.message


def test_a_call_that_changes_its_arguments_is_noticed():  # which a TensorFlow tensor does not allow
    namespace = changed("self-attention", "pytorch", "    scores = query @", "    query.mul_(2)\n    scores = query @")
    assert "changed one of its arguments" in str(run("self-attention", "pytorch", "scaled-dot-product", namespace))


@pytest.mark.parametrize("track", BOTH)
def test_a_module_may_keep_its_weights_in_its_own_way(track):
    fused = {
        "pytorch": """
import numpy as np, torch
from torch import nn
class PositionalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.vocab_size, self.max_len = vocab_size, max_len
        self.both = nn.Embedding(vocab_size + max_len, d_model)
    def forward(self, ids):
        if ids.shape[1] > self.max_len:
            raise ValueError
        return self.both(ids) + self.both(torch.arange(ids.shape[1]) + self.vocab_size)
    def load_arrays(self, arrays):
        both = np.concatenate([arrays["token.weight"], arrays["position.weight"]])
        self.both.weight.data.copy_(torch.as_tensor(both))
""",
        "tensorflow": """
import numpy as np, keras, tensorflow as tf
class PositionalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.vocab_size, self.max_len = vocab_size, max_len
        self.both = keras.layers.Embedding(vocab_size + max_len, d_model)
    def call(self, ids):
        if ids.shape[1] > self.max_len:
            raise ValueError
        return self.both(ids) + self.both(tf.range(ids.shape[1]) + self.vocab_size)
    def load_arrays(self, arrays):
        both = np.concatenate([arrays["token.weight"], arrays["position.weight"]])
        self.both.embeddings.assign(both)
""",
    }
    the_report = run("positional-embedding", track, "trainable-positions", answers(fused[track]))
    assert the_report.passed, str(the_report)
    without = fused[track].replace("load_arrays", "other_name")
    assert "no attribute `token`" in str(run("positional-embedding", track, "trainable-positions", answers(without)))


@pytest.mark.parametrize("track", BOTH)
def test_a_layer_inside_gets_what_is_its_own_through_its_load_arrays(track):
    name = f"tests/exercises/multi_head_attention/alternatives/{track}/own_layers.py"
    source = (ROOT / name).read_text(encoding="utf-8")
    the_report = run("multi-head-attention", track, "multi-head-attention", answers(source))
    assert the_report.passed, str(the_report)
    without = answers(source.replace("load_arrays", "other_name"))
    assert "`W_q` is a Affine that does not hold" in str(
        run("multi-head-attention", track, "multi-head-attention", without)
    )


@pytest.mark.filterwarnings("ignore:`build")  # Keras says so where `tf.gather` refuses its symbolic trial call
@pytest.mark.parametrize("track", BOTH)
def test_a_layer_of_ones_own_and_a_bare_parameter_get_their_weights_too(track):
    own = {
        "pytorch": (
            "        self.position = nn.Embedding(max_len, d_model)\n",
            "        self.position = nn.Parameter(torch.randn(max_len, d_model))\n"
            "        self.token = Own(vocab_size, d_model)\n",
            "self.position(positions)",
            "self.position[positions]",
            """
class Own(nn.Module):
    def __init__(self, rows, width):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(rows, width))
    def forward(self, ids):
        return self.weight[ids]
""",
        ),
        "tensorflow": (
            "        self.position = keras.layers.Embedding(max_len, d_model)\n",
            '        self.position = self.add_weight(shape=(max_len, d_model), name="position")\n'
            "        self.token = Own(vocab_size, d_model)\n",
            "self.position(positions)",
            "tf.gather(self.position, positions)",
            """
class Own(keras.layers.Layer):
    def __init__(self, rows, width):
        super().__init__()
        self.weight = self.add_weight(shape=(rows, width), name="weight")
    def call(self, ids):
        return tf.gather(self.weight, ids)
""",
        ),
    }
    layer, bare, looked_up, indexed, definition = own[track]
    source = solution("positional-embedding", track).replace(layer, bare).replace(looked_up, indexed) + definition
    assert "Own(" in source and indexed in source
    the_report = run("positional-embedding", track, "trainable-positions", answers(source))
    assert the_report.passed, str(the_report)
    longer = answers(source.replace("Own(vocab_size, d_model)", "Own(vocab_size + 1, d_model)"))
    assert "`token` is a Own that does not hold" in str(
        run("positional-embedding", track, "trainable-positions", longer)
    )


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("None", "Expected was a tensor (mask), but there is nothing"),
        ("[[True]]", "a PyTorch tensor was expected"),
        ("3", "int"),
    ],
)
def test_an_answer_of_the_wrong_kind_is_explained(value, says):
    namespace = answers(f"def causal_mask(length):\n    return {value}\n")
    assert says in str(run("self-attention", "pytorch", "causal-mask", namespace))


def test_a_name_that_is_no_function_or_module_is_explained():
    assert "should be a function" in str(run("self-attention", "pytorch", "causal-mask", {"causal_mask": 3}))
    no_module = run("multi-head-attention", "pytorch", "multi-head-attention", {"MultiHeadAttention": object})
    assert "a class derived from torch: Module" in str(no_module)


# -- the way a notebook uses it ---------------------------------------------------------------------------------------


def test_check_looks_where_it_is_called_from_and_fails_the_cell(capsys):
    namespace = answers(solution("self-attention", "pytorch"))
    namespace["check"] = lesson("self-attention", "pytorch")
    exec('check("causal-mask")', namespace)
    assert "all 4 checks passed" in capsys.readouterr().out
    exec("def causal_mask(length):\n    raise NotImplementedError()", namespace)
    with pytest.raises(CheckFailed, match="one check did not pass") as caught:
        exec('check("causal-mask")', namespace)
    assert "Not written yet." in capsys.readouterr().out
    assert caught.value._render_traceback_() == [f"CheckFailed: {caught.value}"]


def test_check_can_be_turned_off(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_CHECKS", "off")
    lesson("no such exercise", "pytorch")("nothing")
    assert capsys.readouterr() == ("", "")


def test_an_unknown_part_is_answered_with_those_that_there_are():
    with pytest.raises(UnknownName, match="scaled-dot-product, padding-mask"):
        run("self-attention", "pytorch", "nonsense", {})


def test_importing_course_is_light_and_needs_no_grader():
    code = "import sys, course; print(*sorted(m.split('.')[0] for m in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert not {"torch", "tensorflow", "keras", "matplotlib", "autograder", "solutions"} & set(loaded.split())


def test_every_part_has_checks_and_each_begins_with_one_that_guards_the_rest():
    for exercise in syllabus().exercises.values():
        module = __import__(f"course.exercises.{exercise.module}.checks", fromlist=["checks"])
        assert list(module.checks.parts) == [part.id for part in exercise.parts]
        for part in exercise.parts:
            titles = [check.title for check in module.checks.parts[part.id]]
            assert len(set(titles)) == len(titles)


def test_what_a_check_shows_can_be_translated(monkeypatch):
    monkeypatch.setattr(i18n, "_catalogue", lambda language: i18n.gettext.NullTranslations())
    monkeypatch.setattr(i18n.gettext.NullTranslations, "gettext", lambda self, text: f"«{text}»")
    text = str(run("self-attention", "pytorch", "causal-mask", {}))
    assert "«The causal mask»" in text and "«There is no `" in text


# -- reports ----------------------------------------------------------------------------------------------------------


class Tags(HTMLParser):
    """Sees to it that tags are closed in order, and collects the text."""

    def __init__(self, html: str):
        super().__init__()
        self.open, self.seen, self.text = [], set(), ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_html_is_well_formed_and_escapes_what_comes_from_the_student():
    array = np.arange(4.0).reshape(2, 2)
    evil = "<script>alert(1)</script> & `code` <img src=x>"
    item = Item(evil, FAILED, evil, evil, f"line 1: {evil}", Comparison(evil, array, array + 1, array < 2))
    html = Report(evil, (item, Item("fine", PASSED), Item("later", NOT_RUN)))._repr_html_()
    tags = Tags(html)
    assert not {"script", "img"} & tags.seen
    assert tags.text.count("<script>alert(1)</script>") >= 5
    Tags(Report("t", (Item("t", FAILED, "an odd ` backquote\nand a line"),))._repr_html_())


def test_small_arrays_are_shown_side_by_side_and_large_ones_are_not():
    small, large = np.zeros((2, 3)), np.zeros((report.MOST_CELLS + 1, 1))
    for array, shown in ((small, True), (large, False), (np.array(3.0), True)):
        comparison = Comparison("weights", array, array + 1, array == 0)
        text = Report("t", (Item("t", FAILED, comparison=comparison),))
        assert ("weights, yours" in str(text)) == shown
        assert ("<table" in text._repr_html_()) == shown


def test_a_long_message_is_cut():
    message = checks._plain("x" * 10_000)
    assert len(message) == checks.LONGEST_MESSAGE and message.endswith("…")


def test_quiet_drops_what_a_library_writes_and_lets_errors_through(capfd):
    with quiet():
        os.write(2, b"a note about drivers\n")
    os.write(2, b"a warning\n")
    with pytest.raises(ImportError), quiet():
        raise ImportError
    assert capfd.readouterr().err == "a warning\n"


def test_quiet_does_nothing_where_it_may_not(monkeypatch, capfd):
    monkeypatch.setattr(os, "devnull", "/no/such/device")
    with quiet():
        os.write(2, b"a note\n")
    assert capfd.readouterr().err == "a note\n"


def test_tensorflow_says_nothing_in_the_first_check():
    code = """
from course import lesson, quiet
with quiet():
    import keras
    import tensorflow as tf
check = lesson("self-attention", "tensorflow")
import sys; sys.stderr.write("from here on:"); sys.stderr.flush()
def causal_mask(length):
    return tf.linalg.band_part(tf.ones((length, length)), -1, 0) > 0
check("causal-mask")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and "all 4 checks passed" in done.stdout
    assert done.stderr == "from here on:"


def test_a_product_that_broadcasts_over_four_axes_does_not_end_the_kernel():
    """It did: see `course.starting.quiet`. On two threads, with oneDNN, three runs of three crashed."""
    code = """
from course import quiet
with quiet():
    import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(2)
for _ in range(200):
    product = tf.matmul(tf.random.normal([13, 1, 3, 4]), tf.random.normal([4, 16]))
print(product.shape)
"""
    usual = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=usual)
    assert (done.returncode, done.stdout) == (0, "(13, 1, 3, 16)\n")
