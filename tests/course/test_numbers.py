"""The numbers' names are right: the Danish ones against a list written out by hand."""

from __future__ import annotations

import pytest

from course.data.numbers import DANISH, ENGLISH, LIMIT, danish, english, generate, pieces

BY_HAND = """
0 nul
1 en
2 to
3 tre
4 fire
5 fem
6 seks
7 syv
8 otte
9 ni
10 ti
11 elleve
12 tolv
13 tretten
14 fjorten
15 femten
16 seksten
17 sytten
18 atten
19 nitten
20 tyve
21 enogtyve
22 toogtyve
23 treogtyve
24 fireogtyve
25 femogtyve
26 seksogtyve
27 syvogtyve
28 otteogtyve
29 niogtyve
30 tredive
31 enogtredive
32 toogtredive
34 fireogtredive
36 seksogtredive
38 otteogtredive
40 fyrre
41 enogfyrre
42 toogfyrre
43 treogfyrre
45 femogfyrre
47 syvogfyrre
49 niogfyrre
50 halvtreds
51 enoghalvtreds
52 tooghalvtreds
53 treoghalvtreds
54 fireoghalvtreds
55 femoghalvtreds
56 seksoghalvtreds
57 syvoghalvtreds
58 otteoghalvtreds
59 nioghalvtreds
60 tres
61 enogtres
62 toogtres
63 treogtres
64 fireogtres
66 seksogtres
68 otteogtres
69 niogtres
70 halvfjerds
71 enoghalvfjerds
72 tooghalvfjerds
73 treoghalvfjerds
74 fireoghalvfjerds
75 femoghalvfjerds
76 seksoghalvfjerds
77 syvoghalvfjerds
78 otteoghalvfjerds
79 nioghalvfjerds
80 firs
81 enogfirs
82 toogfirs
84 fireogfirs
85 femogfirs
87 syvogfirs
88 otteogfirs
89 niogfirs
90 halvfems
91 enoghalvfems
92 tooghalvfems
93 treoghalvfems
94 fireoghalvfems
95 femoghalvfems
96 seksoghalvfems
97 syvoghalvfems
98 otteoghalvfems
99 nioghalvfems
100 et hundrede
101 et hundrede og en
102 et hundrede og to
110 et hundrede og ti
112 et hundrede og tolv
121 et hundrede og enogtyve
150 et hundrede og halvtreds
175 et hundrede og femoghalvfjerds
199 et hundrede og nioghalvfems
200 to hundrede
217 to hundrede og sytten
300 tre hundrede
365 tre hundrede og femogtres
400 fire hundrede
555 fem hundrede og femoghalvtreds
600 seks hundrede
777 syv hundrede og syvoghalvfjerds
800 otte hundrede
999 ni hundrede og nioghalvfems
1000 et tusind
1001 et tusind og en
1066 et tusind og seksogtres
1100 et tusind et hundrede
1234 et tusind to hundrede og fireogtredive
1950 et tusind ni hundrede og halvtreds
2000 to tusind
2025 to tusind og femogtyve
10000 ti tusind
11111 elleve tusind et hundrede og elleve
21000 enogtyve tusind
50050 halvtreds tusind og halvtreds
73000 treoghalvfjerds tusind
99999 nioghalvfems tusind ni hundrede og nioghalvfems
100000 et hundrede tusind
101000 et hundrede og et tusind
120500 et hundrede og tyve tusind fem hundrede
345678 tre hundrede og femogfyrre tusind seks hundrede og otteoghalvfjerds
500001 fem hundrede tusind og en
999999 ni hundrede og nioghalvfems tusind ni hundrede og nioghalvfems
"""
WRITTEN = {int(line.split(" ", 1)[0]): line.split(" ", 1)[1] for line in BY_HAND.strip().splitlines()}


def test_danish_names_are_those_written_by_hand():
    assert len(WRITTEN) >= 100
    assert {value: danish(value) for value in WRITTEN} == WRITTEN


@pytest.mark.parametrize(
    "value, name",
    [
        (0, "zero"), (13, "thirteen"), (40, "forty"), (47, "forty seven"), (80, "eighty"), (100, "one hundred"),
        (101, "one hundred and one"), (250, "two hundred and fifty"), (1000, "one thousand"),
        (1001, "one thousand and one"), (1100, "one thousand one hundred"), (21000, "twenty one thousand"),
        (101000, "one hundred and one thousand"),
        (345678, "three hundred and forty five thousand six hundred and seventy eight"),
    ],
)  # fmt: skip
def test_english_names(value, name):
    assert english(value) == name


@pytest.mark.parametrize("name, vocabulary", [(danish, DANISH), (english, ENGLISH)])
def test_every_number_has_a_name_of_its_own_which_its_ids_give_back(name, vocabulary):
    values = [*range(2000), *range(2000, LIMIT, 997), LIMIT - 1]
    names = [name(value) for value in values]
    assert len(set(names)) == len(names)
    longest = max(len(pieces(text)) for text in names)
    for text in names:
        assert vocabulary.text(vocabulary.ids(text, longest + 1)) == text


def test_a_compound_comes_apart():
    assert pieces("to hundrede og syvoghalvtreds") == ["to", "hundrede", "og", "syv", "##og", "##halvtreds"]
    assert pieces("forty seven") == ["forty", "seven"]
    with pytest.raises(ValueError, match="more than 5"):
        DANISH.ids("to hundrede og syvoghalvtreds", 5)


def test_a_seed_gives_different_numbers_and_a_beginning_of_more():
    numbers = generate(500, seed=1, below=1000)
    assert generate(20, seed=1, below=1000) == numbers[:20]
    assert len({n.value for n in numbers}) == 500 and all(0 <= n.value < 1000 for n in numbers)
    assert generate(500, seed=2, below=1000) != numbers
    assert sorted(n.value for n in generate(100, seed=3, below=100)) == list(range(100))
    assert numbers[0].danish == danish(numbers[0].value) and numbers[0].english == english(numbers[0].value)


@pytest.mark.parametrize("count, below", [(11, 10), (-1, 10), (1, 0), (1, LIMIT + 1)])
def test_what_there_is_not_is_refused(count, below):
    with pytest.raises(ValueError, match="different numbers"):
        generate(count, seed=1, below=below)


@pytest.mark.parametrize("value", [-1, LIMIT])
def test_a_number_out_of_range_has_no_name(value):
    with pytest.raises(ValueError, match="not between"):
        danish(value)
