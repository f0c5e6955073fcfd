"""Rehearsals: published answers by the same engine that allocates, and never with a trial's key."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from trial.keys import key_path
from trial.rehearsal import ParametersRefused, rehearse

KEY = b"test-only-key-1"
BLOCKS = {"method": "permuted_blocks", "arms": {"S": 1, "C": 1}, "block_sizes": [4, 6], "n": 20}
EXAMPLE = {
    "method": "minimization",
    "arms": {"A1": 1, "A2": 1, "A3": 1},
    "p": "2/3",
    "measure": "range",
    "factors": {"F1": 2, "F2": 1, "F3": 1},
    "newcomer": {"F1": "l1", "F2": "l2", "F3": "l2"},
}
COUNTS = {
    "F1": {"l1": {"A1": 9, "A2": 10, "A3": 9}, "l2": {"A1": 8, "A2": 7, "A3": 7}},
    "F2": {"l1": {"A1": 8, "A2": 6, "A3": 7}, "l2": {"A1": 9, "A2": 11, "A3": 9}},
    "F3": {
        "l1": {"A1": 8, "A2": 8, "A3": 8},
        "l2": {"A1": 4, "A2": 5, "A3": 3},
        "l3": {"A1": 5, "A2": 4, "A3": 5},
    },
}


@pytest.mark.parametrize(
    ("label", "golden", "sizes"),
    [
        ("site=1|sex=F", "CCSCSSSSCCCSCCSSCSSC", [6, 6, 4, 6]),
        ("site=1|sex=M", "SCCSSCSCSCSSCCCCSSCS", [4, 4, 6, 6]),
    ],
)
def test_the_golden_lists(label, golden, sizes):
    assert rehearse(BLOCKS | {"label": label}, key=KEY) == {"sequence": list(golden), "block_sizes": sizes}


def test_the_worked_example_from_counts_and_from_people():
    by_counts = rehearse(EXAMPLE | {"counts": COUNTS}, key=KEY)
    assert by_counts["scores"] == {"A1": 6, "A2": 10, "A3": 5}
    assert by_counts["probabilities"] == pytest.approx({"A1": 1 / 6, "A2": 1 / 6, "A3": 2 / 3})
    assert by_counts["arm"] == by_counts["sequence"][0] in EXAMPLE["arms"]

    # The same people one by one: levels of each factor are dealt out within the arms.
    people = []
    for arm in EXAMPLE["arms"]:
        levels = [
            [level for level, counts in COUNTS[f].items() for _ in range(counts[arm])] for f in sorted(COUNTS)
        ]
        people += [
            {"arm": arm} | dict(zip(sorted(COUNTS), person, strict=True))
            for person in zip(*levels, strict=True)
        ]
    assert len(people) == 50
    assert rehearse(EXAMPLE | {"history": people}, key=KEY) == by_counts


@pytest.mark.parametrize(
    "parameters",
    [
        {"method": "simple", "arms": {"A": 2, "B": 1}, "n": 9},
        {"method": "big_stick", "arms": {"A": 1, "B": 1}, "limit": 2, "n": 9},
        {"method": "biased_coin", "arms": {"A": 1, "B": 1}, "p": 0.7, "n": 9},
    ],
)
def test_methods_by_chances_say_what_they_drew(parameters):
    answer = rehearse(parameters, key=KEY)
    assert len(answer["sequence"]) == len(answer["uniforms"]) == 9
    assert all(0 <= uniform < 1 for uniform in answer["uniforms"])
    assert rehearse(parameters | {"n": 5}, key=KEY)["sequence"] == answer["sequence"][:5]
    assert rehearse(parameters, key=b"another key") != answer


def test_the_allocation_rule_fills_its_total():
    whole = {"method": "random_allocation_rule", "arms": {"A": 1, "B": 1}, "total": 12}
    assert sorted(rehearse(whole, key=KEY)["sequence"]) == ["A"] * 6 + ["B"] * 6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": "dice"}, "method is 'dice'; it must be one of simple"),
        ({"block_sizes": [5]}, "each must be a multiple of 2"),
        ({"arms": {"S": 1}}, "two or more different names"),
        ({"arms": {"S": 0, "C": 1}}, "arms.S is 0"),
        ({"n": 0}, "n is 0"),
        ({"blocks": [4]}, "blocks is \\[4\\]; it must be absent"),
        ({"p": "2/3"}, "permuted_blocks takes none"),
        (EXAMPLE | {"counts": COUNTS, "p": "1/3"}, "above 1/3"),
        (EXAMPLE | {"counts": COUNTS, "p": 1}, "p is 1; it must be a probability above 0 and below 1"),
        (EXAMPLE | {"counts": COUNTS, "newcomer": {"F1": "l1"}}, "newcomer.F2 is missing"),
        (EXAMPLE, "counts is None; it must be given, or a history"),
        ({"method": "big_stick", "arms": {"S": 2, "C": 1}, "limit": 2}, "two arms of equal share"),
    ],
)
def test_wrong_parameters_are_told(change, said):
    base = {} if "newcomer" in change or change.get("limit") else BLOCKS
    with pytest.raises(ParametersRefused, match=said):
        rehearse(base | change, key=KEY)


def run(folder: Path, parameters: object, key: bytes, **options: object) -> str:
    (folder / "params.json").write_text(json.dumps(parameters) if parameters is not None else "{")
    (folder / "key").write_bytes(key)
    out = StringIO()
    call_command(
        "rehearse_allocation", str(folder / "params.json"), key_file=folder / "key", stdout=out, **options
    )
    return out.getvalue()


def test_the_command_prints_for_people_and_for_programs(db, tmp_path):
    parameters = BLOCKS | {"label": "site=1|sex=F"}
    assert "sequence: CCSCSSSSCCCSCCSSCSSC\nblock sizes: 6 6 4 6" in run(tmp_path, parameters, KEY + b"\n")
    assert json.loads(run(tmp_path, parameters, KEY, json=True))["block_sizes"] == [6, 6, 4, 6]
    told = run(tmp_path, EXAMPLE | {"counts": COUNTS}, KEY)
    assert "scores: A1 6.0000, A2 10.0000, A3 5.0000" in told


def test_a_trials_key_draws_nothing_here(world, tmp_path):
    written = key_path(world.trial.code).read_bytes()
    for key in (written, bytes.fromhex(written.decode())):
        with pytest.raises(CommandError, match="the key of a trial") as refused:
            run(tmp_path, BLOCKS, key)
        assert written.decode() not in str(refused.value)
    blank_at_the_end = written.decode()[:-2] + "20"
    key_path("OTHER").write_text(blank_at_the_end)
    with pytest.raises(CommandError, match="the key of a trial"):
        run(tmp_path, BLOCKS, bytes.fromhex(blank_at_the_end))
    key_path(world.trial.code).unlink()  # the database alone knows it by its fingerprint
    with pytest.raises(CommandError, match="the key of a trial"):
        run(tmp_path, BLOCKS, written)


def test_what_can_not_be_read_is_told(db, tmp_path):
    with pytest.raises(CommandError, match="is not JSON"):
        run(tmp_path, None, KEY)
    with pytest.raises(CommandError, match="is empty"):
        run(tmp_path, BLOCKS, b" \n")
    (tmp_path / "key").write_bytes(KEY)
    with pytest.raises(CommandError, match="No such file"):
        call_command("rehearse_allocation", str(tmp_path / "none.json"), key_file=tmp_path / "key")
