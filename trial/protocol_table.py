"""A protocol's definition as lines that people read: what, its value, who gave it, and what is to be said."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class ProtocolLine(NamedTuple):
    """One value of a protocol and its provenance: paper, registry, inferred or ours."""

    path: str
    value: str
    source: str
    note: str
    before: str | None = None  # the value in the version that this one amends, where it was another

    @property
    def words(self) -> str:
        """Return the path as people read it."""
        return self.path.replace(".", ": ").replace("_", " ")


# Who knows the sizes can foretell the end of a block (SPIRIT 2025, item 22: kept from those who enroll).
SEALED = frozenset({"allocation.block_sizes", "allocation.limit"})


def protocol_lines(definition: Mapping[str, Any], *, sealed: bool) -> list[ProtocolLine]:
    """Return a line for each value of a definition (as `Protocol.to_dict` gives it), in its order.

    Sealed values are named but not told.
    """
    told = definition.get("provenance", {})
    values = {name: value for name, value in definition.items() if name != "provenance"}
    lines = [_line(path, value, told) for path, value in _leaves(values, "")]
    return [_kept_back(line) if sealed and line.path in SEALED else line for line in lines]


def compared(lines: Sequence[ProtocolLine], earlier: Sequence[ProtocolLine]) -> list[ProtocolLine]:
    """Return the lines, each with the value it had in an earlier version where that was another."""
    had = {line.path: line.value for line in earlier}
    return [
        line._replace(before=had.get(line.path, "not set")) if had.get(line.path) != line.value else line
        for line in lines
    ]


def _kept_back(line: ProtocolLine) -> ProtocolLine:
    return ProtocolLine(line.path, "known to the randomization statistician alone", "", "")


def _leaves(values: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _line(path: str, value: Any, told: Mapping[str, Any]) -> ProtocolLine:
    # The nearest entry above a value speaks for it: "blinding" tells of every role in it.
    entry = max((e for e in told if path == e or path.startswith(f"{e}.")), key=len, default="")
    source = told.get(entry, {})
    return ProtocolLine(path, _words(value), source.get("source", ""), source.get("note", ""))


def _words(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, list):
        return ", ".join(_words(item) for item in value) or "none"
    if isinstance(value, Mapping):
        return " ".join(_words(item) for item in value.values())
    return str(value).replace("_", " ")
