"""Generates stories: a headline and a description of one beat, with misleading words from another class.

The class of a story depends on its main clause. Counting words is not enough, because of

- asides from another class: "Kelvik, once a striker, cut its dividend"; "While the bank ..., the team ..." (and the
  other way round); "Asked about the cup final, ... spoke of interest rates instead"; "It was not about ... but about
  ...";
- subjects from another class: "Striker wins race for mayor" is World;
- headlines that do not tell the class, "All eyes on Kelvik", and acts that every class has, "made history";
- names, which tell the class only to a reader who has met them before.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from course.data.news_vocabulary import Beat, beats

Item = TypeVar("Item")

NUMBERS = "two three four five six seven eight nine ten eleven twelve".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
TIMES = (
    "on {day}",
    "late on {day}",
    "early on {day}",
    "this week",
    "overnight",
    "last {month}",
    "at the weekend",
    "in {month}",
)
SOURCES = (
    ", officials said",
    ", a spokesman said",
    ", local papers reported",
    ", it emerged",
    ", to nobody's surprise",
    ", as expected",
    ", after a long wait",
    ", for the first time in {n} years",
)
VAGUE_TITLES = (
    "all eyes on {name}",
    "big day for {name}",
    "hard week for {name}",
    "{name} back in {place}",
    "what {name} did next",
    "a second chance for {name}",
    "{name} under pressure in {place}",
    "{name} makes history",
    "new hope for {name}",
    "{name} faces biggest test yet",
    "race against time in {place}",
    "old rivals meet in {place}",
)
VAGUE_ACTS = (
    ("makes history", "made history"),
    ("wins praise", "won praise"),
    ("takes the lead", "took the lead"),
    ("has a week to forget", "had a week to forget"),
    ("breaks a record", "broke a record"),
    ("faces a long wait", "faced a long wait"),
    ("hits back at critics", "hit back at critics"),
    ("starts the season well", "started the season well"),
)
# {main} is the subject with its act, {subject} and {act} are its two parts; the rest is from another class.
BORROWED_ASIDES = (
    "while {other_group} {other_act}, {main}",
    "{main} while {other_group} {other_act}",
    "{main} on the day that {other_group} {other_act}",
    "on the day that {other_group} {other_act}, {main}",
    "{main} in a hall lent by {other_group}",
    "asked about {other_thing}, {subject} spoke of {thing} instead",
    "this is not about {other_thing}: {main}",
    "{main}, and not {other_group}, which {other_act}",
    "{subject}, who once {other_act}, {act}",
    "{subject}, sponsored by {other_group}, {act}",
    "after a quarrel with {other_group} over {other_thing}, {main}",
    "{main} before {other_group} could speak of {other_thing}",
    "after {other_group} {other_act}, {main}",
    "{main} after {other_group} {other_act}",
)
PERSONAL_ASIDES = (
    "{subject}, once {other_trade}, {act}",
    "{subject}, {other_trade} until last year, {act}",
    "{subject}, whose sister is {other_trade}, {act}",
    "unlike {other_trade} of the same name, {subject} {act}",
    "{subject}, no longer {other_trade}, {act}",
    "{subject}, mistaken for {other_trade} in {place}, {act}",
)

# The same in a headline, in the present tense.
TITLE_ASIDES = (
    "{other_group} looks on as {main}",
    "{main}, not {other_group}",
    "{main} as {other_group} {other_act}",
    "{main} while {other_group} {other_act}",
    "while {other_group} {other_act}, {main}",
    "forget {other_thing}: {main}",
    "{main} despite {other_thing}",
    "{main}, leaves {other_thing} to {other_group}",
    "after {other_thing}, {main}",
    "{other_trade} no more, {subject} {act}",
)

ASIDE = 0.5  # a description has an aside from another class
TITLE_ASIDE = 0.2  # a headline has one; if both have one, they are of the same class
BORROWED = 0.2  # its subject comes from another class
VAGUE_TITLE = 0.2  # its headline says nothing by itself
VAGUE_ACT = 0.12  # its act fits every class
SECOND_SENTENCE = 0.6
LONGEST = 38  # words and marks; about 45 word pieces at most


def a(noun: str) -> str:
    """The noun with its indefinite article."""
    return ("an " if noun[0].lower() in "aeiou" else "a ") + noun


def headline(text: str) -> str:
    """Without articles, as headlines are, and with a capital."""
    words = [word for word in text.split() if word not in ("a", "an", "the")]
    return " ".join(words)[:1].upper() + " ".join(words)[1:]


def sentence(text: str) -> str:
    """The text with a capital letter first and a full stop last."""
    return text[:1].upper() + text[1:] + "."


class Writer:
    """Writes stories from one stream of random numbers.

    It draws with `Random.random` alone, whose stream Python promises to keep for a seed, on every platform.
    """

    def __init__(self, seed: int):
        self.rng = random.Random(seed)

    def chance(self, probability: float) -> bool:
        """True with this probability, 0 to 1."""
        return self.rng.random() < probability

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items, each equally likely. Raises IndexError where there are none."""
        return items[int(self.rng.random() * len(items))]

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """All items in random order, each order equally likely."""
        rest = list(items)
        return [rest.pop(int(self.rng.random() * len(rest))) for _ in items]

    def fill(self, text: str, beat: Beat, **slots: str) -> str:
        """The text with each `{slot}` replaced by its value, in the order of the arguments.

        A value may contain later slots. `{n}`, `{day}`, `{month}` and `{place}` are filled at random, last.
        """
        for name, value in slots.items():
            text = text.replace("{" + name + "}", value)
        while "{n}" in text:
            text = text.replace("{n}", self.pick(NUMBERS), 1)
        return (
            text.replace("{day}", self.pick(DAYS))
            .replace("{month}", self.pick(MONTHS))
            .replace("{place}", self.pick(beat.places))
        )

    def story(self, label: int) -> tuple[str, str]:
        """A title and a description of class `label`, 1 to 4, together at most LONGEST words and marks."""
        while True:
            title, description = self.draft(label)
            if (
                len(f"{title} {description}".replace(",", " ,").replace(".", " .").replace(":", " :").split())
                <= LONGEST
            ):
                return title, description

    def draft(self, label: int) -> tuple[str, str]:
        """A title and a description of class `label`, 1 to 4, of any length."""
        beat = self.pick([beat for beat in beats() if beat.label == label])
        other = self.pick([beat for beat in beats() if beat.label != label])
        is_person = self.chance(0.5)
        entity = self.pick(beat.people if is_person else beat.organisations)
        borrowed = self.chance(BORROWED)
        vague_title = not borrowed and self.chance(VAGUE_TITLE)
        vague_act = not borrowed and not vague_title and self.chance(VAGUE_ACT)

        if borrowed:  # a subject of another class with an act of this class
            lender = self.pick([beat for beat in beats() if beat.label != label])
            if is_person:
                trade = self.pick(lender.trades)
                subjects = (a(trade), "the " + trade)
            else:
                group = "the " + self.pick(lender.groups)
                subjects = (group, group)
        elif is_person:
            subjects = (entity.full, entity.short)
        elif self.chance(0.5):
            subjects = (entity.full, entity.short)
        else:
            group = "the " + self.pick(beat.groups)
            subjects = (group, entity.short)
        if self.chance(0.5):
            subjects = subjects[::-1]
        return (
            headline(self.title(beat, other, subjects[0], entity.short, vague_title)),
            self.description(beat, other, subjects[1], is_person, vague_act, entity.home),
        )

    def title(self, beat: Beat, other: Beat, subject: str, name: str, vague: bool) -> str:
        """The words of a headline, before `headline` shortens them.

        An aside comes from the beat `other`. A `vague` title has the name only, and does not tell the class.
        """
        if vague:
            return self.fill(self.pick(VAGUE_TITLES), beat, name=name)
        if self.chance(TITLE_ASIDE):
            form = self.pick(TITLE_ASIDES)
        else:
            form = self.pick(
                (
                    "{subject} {act}",
                    "{subject} {act}",
                    "{subject} {act} in {place}",
                    "{subject} {act} as {result}",
                    "{result} as {subject} {act}",
                    "{thing}: {subject} {act}",
                )
            )
        return self.fill(
            form,
            beat,
            main="{subject} {act}",
            subject=subject,
            act=self.pick(beat.acts)[0],
            result=self.pick(beat.results)[0],
            thing=self.pick(beat.things),
            other_group="the " + self.pick(other.groups),
            other_act=self.pick(other.acts)[0],
            other_thing=self.pick(other.things),
            other_trade=self.pick(other.trades),
        )

    def description(self, beat: Beat, other: Beat, subject: str, is_person: bool, vague_act: bool, home: str) -> str:
        """One or two sentences on what the subject did; `home` is the place that it belongs to.

        An aside comes from the beat `other`. A `vague_act` is one that any class may do.
        """
        act = self.pick(VAGUE_ACTS if vague_act else beat.acts)[1]
        if self.chance(0.7):
            act += " " + self.pick(TIMES)
        slots = {"subject": subject, "act": act, "thing": self.pick(beat.things)}
        if self.chance(ASIDE):
            forms = BORROWED_ASIDES + (PERSONAL_ASIDES if is_person else ())
            first = self.fill(
                self.pick(forms),
                beat,
                main="{subject} {act}",
                other_group="the " + self.pick(other.groups),
                other_act=self.pick(other.acts)[1],
                other_thing=self.pick(other.things),
                other_trade=a(self.pick(other.trades)),
                **slots,
            )
        else:
            form = self.pick(
                (
                    "{subject} {act}{source}",
                    "{subject} {act} in {home}",
                    "{subject} {act} as {result}",
                    "{subject} {act} and {result}",
                    "{result} in {home} as {subject} {act}",
                )
            )
            result = self.pick(beat.results)[1]
            first = self.fill(form, beat, source=self.pick(SOURCES), home=home, result=result, **slots)
        if not self.chance(SECOND_SENTENCE):
            return sentence(first)
        second = self.pick(
            (
                "{trade} spoke of {thing}",
                "{group} had no comment on {thing}",
                "{result}",
                "it was the talk of {home}",
                "there was no word on {thing}",
                "nobody in {home} had expected it",
            )
        )
        second = self.fill(
            second,
            beat,
            trade=a(self.pick(beat.trades)),
            group="the " + self.pick(beat.groups),
            thing=self.pick(beat.things),
            result=self.pick(beat.results)[1],
            home=home,
        )
        return f"{sentence(first)} {sentence(second)}"
