"""The keyed stream against its golden lists, and the methods against what enumeration proves."""

import ast
import pickle
from collections import Counter
from fractions import Fraction
from itertools import combinations, islice
from math import comb
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

import trial
from trial import randomization
from trial.allocation_rules import AllocationRule, Method
from trial.randomization import (
    Draw,
    ListExhausted,
    check_rule,
    draw,
    draws,
    permuted_blocks,
    random_allocation_rule,
    uploaded_faults,
)
from trial.streams import KeyedStream, RuleError, stream_label

KEY = b"test-only-key-1"
ONE_TO_ONE = (("screening", 1), ("control", 1))
BLOCKS = AllocationRule(Method.PERMUTED_BLOCKS, ONE_TO_ONE, block_sizes=(4, 6))
WHOLE = AllocationRule(Method.RANDOM_ALLOCATION_RULE, ONE_TO_ONE)
UPLOADED = AllocationRule(Method.UPLOADED_LIST, ONE_TO_ONE)


def letters(arms):
    return "".join(arm[0].upper() for arm in arms)


def arms_of(rule, label, count, key=KEY):
    return [drawn.arm for drawn in draws(rule, key=key, label=label, count=count)]


@pytest.mark.parametrize(
    ("label", "golden"),
    [("site=1|sex=F", "CCSCSSSSCCCSCCSSCSSC"), ("site=1|sex=M", "SCCSSCSCSCSSCCCCSSCS")],
)
def test_the_golden_lists_hold(label, golden):
    assert letters(arms_of(BLOCKS, label, 20)) == golden
    one_by_one = [draw(BLOCKS, key=KEY, label=label, index=i).arm for i in range(1, 21)]
    assert letters(one_by_one) == golden


def test_the_golden_block_sizes_hold():
    for label, sizes in {"site=1|sex=F": [6, 6, 4, 6], "site=1|sex=M": [4, 4, 6, 6]}.items():
        stream, seen = KeyedStream(KEY, label), []
        for _ in sizes:
            seen.append((4, 6)[stream.below(2)])
            stream.shuffle(["x"] * seen[-1])
        assert seen == sizes


def test_the_first_word_is_the_hmac_of_label_and_one():
    # Made once with: printf 'site=1|sex=F:1' | openssl dgst -sha256 -hmac test-only-key-1
    assert f"{KeyedStream(KEY, 'site=1|sex=F').word():016x}" == "77c287669ef20563"


def test_below_rejects_the_uneven_tail(monkeypatch):
    words = iter([2**64 - 1, 7])
    monkeypatch.setattr(KeyedStream, "word", lambda self: next(words))
    assert KeyedStream(KEY, "any").below(3) == 7 % 3


@pytest.mark.parametrize(("half", "arrangements"), [(1, 2), (2, 6), (3, 20), (4, 70), (5, 252)])
def test_every_arrangement_of_a_block_can_come_and_no_other(half, arrangements):
    rule = AllocationRule(Method.PERMUTED_BLOCKS, ONE_TO_ONE, block_sizes=(2 * half,))
    seen = {letters(arms_of(rule, f"label {i}", 2 * half)) for i in range(arrangements * 12)}
    possible = {
        "".join("S" if i in chosen else "C" for i in range(2 * half))
        for chosen in combinations(range(2 * half), half)
    }
    assert len(possible) == arrangements
    assert seen == possible


@pytest.mark.parametrize(
    # The .999 points of chi-square with 5, 19 and 14 degrees of freedom.
    ("arms", "size", "limit"),
    [(ONE_TO_ONE, 4, 20.5), (ONE_TO_ONE, 6, 43.8), ((("screening", 2), ("control", 1)), 6, 36.1)],
)
def test_arrangements_are_uniform_over_labels(arms, size, limit):
    trials = 6000
    counts = Counter(
        tuple(islice(permuted_blocks(KeyedStream(KEY, f"uniform {i}"), arms, (size,)), size))
        for i in range(trials)
    )
    cells = comb(size, size * arms[0][1] // sum(share for _, share in arms))
    expected = trials / cells
    chi_square = sum((n - expected) ** 2 / expected for n in counts.values())
    assert len(counts) == cells
    assert chi_square < limit


@pytest.mark.parametrize(
    ("size", "guessed", "certain"),
    [
        (2, Fraction(3, 2), Fraction(1)),
        (4, Fraction(17, 6), Fraction(4, 3)),
        (6, Fraction(41, 10), Fraction(3, 2)),
        (8, Fraction(373, 70), Fraction(8, 5)),
        (10, Fraction(823, 126), Fraction(5, 3)),
    ],
)
def test_blocks_are_as_predictable_as_enumeration_says(size, guessed, certain):
    """Bet on the arm that is behind (Blackwell-Hodges): no list of ours does better or worse in the mean."""
    half = size // 2
    blocks = [
        ["S" if i in chosen else "C" for i in range(size)] for chosen in combinations(range(size), half)
    ]
    assert sum((_right_guesses(block) for block in blocks), Fraction(0)) / len(blocks) == guessed
    assert Fraction(sum(_certain(block) for block in blocks), len(blocks)) == certain
    rule = AllocationRule(Method.PERMUTED_BLOCKS, ONE_TO_ONE, block_sizes=(size,))
    ours = [list(letters(arms_of(rule, f"guess {i}", size))) for i in range(1500)]
    assert abs(float(sum((_right_guesses(block) for block in ours), Fraction(0)) / 1500 - guessed)) < 0.15


def _right_guesses(block):
    balance, right = 0, Fraction(0)
    for arm in block:
        right += Fraction(1, 2) if balance == 0 else int((arm == "C") == (balance > 0))
        balance += 1 if arm == "S" else -1
    return right


def _certain(block):
    half = len(block) // 2
    return sum(1 for i in range(len(block)) if half in (block[:i].count("S"), block[:i].count("C")))


@given(
    label=st.text(max_size=30),
    key=st.binary(min_size=1, max_size=64),
    shares=st.sampled_from([(1, 1), (2, 1), (1, 3)]),
    multiples=st.sets(st.integers(1, 5), min_size=1, max_size=3),
)
def test_every_block_keeps_the_ratio(label, key, shares, multiples):
    arms = (("screening", shares[0]), ("control", shares[1]))
    sizes = tuple(sorted(sum(shares) * m for m in multiples))
    replay, listed = KeyedStream(key, label), permuted_blocks(KeyedStream(key, label), arms, sizes)
    for _ in range(8):
        size = sizes[replay.below(len(sizes))]
        block = list(islice(listed, size))
        replay.shuffle(list(block))
        for name, share in arms:
            assert block.count(name) * sum(shares) == size * share


@given(label=st.text(max_size=30), sizes=st.sets(st.sampled_from([2, 4, 6, 8]), min_size=1))
def test_imbalance_never_passes_half_the_largest_block(label, sizes):
    rule = AllocationRule(Method.PERMUTED_BLOCKS, ONE_TO_ONE, block_sizes=tuple(sorted(sizes)))
    balance = 0
    for arm in arms_of(rule, label, 104):
        balance += 1 if arm == "screening" else -1
        assert abs(balance) <= max(sizes) // 2


@given(label=st.text(max_size=30), total=st.integers(1, 300))
def test_the_allocation_rule_splits_the_total_in_half(label, total):
    arms = arms_of(WHOLE.with_total(total), label, total)
    assert abs(arms.count("screening") - arms.count("control")) == total % 2


@given(label=st.text(max_size=30), total=st.integers(1, 200), shares=st.sampled_from([(2, 1), (1, 4)]))
def test_the_allocation_rule_keeps_other_ratios_within_one_unit(label, total, shares):
    arms = (("screening", shares[0]), ("control", shares[1]))
    drawn = list(random_allocation_rule(KeyedStream(KEY, label), arms, total))
    whole, odd = divmod(total, sum(shares))
    assert len(drawn) == total
    for name, share in arms:
        assert whole * share <= drawn.count(name) <= whole * share + min(odd, share)


def test_opscan_is_split_as_published():
    arms = arms_of(WHOLE.with_total(4912), "OPSCAN", 4912)
    assert Counter(arms) == {"screening": 2456, "control": 2456}


def test_the_odd_place_goes_to_either_arm():
    wins = Counter(
        Counter(arms_of(WHOLE.with_total(3), f"odd {i}", 3)).most_common(1)[0][0] for i in range(400)
    )
    assert abs(wins["screening"] - 200) < 60


def test_the_allocation_rule_fails_closed_at_its_end():
    rule = WHOLE.with_total(10)
    assert draw(rule, key=KEY, label="t/1/all", index=10).index == 10
    with pytest.raises(ListExhausted) as refusal:
        draw(rule, key=KEY, label="t/1/all", index=11)
    said = str(refusal.value)
    assert "nothing was drawn" in said
    assert "screening" not in said
    assert "control" not in said


def test_an_uploaded_list_is_followed_and_never_wraps():
    uploaded = ["control", "screening", "screening"]
    drawn = [draw(UPLOADED, key=KEY, label="t", index=i, uploaded=uploaded) for i in (1, 2, 3)]
    assert draws(WHOLE.with_total(2), key=KEY, label="t", count=2)[0].index == 1
    assert drawn == [Draw(1, "control"), Draw(2, "screening"), Draw(3, "screening")]
    with pytest.raises(ListExhausted):
        draw(UPLOADED, key=KEY, label="t", index=4, uploaded=uploaded)


def test_an_uploaded_list_with_a_strange_arm_is_refused():
    with pytest.raises(RuleError, match="Line 2 of the uploaded list names an unknown arm"):
        draw(UPLOADED, key=KEY, label="t", index=2, uploaded=["control", "Screening"])


@pytest.mark.parametrize(
    ("uploaded", "said"),
    [
        ([], "The list is empty. Give one arm a line."),
        (["control", "A", "B"], "2 lines name an unknown arm (line 2, 3). Use screening or control."),
        (["A"] * 9, "9 lines name an unknown arm (line 1, 2, 3, 4, 5, …)."),
        (["screening"] * 61 + ["control"] * 40, "The list does not keep the protocol's ratio 1:1."),
    ],
)
def test_a_wrong_list_is_refused_before_it_is_sealed(uploaded, said):
    (fault,) = uploaded_faults(uploaded, ONE_TO_ONE)
    assert fault.startswith(said)


@pytest.mark.parametrize("screening", [2456, 2446, 2466])
def test_a_list_in_the_ratio_is_taken_up_to_a_block_cut_off(screening):
    assert uploaded_faults(["screening"] * screening + ["control"] * (4912 - screening), ONE_TO_ONE) == []
    two_to_one = (("screening", 2), ("control", 1))
    assert uploaded_faults(["screening"] * 200 + ["control"] * 100, two_to_one) == []
    assert uploaded_faults(["screening"] * 150 + ["control"] * 150, two_to_one) != []


def test_an_uploaded_list_must_be_given():
    with pytest.raises(RuleError, match="none was given"):
        draw(UPLOADED, key=KEY, label="t", index=1)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (WHOLE, "total is not set; freeze the cohort first"),
        (AllocationRule(Method.PERMUTED_BLOCKS, ONE_TO_ONE), "block_sizes are \\[\\]"),
        (AllocationRule(Method.PERMUTED_BLOCKS, ONE_TO_ONE, (4, 5)), "multiple of 2, the sum of the ratio"),
        (AllocationRule(Method.PERMUTED_BLOCKS, ONE_TO_ONE, (6, 4)), "in rising order"),
        (
            AllocationRule(Method.PERMUTED_BLOCKS, ONE_TO_ONE, (4,), total=8),
            "only the random allocation rule",
        ),
        (AllocationRule(Method.RANDOM_ALLOCATION_RULE, ONE_TO_ONE, (4,), total=8), "only permuted blocks"),
        (AllocationRule(Method.UPLOADED_LIST, (("control", 1), ("control", 1))), "different names"),
        (WHOLE.with_total(0), "total is 0"),
    ],
)
def test_a_rule_that_cannot_be_drawn_from_says_why(rule, said):
    with pytest.raises(RuleError, match=said):
        check_rule(rule)


def test_only_keyed_lists_can_be_replayed_from_the_key():
    with pytest.raises(RuleError, match="each draw is made alone"):
        draws(UPLOADED, key=KEY, label="t", count=1)


def test_the_first_index_is_one():
    with pytest.raises(RuleError, match="the first is 1"):
        draw(BLOCKS, key=KEY, label="t", index=0)


def test_draws_in_any_order_and_from_any_thread_are_the_same():
    label, found = "threads", {}
    expected = arms_of(BLOCKS, label, 400)

    def take(start):
        for i in range(start, 401, 8):
            found[i] = draw(BLOCKS, key=KEY, label=label, index=i).arm

    threads = [Thread(target=take, args=(start,)) for start in range(8, 0, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(1, 401)] == expected


def test_keys_and_labels_make_different_lists():
    lists = {
        letters(arms_of(BLOCKS, label, 60, key=key))
        for key in (b"one", b"two")
        for label in (stream_label("DEMO", 1, "all"), stream_label("DEMO", 2, "all"))
    }
    assert len(lists) == 4


@given(
    st.lists(st.text(alphabet="a/%2F", max_size=4), min_size=3, max_size=3),
    st.lists(st.text(alphabet="a/%2F", max_size=4), min_size=3, max_size=3),
)
def test_no_two_strata_share_a_label(one, other):
    assert (stream_label(*one) == stream_label(*other)) == (one == other)


def test_a_thousand_draws_in_order_do_not_start_over(monkeypatch):
    """2,500 draws in order cost one list, not 2,500 lists."""
    words = 0
    honest = KeyedStream.word

    def counted(self):
        nonlocal words
        words += 1
        return honest(self)

    monkeypatch.setattr(KeyedStream, "word", counted)
    for i in range(1, 1001):
        draw(BLOCKS, key=KEY, label="in order", index=i)
    assert words < 1400


def test_an_interrupted_draw_is_not_taken_for_an_exhausted_list(monkeypatch):
    def interrupted(self):
        raise TimeoutError

    with monkeypatch.context() as patched:
        patched.setattr(KeyedStream, "word", interrupted)
        with pytest.raises(TimeoutError):
            draw(BLOCKS, key=KEY, label="interrupted", index=3)
    assert draw(BLOCKS, key=KEY, label="interrupted", index=3).arm == arms_of(BLOCKS, "interrupted", 3)[2]


def test_the_key_is_never_shown_or_written_down():
    secret = b"a-key-nobody-may-read"
    stream = KeyedStream(secret, "t")
    assert "a-key" not in repr(stream)
    assert not any(secret == getattr(stream, slot) for slot in KeyedStream.__slots__)
    with pytest.raises(TypeError):
        pickle.dumps(stream)
    draw(BLOCKS, key=secret, label="t", index=1)
    assert "a-key" not in repr(vars(randomization._LISTS))
    with pytest.raises(RuleError, match="key is empty"):
        draw(BLOCKS, key=b"", label="never seen", index=1)


def test_nothing_in_the_trial_app_draws_from_an_ordinary_generator():
    """A seedable generator can be guessed from a few allocations; only the keyed stream draws."""
    offenders = [
        f"{path.name}: {name}"
        for path in Path(trial.__file__).parent.rglob("*.py")
        for name in _imported(ast.parse(path.read_text()))
        if name == "random" or name.startswith(("random.", "numpy"))
    ]
    assert offenders == []


def _imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
