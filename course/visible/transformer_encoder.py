"""Visible checks of exercise 5."""

from course.checks import Answer, Checks
from course.i18n import N_

checks = Checks()


@checks("transformer-block", N_("x"), gate=True)
def x(answer: Answer) -> None:
    pass


@checks("masked-mean", N_("x"), gate=True)
def y(answer: Answer) -> None:
    pass


@checks("transformer-classifier", N_("x"), gate=True)
def z(answer: Answer) -> None:
    pass


@checks("trained-classifier", N_("x"), gate=True)
def t(answer: Answer) -> None:
    pass
