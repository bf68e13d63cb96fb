"""The trusted side of a test: the reference, as it is and with known mistakes in it.

Answers are cached by the content of the program, here and in the server.
"""

from __future__ import annotations

from collections.abc import Mapping

from autograder.judging.catalogue import CatalogueError, Change, combine
from autograder.judging.program import Answer, Program
from autograder.judging.replies import answer_from, describe_error
from autograder.workers.client import ReferenceLine, WorkerFailure


class Reference:
    """The reference of an exercise in one track, as it is or with mistakes of the catalogue in it."""

    def __init__(self, line: ReferenceLine, name: str, changes: Mapping[str, Change] | None = None) -> None:
        """`name`: the exercise's module, the name of its source in the server. `changes`: those of mistakes, by id."""
        self.line, self.name, self.changes = line, name, changes or {}
        self.memory: dict[str, Answer] = {}
        self.sources: dict[str, str] = {}

    def run(self, program: Program, *mistakes: str) -> Answer:
        """The reference's answer, or its answer with these mistakes in it: one, or two that go together.

        Raises WorkerFailure where the reference itself fails with another exception than ValueError.
        """
        source = "/".join([self.name, "+".join(mistakes)]) if mistakes else self.name
        digest = program.digest()
        key = f"{source} {digest}"
        if key not in self.memory:
            header, arrays = self.line.ask(
                {"op": "run", "source": source, "digest": digest, "program": program.header()}, program.arrays
            )
            answer = answer_from(header, arrays)
            if answer.error is not None and not mistakes and answer.error.types[:1] != ("ValueError",):
                raise WorkerFailure(f"the reference failed: {describe_error(answer.error)}")
            self.memory[key] = answer
        return self.memory[key]

    def teach(self, sources: dict[str, str]) -> None:
        """Give the server the sources of the reference and of the mistakes, by name."""
        self.sources |= sources
        self.line.ask({"op": "sources", "sources": sources})

    def go_together(self, first: str, second: str) -> bool:
        """Whether two mistakes can be in the reference at once; after that `run` takes both, in this order."""
        name = f"{self.name}/{first}+{second}"
        if name in self.sources:
            return bool(self.sources[name])
        try:
            source = combine(self.sources[self.name], self.changes[first], self.changes[second])
        except CatalogueError:
            source = ""
        if source:
            self.teach({name: source})
        else:
            self.sources[name] = ""
        return bool(source)


class WithMistakes:
    """The reference with these mistakes in it, for judging as if they were granted."""

    def __init__(self, reference: Reference, mistakes: tuple[str, ...]) -> None:
        self.reference, self.mistakes = reference, mistakes

    def run(self, program: Program) -> Answer:
        """What the reference gives with the mistakes in it."""
        return self.reference.run(program, *self.mistakes)
