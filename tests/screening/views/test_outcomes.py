"""Outcome recorders type what a report says; bad values are told, unusual ones asked about, none lost."""

import pytest
from django.urls import reverse

from screening.models import Diagnosis, DxaExam, DxaMeasurement, Treatment
from tests.admin import list_of, page_of
from tests.browsing import browser, words
from tests.factories import make_participant
from tests.screening.views.acts import add, kept_appointment

pytestmark = pytest.mark.django_db


def test_what_the_report_prints_is_kept_as_typed(world, woman):
    answer = add(
        world.outcome_recorder,
        woman,
        follow=True,
        device="Lunar iDXA",
        lumbar_spine_t="－２．８",
        lumbar_spine_z="−1,1",
        lumbar_spine_bmd="0.712",
        lumbar_spine_vertebrae="l1, l3-l4",
    )

    row = DxaMeasurement.objects.get()
    assert (str(row.t_score), str(row.z_score), str(row.bmd), row.vertebrae) == (
        "-2.8",
        "-1.1",
        "0.712",
        "L1, L3-L4",
    )
    assert "Saved: DXA of 2023-01-20. Lowest T-score -2.8 (lumbar spine): osteoporosis." in words(answer)
    exam = DxaExam.objects.get()
    assert (exam.recorded_by, exam.source) == (world.outcome_recorder, "screen")


def test_frax_is_kept_as_typed_shown_and_corrected(world, woman):
    typed = {"lumbar_spine_t": "-2.8", "frax_major": "8,1", "frax_hip": "2", "frax_model": "Taiwan 4.2"}
    page = words(add(world.outcome_recorder, woman, follow=True, **typed))

    exam = DxaExam.objects.get()
    assert (str(exam.frax_major), str(exam.frax_hip), exam.frax_hip_bmd) == ("8.1", "2.0", None)
    assert "FRAX (Taiwan 4.2), 10-year risk as entered: major osteoporotic 8.1 %, with BMD – %" in page
    form = browser(world.outcome_recorder).get(reverse("dxa-change", args=[exam.pk]))
    assert 'value="8.1"' in form.content.decode() and form.context["frax_used"]

    odd = add(world.outcome_recorder, woman, lumbar_spine_t="-2.8", frax_major="8", frax_hip="9")
    assert "FRAX without BMD: hip 9 % is above major osteoporotic 8 %" in words(odd)
    bad = add(world.outcome_recorder, woman, lumbar_spine_t="-2.8", frax_major="101")
    assert "101: a FRAX probability lies between 0 and 100 %." in words(bad)
    assert DxaExam.objects.count() == 1


def test_a_positive_score_is_asked_about_and_saved_when_confirmed(world, woman):
    asked = add(world.outcome_recorder, woman, lumbar_spine_t="2.8", device="Lunar")

    assert asked.status_code == 422 and not DxaExam.objects.exists()
    assert "Not saved yet. Is this right? 2.8 is positive; most are negative." in words(asked)
    assert 'value="2.8"' in asked.content.decode() and 'value="Lunar"' in asked.content.decode()

    question = asked.context["question"]
    add(world.outcome_recorder, woman, lumbar_spine_t="2.8", confirm=question)
    assert str(DxaMeasurement.objects.get().t_score) == "2.8"


def test_a_tick_answers_its_own_question_only(world, woman):
    question = add(world.outcome_recorder, woman, lumbar_spine_t="2.8").context["question"]

    other = add(world.outcome_recorder, woman, lumbar_spine_t="3.1", confirm=question)

    assert other.status_code == 422 and "3.1 is positive" in words(other)
    assert not DxaExam.objects.exists()


def test_twenty_eight_is_refused_at_its_field(world, woman):
    answer = add(world.outcome_recorder, woman, lumbar_spine_t="-28", femoral_neck_t="-1.9")

    assert answer.status_code == 422 and not DxaExam.objects.exists()
    assert "-28: T-scores lie between -8.0 and 6.0. Did you mean -2.8?" in words(answer)
    page = answer.content.decode()
    assert '<a href="#id_lumbar_spine_t">' in page and 'aria-invalid="true"' in page
    assert 'value="-28"' in page and 'value="-1.9"' in page


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "Enter at least one site of measurement"),
        ({"total_hip_bmd": "712"}, "Did you mean 0.712?"),
        ({"femoral_neck_t": "low"}, "'low' is not a number. Write it like -2.8."),
        ({"femoral_neck_t": "-2", "exam_date": "2023-13"}, "there is no month 13"),
        ({"femoral_neck_t": "-2", "exam_date": "2031"}, "2031 lies in the future"),
        ({"femoral_neck_t": "-2", "exam_date": "1940"}, "lies before the birth date"),
        ({"lumbar_spine_vertebrae": "L5", "lumbar_spine_t": "-2"}, "such as L1-L4"),
        ({"lumbar_spine_vertebrae": "L1-L4", "femoral_neck_t": "-2"}, "Vertebrae without a value"),
        ({"femoral_neck_t": "-4.9", "lumbar_spine_t": "-0.2"}, "differ by 4.7"),
    ],
)
def test_bad_values_get_a_clear_message_and_write_nothing(world, woman, typed, said):
    answer = add(world.outcome_recorder, woman, **typed)

    assert answer.status_code == 422
    assert said in words(answer)
    assert not DxaExam.objects.exists()


def test_a_second_scan_of_the_day_is_asked_about_together_with_the_rest(world, woman):
    add(world.outcome_recorder, woman, femoral_neck_t="-1.9")

    asked = add(world.outcome_recorder, woman, femoral_neck_t="2.8")

    assert "2.8 is positive" in words(asked) and "is on record already" in words(asked)
    assert DxaExam.objects.count() == 1


def test_a_man_has_no_menopausal_status(world):
    man = make_participant(world, sex="male")

    page = browser(world.outcome_recorder).get(reverse("dxa-add", args=[man.pk]))
    answer = add(world.outcome_recorder, man, femoral_neck_t="-1.9")

    assert "Menopausal status" not in words(page)
    assert "registered as a man" in words(answer) and not DxaExam.objects.exists()


def test_the_live_line_tells_the_class_and_saves_nothing(world, woman):
    client = browser(world.outcome_recorder)
    line = reverse("dxa-line", args=[woman.pk])
    typed = {"exam_date": "2023-01-20", "menopausal_status": "postmenopausal"}

    assert words(client.post(line, typed)).startswith("Nothing measured yet")
    said = words(client.post(line, {**typed, "lumbar_spine_t": "-2.8", "femoral_neck_t": "-"}))
    assert said == "Lowest T-score -2.8 (lumbar spine): osteoporosis."
    assert not DxaExam.objects.exists()


def test_the_live_line_says_why_there_is_no_class(world):
    man = make_participant(world, sex="male", birth_date="1980-01-01")

    said = words(
        browser(world.outcome_recorder).post(
            reverse("dxa-line", args=[man.pk]),
            {"exam_date": "2023-01-20", "femoral_neck_t": "-2.8", "femoral_neck_z": "-2.1"},
        )
    )

    assert said.startswith("Man of 43: classes are for men of 50 and over. Use the Z-score.")
    assert said.endswith("Lowest Z-score -2.1 (femoral neck): below the expected range for age.")


def test_the_device_of_the_last_exam_is_filled_in(world, woman):
    add(world.outcome_recorder, woman, femoral_neck_t="-1.9", device="Lunar iDXA")

    page = browser(world.outcome_recorder).get(reverse("dxa-add", args=[make_participant(world).pk]))

    assert 'value="Lunar iDXA"' in page.content.decode()


# --- corrections


def correct(user, exam, **typed):
    client, url = browser(user), reverse("dxa-change", args=[exam.pk])
    seen = client.get(url).context["seen"]
    return client.post(url, {"exam_date": exam.exam_date, "seen": seen, **typed})


@pytest.fixture
def exam(world, woman):
    add(world.outcome_recorder, woman, femoral_neck_t="-1.9")
    return DxaExam.objects.get()


def test_a_correction_keeps_its_reason_in_the_trail(world, exam):
    answer = correct(world.outcome_recorder, exam, femoral_neck_t="-2.9", why="typing_error", note="9 for 1")

    assert answer.status_code == 302
    assert str(DxaMeasurement.objects.get().t_score) == "-2.9"
    trail = DxaMeasurement.pgh_event_model.objects.order_by("pgh_created_at")
    assert [str(row.t_score) for row in trail] == ["-1.9", "-2.9"]
    assert trail.last().pgh_context["why"] == "Typing error: 9 for 1"


@pytest.mark.parametrize(
    ("reason", "said"), [({}, "This field is required."), ({"why": "other"}, "Write the reason in words.")]
)
def test_a_correction_without_a_reason_is_refused(world, exam, reason, said):
    answer = correct(world.outcome_recorder, exam, femoral_neck_t="-2.9", **reason)

    assert answer.status_code == 422 and said in words(answer)
    assert str(DxaMeasurement.objects.get().t_score) == "-1.9"


def test_a_value_typed_in_the_wrong_row_moves_to_its_site(world, exam):
    correct(world.outcome_recorder, exam, total_hip_t="-1.9", why="typing_error")

    row = DxaMeasurement.objects.get()
    assert (row.site, str(row.t_score)) == ("total_hip", "-1.9")


def test_a_recorded_value_is_not_taken_away(world, woman):
    add(world.outcome_recorder, woman, femoral_neck_t="-1.9", total_hip_t="-1.0")

    answer = correct(world.outcome_recorder, DxaExam.objects.get(), total_hip_t="-1.0", why="typing_error")

    assert answer.status_code == 422 and "is not taken away (femoral neck)" in words(answer)
    assert DxaMeasurement.objects.count() == 2


def test_two_who_correct_at_once_do_not_overwrite_each_other(world, exam):
    client, url = browser(world.outcome_recorder), reverse("dxa-change", args=[exam.pk])
    seen = client.get(url).context["seen"]
    correct(world.outcome_recorder, exam, femoral_neck_t="-2.6", why="typing_error")
    typed = {"exam_date": exam.exam_date, "femoral_neck_t": "-2.8", "why": "typing_error"}

    stale = client.post(url, {**typed, "seen": seen})

    assert stale.status_code == 422 and "Somebody changed this exam while you typed" in words(stale)
    assert "femoral neck: T -2.6" in words(stale) and 'value="-2.8"' in stale.content.decode()
    assert str(DxaMeasurement.objects.get().t_score) == "-2.6"
    assert client.post(url, {**typed, "seen": stale.context["seen"]}).status_code == 302
    assert str(DxaMeasurement.objects.get().t_score) == "-2.8"


def test_a_corrected_date_finds_its_kept_appointment(world, pair):
    day = kept_appointment(world, pair[0])
    add(world.outcome_recorder, pair[0], exam_date="2023-01", femoral_neck_t="-2.8")
    exam = DxaExam.objects.get()
    assert exam.appointment is None

    correct(world.outcome_recorder, exam, exam_date=day, femoral_neck_t="-2.8", why="new_source_document")

    exam.refresh_from_db()
    assert (exam.exam_date, exam.appointment is not None) == (day, True)


# --- diagnoses and treatments


def test_several_drugs_begun_at_once_are_several_treatments(world, woman):
    answer = browser(world.outcome_recorder).post(
        reverse("treatment-add", args=[woman.pk]),
        {"drug_classes": ["denosumab", "vitamin_d"], "started_on": "2023/1"},
        follow=True,
    )

    assert set(Treatment.objects.values_list("drug_class", "started_on")) == {
        ("denosumab", "2023-01"),
        ("vitamin_d", "2023-01"),
    }
    assert "vitamin D, begun 2023-01" in words(answer)


def test_a_diagnosis_of_one_day_is_recorded_once(world, woman):
    for _ in range(2):
        browser(world.outcome_recorder).post(
            reverse("diagnosis-add", args=[woman.pk]), {"code": "osteoporosis", "diagnosed_on": "2023"}
        )

    assert list(Diagnosis.objects.values_list("code", "diagnosed_on")) == [("osteoporosis", "2023")]


def test_of_drugs_that_cannot_all_be_recorded_none_is(world, woman):
    answer = browser(world.outcome_recorder).post(
        reverse("treatment-add", args=[woman.pk]),
        {"drug_classes": ["denosumab", "serm"], "started_on": "1930"},
    )

    assert answer.status_code == 422 and "before the birth date" in words(answer)
    assert not Treatment.objects.exists()


# --- who may


@pytest.mark.parametrize("who", ["caller", "coordinator", "trial_statistician", "radiology_it", "stranger"])
def test_others_record_nothing(world, woman, who):
    user = world.stranger if who == "stranger" else getattr(world, who)

    assert add(user, woman, femoral_neck_t="-1.9").status_code == 403
    assert browser(user).get(reverse("person", args=[woman.pk])).status_code == 403
    assert not DxaExam.objects.exists()


def test_a_monitor_reads_results_and_has_no_buttons(world, exam, woman):
    page = browser(world.monitor).get(reverse("person", args=[woman.pk]))

    assert "Lowest T-score -1.9" in words(page)
    assert "Add DXA" not in words(page) and "Correct" not in words(page)


def test_what_was_entered_in_error_stays_on_record_and_counts_for_nothing(world, woman):
    recorder = browser(world.outcome_recorder)
    add(world.outcome_recorder, woman, lumbar_spine_t="-2.8")
    recorder.post(
        reverse("diagnosis-add", args=[woman.pk]), {"code": "osteoporosis", "diagnosed_on": "2023-01-20"}
    )
    recorder.post(
        reverse("treatment-add", args=[woman.pk]), {"drug_classes": ["denosumab"], "started_on": "2023-01-20"}
    )
    rows = [("dxa", DxaExam), ("diagnosis", Diagnosis), ("treatment", Treatment)]
    for kind, model in rows:
        page = reverse("outcome-strike", args=[kind, model.objects.get().pk])
        assert page in recorder.get(reverse("person", args=[woman.pk])).content.decode()
        assert recorder.post(page, {"why": " "}).status_code == 422 and model.objects.exists()
        told = recorder.post(page, {"why": "Another person's."}, follow=True)
        assert "Marked as entered in error" in words(told)
        assert not model.objects.exists()
        assert model.with_errors.get().entered_in_error
        assert recorder.get(page).status_code == 404
    assert words(recorder.get(reverse("person", args=[woman.pk]))).count("None recorded") == 3

    listed = words(browser(world.monitor).get(list_of(Diagnosis)))
    assert str(woman) in listed
    history = words(browser(world.monitor).get(page_of(Diagnosis.with_errors.get(), "history")))
    assert "entered in error: no → yes" in history.lower() and "Another person's." in history

    recorder.post(
        reverse("diagnosis-add", args=[woman.pk]), {"code": "osteoporosis", "diagnosed_on": "2023-01-20"}
    )
    assert Diagnosis.objects.count() == 1


def test_a_kept_appointment_waits_for_the_right_scan(world, pair):
    woman = pair[0]
    day = kept_appointment(world, woman)
    add(world.outcome_recorder, woman, exam_date=day, lumbar_spine_t="-1.8")
    wrong = DxaExam.objects.get()
    kept = wrong.appointment
    assert kept is not None
    strike = reverse("outcome-strike", args=["dxa", wrong.pk])
    browser(world.outcome_recorder).post(strike, {"why": "Another person's."})
    add(world.outcome_recorder, woman, exam_date=day, lumbar_spine_t="-2.6")
    assert DxaExam.objects.get().appointment == kept
