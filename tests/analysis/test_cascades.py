"""Every bar of a cascade adds up, whoever examined whom."""

from analysis.cascades import NO_CLASS, cascade
from tests.analysis.people import people, person

TRIAL = {"dxa": True, "dxa_trial": True}


def read(bars):
    return [(bar.label, bar.n, {part.label: part.n for part in bar.segments}) for bar in bars]


def test_an_offered_scan_is_followed_to_treatment():
    rows = [
        *people(3, **TRIAL, dxa_class_trial="osteoporosis", dxa_class_any="osteoporosis", treated=True),
        *people(2, **TRIAL, dxa_class_trial="osteoporosis", dxa_class_any="osteoporosis"),
        *people(1, **TRIAL, dxa_class_trial="normal", dxa_class_any="normal"),
        *people(4, dxa=True, dxa_physician=True, dxa_class_any="osteoporosis", treated=True),
        *people(10),
    ]
    assert read(cascade(rows, "Screening arm", offered=True)) == [
        ("Screening arm", 20, {"DXA by the trial": 6, "DXA by physicians": 4, "No response": 10}),
        ("DXA by the trial", 6, {"Osteoporosis": 5, "Osteopenia": 0, "Normal T-score": 1}),
        ("Osteoporosis", 5, {"Medication usage": 3, "No medication": 2}),
    ]


def test_usual_care_counts_every_examination():
    rows = [*people(2, dxa=True, dxa_physician=True, dxa_class_any="osteopenia"), *people(3)]
    first, second, third = read(cascade(rows, "Control arm", offered=False))
    assert first == ("Control arm", 5, {"DXA by physicians": 2, "No response": 3})
    assert second[2]["Osteopenia"] == 2
    assert third == ("Osteoporosis", 0, {"Medication usage": 0, "No medication": 0})


def test_who_was_examined_by_both_counts_once():
    rows = [person(**TRIAL, dxa_physician=True, dxa_class_trial="osteopenia", dxa_class_any="osteoporosis")]
    first, second, _ = read(cascade(rows, "Screening arm", offered=True))
    assert first[2] == {"DXA by the trial": 1, "DXA by physicians": 0, "No response": 0}
    assert second[2]["Osteopenia"] == 1


def test_a_scan_without_a_class_is_shown_not_dropped():
    rows = [person(**TRIAL, dxa_class_trial=None)]
    assert read(cascade(rows, "Screening arm", offered=True))[1][2][NO_CLASS] == 1


def test_a_trial_scan_in_usual_care_is_shown_as_what_it_is():
    first, second, _ = read(cascade([person(**TRIAL, dxa_class_any="normal")], "Control arm", offered=False))
    assert first[2]["DXA by the trial"] == 1
    assert second[0] == "DXA by anybody"


def test_every_bar_adds_up():
    rows = [
        *people(2, **TRIAL, dxa_class_trial="osteoporosis", dxa_class_any="osteoporosis", treated=True),
        *people(1, dxa=True, dxa_physician=True, dxa_class_any=None),
        *people(4),
    ]
    for offered in (True, False):
        for bar in cascade(rows, "All", offered=offered):
            assert sum(part.n for part in bar.segments) == bar.n
