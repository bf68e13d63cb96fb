"""News by rule and real news: the same for a seed, different stories, words that are shared, files that are damaged."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections import Counter

import pytest

from course.data import news
from course.data.news import CLASSES, NewsError, Story, generate, load_ag_news


def words(story: Story) -> list[str]:
    return re.findall(r"[a-z0-9']+", story.text.lower())


def write(folder, text: str, name: str = "train.csv"):
    path = folder / name
    path.write_bytes(text.encode())
    return path


# -- by rule -----------------------------------------------------------------------------------------------------------


def test_twenty_thousand_different_stories_of_equal_classes():
    stories = generate(20_000, seed=1)
    assert len({story.text for story in stories}) == 20_000
    assert Counter(story.label for story in stories) == {1: 5000, 2: 5000, 3: 5000, 4: 5000}
    assert max(len(words(story)) for story in stories) <= 45
    assert not [story for story in stories if re.search(r"[{}|]|  ", story.text)], "a slot was left open"


def test_a_seed_decides_and_few_are_the_beginning_of_many():
    assert generate(40, seed=5) == generate(90, seed=5)[:40]
    assert generate(40, seed=5) != generate(40, seed=6)
    code = "from course.data.news import generate; print(generate(3, 5))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == str(generate(3, seed=5)), "another process, with hashes of its own, writes others"


def test_classes_come_in_no_order():
    labels = [story.label for story in generate(800, seed=2)]
    orders = {tuple(labels[n : n + 4]) for n in range(0, 800, 4)}
    assert len(orders) == 24, "every order of the four classes comes up"


def test_classes_share_words():
    """Telling words are used by other classes too: one word is not enough to know the class."""
    counts = Counter((word, story.label) for story in generate(8_000, seed=3) for word in set(words(story)))
    often = {word for (word, _), count in counts.items() if count >= 20}
    shared = [word for word in often if sum(counts[word, label] >= 5 for label in (1, 2, 3, 4)) >= 2]
    assert len(shared) / len(often) > 0.4
    for word in ("striker", "court", "race", "strike", "net", "bank", "judge"):
        of_word = [counts[word, label] for label in (1, 2, 3, 4)]
        assert max(of_word) < 0.9 * sum(of_word), f"{word} tells the class by itself"


def naive_bayes(labelled: list[Story], held_out: list[Story]) -> float:
    """Accuracy of counting words: multinomial naive Bayes with one added to each count."""
    known = {word for story in labelled for word in words(story)}
    scores = {}
    for label in (1, 2, 3, 4):
        counts = Counter(word for story in labelled if story.label == label for word in words(story))
        total = sum(counts.values()) + len(known)
        scores[label] = {word: math.log((counts[word] + 1) / total) for word in known}
    right = 0
    for story in held_out:
        said = max(scores, key=lambda label: sum(scores[label].get(word, 0) for word in words(story)))
        right += said == story.label
    return right / len(held_out)


def test_counting_words_takes_many_labelled_stories():
    stories, held_out = generate(4_000, seed=4), generate(1_000, seed=5)
    assert naive_bayes(stories[:64], held_out) < 0.75
    assert 0.9 < naive_bayes(stories, held_out) < 0.995


def test_a_negative_count():
    with pytest.raises(NewsError, match="-1 stories cannot be generated"):
        generate(-1, seed=0)
    assert generate(0, seed=0) == []


# -- real --------------------------------------------------------------------------------------------------------------


def test_the_files_of_ag_news(tmp_path):
    write(
        tmp_path,
        '"3","Wall St. Bears Claw Back","Short-sellers, Wall Street\'s dwindling\\band, see ""green"" again."\n'
        '4,Gene maps,"First line\\nsecond line; costs \\$5 \\& more."\n\n'
        '"2","","No title, no matter."\n',
    )
    write(tmp_path, '"1","Talks","They met."\n', "test.csv")
    stories = load_ag_news(tmp_path)
    assert [story.label for story in stories] == [3, 4, 2]
    assert stories[0].description == 'Short-sellers, Wall Street\'s dwindling band, see "green" again.'
    assert stories[1].description == "First line second line; costs $5 & more."
    assert stories[2].text == "No title, no matter." and CLASSES[stories[2].label - 1] == "Sports"
    assert load_ag_news(tmp_path, "test") == [Story(1, "Talks", "They met.")]
    assert load_ag_news(tmp_path / "test.csv") == load_ag_news(str(tmp_path), "test")


@pytest.mark.parametrize(
    "text, says",
    [
        ('"1","a","b"\n"5","a","b"\n', "train.csv, row 2: the class is '5'; it must be 1, 2, 3 or 4"),
        ('"Class","Title","Text"\n', "row 1: the class is 'Class'"),
        ('"1","a"\n', "row 1: 2 fields; there must be 3: class, title, description"),
        ('"1","a","b\n', "row 1: this is not CSV"),
    ],
)
def test_a_damaged_file(tmp_path, text, says):
    with pytest.raises(NewsError, match=re.escape(says)):
        load_ag_news(write(tmp_path, text))


def test_another_encoding(tmp_path):
    (tmp_path / "train.csv").write_bytes(b'"1","Caf\xe9","a"\n')
    with pytest.raises(NewsError, match="UTF-8"):
        load_ag_news(tmp_path)


def test_no_file(tmp_path):
    with pytest.raises(NewsError, match="There is no file .*test.csv.*generate makes stories"):
        load_ag_news(tmp_path, "test")


class Hub:
    """What stands for the package `datasets`, which the tests do not need: it gives rows as the hub does."""

    @staticmethod
    def load_dataset(name, split):
        assert (name, split) == (news.HUB_NAME, "test")
        return [{"text": "Gene maps\\are drawn", "label": 3}]


class NoHub:
    @staticmethod
    def load_dataset(name, split):
        raise ConnectionError("no route to host")


def test_the_hub(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", Hub)
    assert load_ag_news(split="test") == load_ag_news("ag_news", "test") == [Story(4, "", "Gene maps are drawn")]
    monkeypatch.setitem(sys.modules, "datasets", NoHub)
    with pytest.raises(NewsError, match="no route to host. Offline, give the path"):
        load_ag_news()
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(NewsError, match="pip install datasets"):
        load_ag_news()
