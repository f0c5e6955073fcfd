"""The languages that a report can be read in: catalogs of the trials unit, and those that are shipped."""

from pathlib import Path

from django.conf import settings
from django.utils.translation import get_language_info

from analysis.document import ENGLISH
from analysis.wording import Unreadable, Wording, read_catalog
from trial.services.trials import Refused

SHIPPED = Path(__file__).resolve().parent.parent / "languages"


def languages() -> dict[str, str]:
    """Return codes and names of the languages that have a catalog, English first."""
    codes = sorted({path.stem for folder in _folders() for path in folder.glob("*.po")} - {ENGLISH})
    return {code: _name(code) for code in (ENGLISH, *codes)}


def wording(language: str) -> Wording:
    """Return the words of a language, none met yet; refused where its catalog can't be read."""
    path = next((p for folder in _folders() if (p := folder / f"{language}.po").is_file()), None)
    if language == ENGLISH or path is None:
        return Wording(language)
    try:
        return Wording(language, read_catalog(path.read_text("utf-8")))
    except (Unreadable, UnicodeDecodeError) as no:
        raise Refused(
            f"The catalog {path.name} can't be read: {no} The report is there in English."
        ) from None


def _folders() -> list[Path]:
    return [Path(settings.REPORT_LANGUAGES), SHIPPED]


def _name(code: str) -> str:
    try:
        return get_language_info(code)["name_local"]
    except KeyError:
        return code
