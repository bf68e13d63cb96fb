"""Texts that all notebooks share, as Markdown in the language in use: lessons have them by a name in double braces."""

from __future__ import annotations

from course.i18n import _


def before_hand_in() -> str:
    """The text that every notebook with checks ends with, in the language in use."""
    return f"## {_('Before you hand in')}\n\n" + _(
        "Save the notebook, and run `check.hand_in()` in a new cell at the very end. It says what will be read of the "
        "file: which parts have an answer, and whether Python can read them. It also gives you a receipt. Your "
        "feedback repeats it, so you can see that it was this work that was graded. Then hand in the file."
    )


def what_is_judged(track: str) -> str:
    """What the hidden tests of all exercises ask of every answer, as Markdown, in the language in use."""
    rules = [
        _(
            "**Calls.** Names, order and defaults of the arguments are as they are written here. What comes back are "
            "tensors, in the form, the shape and the type that the table says; ids may also be an array of NumPy's, or "
            "lists."
        ),
        _("**Sizes.** A size of one is a size like any other, and no size needs to be that of the examples."),
        _(
            "**Numbers** follow the formula, up to rounding, and are finite. Float64 is asked for only where the text "
            "says so; an answer that runs in it all the same is as precise as float64."
        ),
        _("**Gradients** reach everything that the result depends on."),
        _(
            "**No side effects.** What is given to an answer is left as it is, because the caller still needs it. A "
            "later call gives its own result, and one example of a batch does not touch another."
        ),
        _(
            "**Modules** train what the text asks for, in these sizes, and nothing else. A module that is saved and "
            "loaded into a new one gives the same. Nothing is dropped but where dropout is asked for, and then in "
            "training alone."
        ),
    ]
    if track == "pytorch":
        rules.append(_("**Devices.** What is made inside is made on the device of the inputs."))
    head = _("**What is asked of every answer**, beside its own table:")
    return "\n".join([head, "", *(f"- {rule}" for rule in rules)])


def trouble(by_hand: bool) -> str:
    """What to do when something goes wrong, folded; a notebook that a person marks has no `check`."""
    points = [
        _(
            "**Something that worked no longer works.** Run everything again from the top: *Restart Kernel and Run All "
            "Cells* in JupyterLab, *Restart* and then *Run All* in VS Code. A cell that you deleted or changed "
            "may have left old values behind, and a restart removes them."
        ),
        _(
            "**`NameError: name '…' is not defined`.** The cell that defines the name has not been run since the "
            "notebook was started. `check` and the imports are defined in the first code cell, your answers in their "
            "own cells. Select your cell and choose *Run → Run All Above Selected Cell*."
        ),
        _(
            "**`ModuleNotFoundError: No module named 'course'`.** The folder `course` must lie beside the notebook, as "
            "it did in the zip."
        ),
    ]
    if by_hand:
        points.append(
            _(
                "**You are stuck.** Ask your teacher, and show the cell and the whole message. You can hand in an "
                "experiment that did not work out: say what you tried and what happened. Each section has points of "
                "its own."
            )
        )
    else:
        points += [
            _(
                "**A check is red.** Read the first ✗: those below it often have the same cause. It says what was "
                "expected and what came. Change your cell, *run it*, and then run the check again. It helps to print "
                "shapes in a cell of your own: `print(x.shape)`. Then open the hints, one at a time."
            ),
            _(
                "**You are stuck.** Go on with the next part, and come back later. If a later part needs this one, the "
                "grading uses a correct version of it. Ask your teacher, and show the cell and the whole message."
            ),
            _(
                "**It is not finished.** Hand in what you have. Each part has points of its own, and an "
                "empty or wrong part costs only its own points. `check.hand_in()` says what will be read."
            ),
        ]
    body = "\n".join(f"- {point}" for point in points)
    return f"<details><summary>{_('If something goes wrong')}</summary>\n\n{body}\n\n</details>"


def hours(minutes: int) -> str:
    """A time in hours and minutes, "2 h 45 min" for example."""
    whole, rest = divmod(minutes, 60)
    if not whole:
        return _("{minutes} min").format(minutes=rest)
    if not rest:
        return _("{hours} h").format(hours=whole)
    return _("{hours} h {minutes} min").format(hours=whole, minutes=rest)


def time_note(reading: int) -> str:
    """What the minutes in the table of parts are, and how long the rest takes."""
    return _(
        "The minutes are for reading and writing a part, when it goes well. The other text, the figures and the review "
        "take about {reading} minutes. Take more time if you need it."
    ).format(reading=reading)


def difficulty(step: str) -> str:
    """One of course.syllabus.DIFFICULTIES in the language in use."""
    return {"easy": _("easy"), "medium": _("medium"), "hard": _("hard")}[step]
