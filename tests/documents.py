"""The words of files that are not text: PDF, Word and Excel, which are packed."""

import io
import re
import zipfile
from functools import lru_cache

from pypdf import PdfReader


@lru_cache(maxsize=64)
def file_words(content: bytes) -> str | None:
    """Return what a packed file says; None for any other content."""
    if content.startswith(b"%PDF"):
        return pdf_words(content)
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            return "\n".join(
                parts.read(name).decode() for name in parts.namelist() if name.endswith((".xml", ".rels"))
            )
    return None


def pdf_words(content: bytes) -> str:
    """Return the words of a PDF, however its lines are broken."""
    reader = PdfReader(io.BytesIO(content))
    told = " ".join([*map(str, (reader.metadata or {}).values()), *(p.extract_text() for p in reader.pages)])
    return re.sub(r"\s+", " ", told)
