"""One whole trial in a real browser: films come in, are scored by a real worker, and end as an odds ratio.

Nothing here is called that a page does not offer.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from django.urls import reverse
from numpy.random import default_rng

from screening.models import DxaExam, Radiograph
from screening.phantoms import Anatomy, Header, render_pa, to_bytes, to_dataset
from screening.vocabulary import FilmState
from tests.browsing import set_clock
from tests.dicom import text_file
from tests.factories import PASSWORD, in_arm, make_world, referral_of
from trial.models import Allocation

pytestmark = pytest.mark.django_db(transaction=True)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# What a browser on a machine without a network and without a sandbox of its own needs.
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
WIDE, PHONE = 1280, 390  # pixels
FRAIL, SOUND = -4.0, 2.0  # the T-score that a film shows
THIN, STRONG = 6, 2  # people of each kind


@dataclass
class Visitor:
    """Somebody signed in on a screen of some width, and what their browser complained of."""

    page: Any
    complaints: list[str] = field(default_factory=list)

    def sees(self, text: str) -> None:
        """Wait until the page says something, and see that nothing hangs over its edge."""
        self.page.get_by_text(text).filter(visible=True).first.wait_for()
        over = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert over <= 0, f"{self.page.url} is {over} pixels too wide"

    def presses(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def follows(self, name: str) -> None:
        self.page.get_by_role("link", name=name).first.click()

    def fills(self, label: str, text: str) -> None:
        self.page.get_by_label(label).first.fill(text)


@pytest.fixture
def visit(live_server, monkeypatch) -> Iterator:
    """Sign people in, each in a browser window of their own; whatever a browser complains of is a fault."""
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    # Playwright's loop runs in this thread, and Django takes every call here for one from inside it.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    visitors: list[Visitor] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)

        def sign_in(user, width: int = WIDE) -> Visitor:
            page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
            page.set_default_timeout(20_000)
            visitor = Visitor(page)
            page.on("console", lambda said: is_complaint(said) and visitor.complaints.append(said.text))
            page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
            visitors.append(visitor)
            page.goto(live_server.url)
            visitor.fills("User name", user.username)
            visitor.fills("Password", PASSWORD)
            visitor.presses("Sign in")
            return visitor

        yield sign_in
        browser.close()
    assert [complaint for visitor in visitors for complaint in visitor.complaints] == []


def is_complaint(said: Any) -> bool:
    """Tell whether the browser reports a fault; a form that is sent back is none."""
    return said.type == "error" and "(Unprocessable Entity)" not in said.text


def films(folder: Path) -> list[Path]:
    """Write the film of each person, and among them a text file and a film whose black and white are exchanged."""
    written = [folder / "notes.txt"]
    written[0].write_bytes(text_file())
    for number in range(THIN + STRONG + 1):
        rng = default_rng(number)
        picture = render_pa(Anatomy.draw(rng), FRAIL if number < THIN else SOUND, rng, 512)
        picture = 1 - picture if number == THIN + STRONG else picture
        header = Header(
            patient_id=f"P{number}",
            patient_name=f"PHANTOM^{number}",
            issuer="PHANTOM",
            sex="F",
            birth_date=date(1950, 3, 1 + number),
            study_date=date(2022, 6, 1),
        )
        written.append(folder / f"{number}.dcm")
        written[-1].write_bytes(to_bytes(to_dataset(picture, header)))
    return written


@pytest.mark.slow
def test_a_trial_from_radiograph_to_odds_ratio(place, visit, tmp_path, monkeypatch):
    world = make_world(real_pictures=True)
    set_clock(monkeypatch)
    place.start()

    radiology = visit(world.radiology_it)
    radiology.follows("Send films")
    radiology.page.get_by_label("Chest radiographs as DICOM files").set_input_files(films(tmp_path))
    radiology.presses("Send")
    radiology.sees("Every file has its answer below.")
    radiology.sees(f"✓ accepted {THIN + STRONG}")
    radiology.sees(
        f"{THIN + STRONG + 2} of {THIN + STRONG + 2}"
    )  # with a negative, and a note that is no film
    place.wait_until(lambda: Radiograph.objects.filter(state=FilmState.SCORED).count() == THIN + STRONG)

    keeper = visit(world.coordinator, PHONE)
    keeper.page.goto(urljoin(keeper.page.url, reverse("intake")))
    keeper.follows("Held films")
    keeper.sees("Black and white seem to be exchanged")
    keeper.page.locator("article a").click()
    keeper.sees("What the picture alone says")
    keeper.page.wait_for_load_state("load")  # with the picture
    assert keeper.page.evaluate("document.querySelector('main img').naturalWidth") == 512
    keeper.fills("What do you see?", "Stored as a negative; radiology sends it again.")
    keeper.presses("Keep it out")
    keeper.sees("No film waits for a person.")

    coordinator = visit(world.coordinator)
    coordinator.sees("How the trials stand")
    coordinator.page.get_by_role("link", name="DEMO", exact=True).click()
    coordinator.follows("Freeze the cohort")
    coordinator.presses("Freeze the cohort DEMO")
    coordinator.sees(f"A cohort of {THIN} is frozen")
    for signer in (visit(world.investigator), coordinator):
        signer.follows("Screentrial")
        signer.follows("Cohorts")
        signer.page.locator("#result_list tbody th a").first.click()
        signer.follows("Sign the cohort")
        signer.fills("Your password", PASSWORD)
        signer.page.get_by_role("button", name="Sign the cohort").first.click()
        signer.sees("You have signed the cohort")
    coordinator.follows("Randomize the cohort")
    coordinator.page.get_by_role("button", name="Randomize the cohort").first.click()
    coordinator.sees(f"{THIN} participants are randomized")

    made = list(Allocation.objects.all())
    screened, control = in_arm(made, "screening"), in_arm(made, "control")

    caller = visit(world.caller, PHONE)
    caller.sees("Calls are allowed")
    assert caller.page.get_by_role("main").get_by_role("link").count() >= THIN // 2
    assert str(control) not in caller.page.content()
    caller.follows(str(screened))
    caller.sees("First, who is it?")
    assert "Consent to the scan" not in caller.page.content()
    caller.page.get_by_label("full name and date of birth").check()
    caller.presses("Both agree: go on")
    caller.sees("It is the participant")
    caller.presses("Accepts the scan")
    caller.sees("Consent to the scan")
    caller.fills("Form version", "1")
    caller.page.get_by_label("I read the consent text").check()
    caller.presses("Record consent")
    caller.sees("Consent is recorded")
    caller.fills("Day and time of the scan: day", "2023-02-03")
    caller.fills("Day and time of the scan: time", "10:30")
    caller.presses("Book the scan")
    caller.sees("Friday 3 February 2023, 10:30")
    set_clock(monkeypatch, days_later=4)  # after the scan, at whatever hour this runs
    caller.page.reload()
    caller.presses("Kept: they came")
    caller.sees("They came.")

    recorder = visit(world.outcome_recorder, PHONE)
    recorder.fills("Study number or hospital number", str(screened))
    recorder.presses("Find")
    recorder.follows(str(screened))
    recorder.follows("Add DXA")
    recorder.fills("Date of the exam", "2023-02-03")
    recorder.page.get_by_label("Menopausal status").select_option(label="postmenopausal")
    score = recorder.page.get_by_role("textbox", name="femoral neck: T-score")
    score.fill("-28")
    recorder.presses("Save")
    recorder.sees("Did you mean -2.8?")
    score.fill("2.8")
    recorder.presses("Save")
    recorder.sees("Not saved yet. Is this right?")
    assert not DxaExam.objects.exists()
    score.fill("-2.8")
    recorder.sees("Osteoporosis")
    recorder.presses("Save")
    recorder.sees("osteoporosis")
    assert DxaExam.objects.get().appointment.referral == referral_of(screened)

    statistician = visit(world.trial_statistician)
    statistician.fills("What for", "first look")
    statistician.presses("Freeze")
    statistician.sees("Something is still open; nothing was frozen yet.")
    statistician.page.get_by_label("Freeze all the same").check()
    statistician.presses("Freeze")
    statistician.sees("Both arms together: your roles don't include results by arm.")
    with statistician.page.expect_download() as codebook:
        statistician.follows("Codebook")
    assert codebook.value.suggested_filename.endswith(".csv")

    committee = visit(world.monitoring_committee)
    committee.follows("DEMO freeze 1")
    committee.sees("Odds ratio (95 % interval)")
    committee.sees("New-onset osteoporosis (primary endpoint)")
    committee.sees(f"1/{THIN // 2} v 0/{THIN // 2}")
    committee.sees("Inf (0.03, Inf)")
    assert committee.page.locator("figure svg").count() >= 5
