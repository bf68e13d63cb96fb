"""Reports: complete, correct, self-contained, and unmoved by whatever a student writes."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser

import pytest
from support.sample_results import HOSTILE, a_class, broken, mix_up, not_graded, result

from autograder.reporting import html, marks, pictures, schema, text
from course import i18n

VOID = {"meta", "br", "hr", "img", "rect", "line", "path", "link", "input"}


class Tree(HTMLParser):
    """Checks that tags are balanced and collects what a browser would act on."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.attributes = [], set(), []
        self.feed(page)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
            self.open.pop()


def assert_harmless(page):
    tree = Tree(page)
    assert not tree.tags & {"script", "iframe", "object", "embed", "img", "link", "form", "base"}
    for name, value in tree.attributes:
        assert not name.startswith("on"), name
        if name in ("href", "src"):
            assert re.fullmatch(r"[a-z0-9-]+\.html|#[a-z-]+", value), value
    assert "\x1b" not in page and "\u202e" not in page
    assert not re.search(r"url\(|@import", page)


@pytest.mark.parametrize("made", a_class(), ids=lambda r: text.slug(r["student"]) or "odd")
def test_a_feedback_page_is_well_formed_and_harmless(made):
    assert_harmless(html.feedback_page(made))


def test_feedback_says_what_happened_in_each_part():
    page = html.feedback_page(mix_up("bo"))
    for words in (
        "Scaled dot-product attention", "9</b> of 14", "Softmax over the queries", "normalise along the last axis",
        "31 of 35 values differ", "Not checked yet", "About your notebook", "tensor([[0.1, 0.9]])", "yours", "expected",
    ):  # fmt: skip
        assert words in page, words
    assert "<code" in page and "`dim=-1`" not in page


def test_the_cases_of_a_test_are_one_check():
    made = result(fail=[("causal-mask", "test_values")])
    part = made["parts"][2]
    case = {"outcome": "passed", "message": None, "misconception": None, "picture": None, "share": 1.0}
    part["tests"] = [
        case | {"name": "test_values[a batch]", "title": "Values agree (a batch)."},
        case | {"name": "test_values[one]", "title": "Values agree (one).", "outcome": "failed", "message": "Far off."},
        case | {"name": "test_values[none]", "title": "Values agree (none).", "outcome": "failed", "message": "Again."},
    ]
    page = html.part_report(made, "causal-mask")
    assert page.count("Values agree.") == 1 and "✓ a batch" in page and "✗ one" in page and "✗ none" in page
    assert "Far off." in page and "Again." not in page


def test_the_error_of_a_cell_stands_with_its_part():
    assert "troch" in html.part_report(broken("dan"), "scaled-dot-product")


def test_what_could_not_be_graded_is_no_mark():
    page = html.feedback_page(not_graded("eva"))
    assert "costs you nothing" in page and "ends in the middle" in page and "of 14" not in page


def test_a_part_report_is_a_fragment_for_a_cell():
    fragment = html.part_report(mix_up("bo"), "scaled-dot-product")
    assert_harmless(fragment)
    assert fragment.startswith("<div") and "<style" not in fragment and "<svg" in fragment
    assert "Softmax over the queries" in fragment and "The causal mask" not in fragment


def test_a_part_that_the_result_lacks_is_explained():
    assert "could not be found" in html.part_report(result(), "nonsense")
    assert "ends in the middle" in html.part_report(not_graded("eva"), "causal-mask")


def test_part_text_reads_without_a_browser():
    shown = html.part_text(mix_up("bo"), "scaled-dot-product")
    assert "✗ The output and the weights agree with the formula." in shown and "Softmax over the queries" in shown


def test_the_class_page_ranks_misconceptions_and_lists_the_ungraded():
    page = html.class_page(a_class())
    assert_harmless(page)
    assert page.index("Softmax over the queries") < page.index("Marks by part")
    assert "2</b>&thinsp;× Softmax over the queries" in page
    assert "Could not be graded" in page and "ends in the middle" in page and "<svg" in page
    assert "not graded" in page


def test_an_empty_class_has_a_page():
    assert_harmless(html.class_page([]))


def test_pages_stay_in_their_folder_and_never_meet(tmp_path):
    students = ["a/b", "a b", "A B", "../x", "", None, "🤖", "🤖🤖", "ann", "ann", "x" * 400, "CON", "index", HOSTILE]
    index = html.write_pages([result(s, submission=s or "?") for s in students], tmp_path / "out" / "pages")
    files = sorted(p.name for p in index.parent.iterdir())
    assert len(files) == len({f.lower() for f in files}) == len(students) + 1
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == files
    links = set(re.findall(r'href="([^"#]+)"', index.read_text()))
    assert links == set(files) - {"index.html"}


def test_strange_values_do_not_stop_a_page():
    made = broken("\ud800")
    made["parts"][0]["tests"][0]["message"] = "lone \udcff surrogate \x00 \x9b31m " + "x" * 100_000
    page = html.feedback_page(made)
    page.encode("utf-8")
    assert_harmless(page)
    assert len(page) < 80_000


@pytest.mark.parametrize("bad", [None, 3, "x", [], [[]], [[1], [1, 2]], [1, 2], {"a": 1}])
def test_what_is_no_matrix_is_not_drawn(bad):
    assert pictures.heatmaps({"kind": "heatmaps", "yours": bad, "expected": bad}) == ""


def test_both_heat_maps_share_a_colour_scale():
    svg = pictures.heatmaps({"title": "t", "yours": [[0.0, 1.0]], "expected": [[1.0, 4.0]]})
    fills = re.findall(r'height="22" fill="(#\w+)"', svg)
    assert fills[1] == fills[2] and fills[1] != fills[3]
    assert "<title>(0, 1): 4</title>" in svg


def test_csv_holds_no_formulas():
    evil = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "  =1", "＝1"]
    rows = list(csv.reader(io.StringIO(marks.csv_table([result(name) for name in evil] + [mix_up("bo")]))))
    assert all(row[0].startswith("'") for row in rows[1:-1])
    assert rows[0][6:10] == ["scaled-dot-product", "padding-mask", "causal-mask", "combine-masks"]
    assert rows[-1][4] == "9" and rows[-1][10] == "softmax-over-queries"


def test_the_samples_are_in_the_documented_format():
    schema.validate(a_class())


@pytest.mark.parametrize(
    "change", [{"status": "fine"}, {"score": None}, {"score": -1}, {"parts": []}, {"flags": "x"}, {"parts": [{}]}]
)
def test_the_schema_refuses(change):
    with pytest.raises(schema.NotAResult):
        schema.validate([result(**change)])


def test_points_read_as_people_write_them():
    assert [text.points(v) for v in (3.0, 2.5, 4 / 3, 0, None, float("nan"))] == ["3", "2.5", "1.33", "0", "–", "–"]


@pytest.mark.parametrize(("language", "written"), [("en", "8.46"), ("da", "8,46")])
def test_points_have_the_decimal_sign_of_the_language(language, written):
    hand_in = {**result(), "score": 8.46}
    with i18n.using(language):
        assert f"<b>{written}</b>" in html.feedback_page(hand_in)
        assert written in html.class_page([hand_in])
        assert "8.46" in marks.csv_table([hand_in])  # which programs read


# -- parts in which a known mistake was counted by itself --------------------------------------------------------------


def followed(second: bool = False) -> dict:
    """A result in which the scores are not scaled: one check failed for it, two waited; `second`: one fails besides."""
    made = result(fail=[("scaled-dot-product", "test_shapes")])
    part = made["parts"][0]
    known = {"id": "scale-missing", "title": "The scores are not scaled", "hint": "Divide.", "weight": "serious"}
    other = {"id": "mask-inverted", "title": "The mask is inverted", "hint": "Look.", "weight": "slip", "cost": 0.6}
    part |= {"marking": "follow-through", "plain_score": 0.0, "misconception": known}
    part["misconceptions"] = [known | {"cost": 1.8}, *([other] if second else [])]
    for test in part["tests"]:
        test["granted"] = not (second and test["name"] == "test_masked")
    part["score"] = 4.2 if not second else 2.4
    part["follow_through_score"] = part["score"]
    return made


def test_a_counted_mistake_stands_with_its_points_and_what_follows_from_it_says_so():
    made = followed()
    schema.validate([made])
    page, said = html.part_report(made, "scaled-dot-product"), html.part_text(made, "scaled-dot-product")
    assert_harmless(page)
    for words in ("−1.8", "The scores are not scaled", "Everything else in this part is right, given that."):
        assert words in page and words in said
    assert page.count("Follows from the above.") == 1 and page.count("Right, given the above.") == 3
    assert "31 of 35 values differ" not in page and "Not checked yet" not in page
    assert "1.4&thinsp;/&thinsp;1.4" in page  # of 4.2 that are left, a check with 2 of 6 shares


def test_two_counted_mistakes_both_stand_there_and_what_else_fails_keeps_its_message():
    page = html.part_report(followed(second=True), "scaled-dot-product")
    assert "−1.8" in page and "−0.6" in page and "The mask is inverted" in page
    assert "The rest of this part was checked as if these were right." in page
    assert "Not checked yet" in page and "is right, given" not in page


def test_it_is_said_in_danish_too():
    with i18n.using("da"):
        page = html.part_report(followed(), "scaled-dot-product")
    assert "Alt andet i denne del er rigtigt" in page and "Følger af det ovenstående." in page and "−1,8" in page


def test_a_mistake_that_the_tests_have_counted_has_no_points_beside_it():
    made = followed()
    part = made["parts"][0]
    part |= {"marking": "strict", "score": 0.0}
    part["misconceptions"][0]["cost"] = None
    page = html.part_report(made, "scaled-dot-product")
    assert "The scores are not scaled" in page and "−" not in page and "Follows" not in page
    assert "31 of 35 values differ" in page


def test_a_persons_mark_has_no_deductions():
    made = followed()
    made["parts"][0] |= {"by_hand": True, "score": 5.0}
    assert "−1.8" not in html.part_report(made, "scaled-dot-product")


def test_a_table_of_marks_has_all_that_is_named():
    table = marks.csv_table([followed(second=True)])
    assert "scale-missing mask-inverted" in table


def of_group(student, group, assignment="self-attention-pytorch", **more):
    """A result of somebody in a section of the class list."""
    person = {"key": student, "name": student, "platform": "roster", "attempt": None, "late": False, "email": "",
              "section": group}  # fmt: skip
    return result(student, **more) | {"owner": person, "assignment": assignment}


def test_the_class_page_sums_over_exercises_in_the_syllabus_order_and_shows_sections_and_filters():
    # Both stand-ins have 14 points; additive attention comes first in the syllabus, and last by this list.
    names = ("self-attention-pytorch", "additive-attention-pytorch")
    class_ = [of_group("ann", "Monday", name) for name in names]
    class_ += [of_group("bo", "Friday", name, fail=["causal-mask"]) for name in names]
    page = html.class_page(class_)
    assert_harmless(page)
    assert page.index(">Attention in a recurrent model, PyTorch<") < page.index(">Self-attention, PyTorch<")
    assert '<b>28</b><span class="soft">&thinsp;/&thinsp;28' in page
    assert page.count('<tr data-row data-group="1">') == page.count('<tr data-row data-group="2">') == 3, (
        "a row in each of three tables"
    )
    assert 'id="group-2"' in page and "Friday" in page and 'id="only-looks"' not in page
    assert "Sections of the class list" not in html.class_page([result("ann")])


def test_a_check_whose_pass_rate_is_odd_is_named():
    from autograder.reporting.class_views import odd

    def rate(failed, passed):
        return {"part": "", "title": "", "counts": {}, "shares": (failed, passed)}

    assert odd(rate([0.5] * 19, [0.9])) == "nearly nobody passes"
    assert odd(rate([0.9] * 6, [0.2] * 6)) == "those who pass it have fewer points than those who do not"
    assert odd(rate([0.2] * 6, [0.9] * 6)) is None and odd(rate([0.9] * 4, [0.2] * 4)) is None


def test_the_class_page_opens_with_what_to_teach_and_who_needs_a_look():
    zero = result("dee", fail=["scaled-dot-product", "padding-mask", "causal-mask", "combine-masks"])
    flagged = result("cy") | {"flags": ["not-in-gradebook"]}
    page = html.class_page([mix_up("ann"), mix_up("bo"), flagged, zero])
    teach, look, marks = (page.index(words) for words in ("What to teach next", "Who needs a look", "Marks by part"))
    assert teach < look < marks
    assert "Softmax over the queries" in page[teach:look]
    assert "the gradebook has another mark" in page[look:marks] and "nothing passes" in page[look:marks]
    assert "ann" not in page[look:marks].split("</section>")[0]
    assert "What to teach next" not in html.class_page([result("ann")])


def of_a_platform(student: str, key: str, *flags: str, late: bool = False, **more) -> dict:
    owner = {"key": key, "name": student, "platform": "canvas", "attempt": None, "late": late,
             "email": f"{key}@uni.example", "section": "B"}  # fmt: skip
    return {**result(student), "owner": owner, "flags": list(flags), "submission": f"class.zip!{key}.ipynb", **more}


def test_the_class_page_tells_keys_sections_groups_and_lateness_in_the_readers_language():
    shared = {"submission": "class.zip!group.ipynb"}
    rows = [of_a_platform("Ann", "101", late=True), of_a_platform("Bo", "102", "group", **shared),
            of_a_platform("Cy", "103", "group", "several-files", **shared),
            of_a_platform("Ann (104)", "104", "not-on-roster", "a-new-flag")]  # fmt: skip
    page = html.class_page(rows)
    assert "101 · 101@uni.example · section B" in page and ">104@uni.example · section B" in page
    assert "3 hand-ins" in page and ">late<" in page and ">handed in by a group, several files<" in page
    assert "is not on the class list, a new flag" in page
    with i18n.using("da"):
        danish = html.class_page(rows)
        assert "hold B" in danish and ">for sent<" in danish and ">afleveret af en gruppe, flere filer<" in danish
        assert "Afleveret for sent." in html.feedback_page(rows[0]) and "hold B" in html.feedback_page(rows[0])
    assert "Handed in late" not in html.feedback_page({**rows[0], "late_penalty": 2.0})
    late = {**rows[1], "late_penalty": 2.0}
    assert "late, 2 points off" in html.class_page([late])


def test_words_of_a_path_are_parted_as_platforms_part_them():
    assert text.shown_name("李 明_4_assignsubmission_file") == "李 明_4_assignsubmission_file"
    assert "U+0430" in text.shown_name("pаypal_4")
