"""Conditions of approvals, and whether they hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from blake3 import blake3

from syft.errors import InvalidInput, NotApproved, PolicyExhausted, TooLarge
from syft.model.approval import StandingApproval
from syft.model.code import CodeSubmission, Constant, Given, Handed, InputPolicy, MustBe, OfType
from syft.model.job import ObjectArgument, StoredArgument
from syft.model.limits import JobLimits
from syft.model.object import ValueRef
from syft.model.terms import MAX_LENGTH, Bound, Safeguards, Terms
from syft.model.uid import UID
from syft.policy.approval import approval_digest
from syft.policy.terms import (
    Demand,
    Yes,
    bound_text,
    check_bounds,
    check_not_ended,
    check_runs_left,
    checked_terms,
    is_enough,
    shortfall,
    terms_text,
)
from syft.wire.codec import encode
from syft.wire.plain import plain

NOW = datetime(2026, 1, 1, tzinfo=UTC)
A, B, C, AUTHOR = (UID() for _ in range(4))
TWO = Demand(approvals={A: 2})
FOR_A = Yes(A, speaks_for=frozenset({A}))


def code(**rules: Any) -> CodeSubmission:
    return CodeSubmission(name="f", source="", input_policy=InputPolicy(kind="mixed", rules=rules))


def encoded(*values: Any) -> tuple[bytes, ...]:
    return tuple(encode(value).to_bytes() for value in values)


def stored(value: Any) -> StoredArgument:
    data = encode(value).to_bytes()
    return StoredArgument(
        ValueRef(digest=blake3(data).hexdigest(), size=len(data), type_name="", inline=data)
    )


def read(value: ValueRef) -> Any:
    assert value.inline is not None
    return plain(value.inline)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Bound(least=float("nan")),
        lambda: Bound(most=float("inf")),
        lambda: Bound(least=2, most=1),
        lambda: Bound(longest=-1),
        lambda: Bound(longest=MAX_LENGTH + 1),
        lambda: Bound(one_of=(b"x",) * 101),
        lambda: Bound(one_of=(b"x" * 5_000,)),
        lambda: Terms(runs=0),
        lambda: Terms(runs=10**7),
        lambda: Terms(expires_at=datetime(2030, 1, 1)),
        lambda: Terms(bounds={str(number): Bound(least=0) for number in range(101)}),
        lambda: Safeguards(approvals=0),
        lambda: Safeguards(approvals=51),
        lambda: Safeguards(approvers=tuple(UID() for _ in range(51))),
    ],
)
def test_what_cannot_be_is_not_made(make: Any) -> None:
    with pytest.raises(InvalidInput):
        make()


def test_an_end_is_kept_in_utc_and_holds_at_its_very_moment() -> None:
    abroad = timezone(timedelta(hours=5))
    terms = checked_terms(Terms(expires_at=datetime(2026, 1, 1, 6, tzinfo=abroad)), code(), NOW)
    assert terms.expires_at == datetime(2026, 1, 1, 1, tzinfo=UTC)
    assert terms.expires_at.tzinfo is UTC
    check_not_ended(terms, NOW + timedelta(minutes=59, seconds=59.999999), "f")
    check_not_ended(Terms(), NOW + timedelta(days=10**5), "f")
    with pytest.raises(NotApproved, match="ended at 2026-01-01 01:00:00 UTC"):
        check_not_ended(terms, NOW + timedelta(hours=1), "f")


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(days=-1), timedelta(days=101 * 366)])
def test_an_end_is_to_come_and_before_the_next_century(ahead: timedelta) -> None:
    with pytest.raises(InvalidInput):
        checked_terms(Terms(expires_at=NOW + ahead), code(), NOW)


@pytest.mark.parametrize(
    ("rule", "bound", "text"),
    [
        (None, Bound(least=1), "nothing to bound"),
        (MustBe(A), Bound(least=1), "nothing to bound"),
        (Constant(b"x"), Bound(least=1), "nothing to bound"),
        (Handed(), Bound(least=1), "another step hands over"),
        (Given(), Bound(), "says nothing"),
        (OfType("str"), Bound(most=1), "least and most are of numbers"),
        (OfType("bool"), Bound(most=1), "least and most are of numbers"),
        (OfType("float"), Bound(longest=1), "no length"),
        (OfType("int"), Bound(one_of=encoded("a")), "cannot be a str"),
        (Given(), Bound(one_of=encoded([1])), "a number, a truth value or a text"),
        (Given(), Bound(one_of=encoded(None)), "a number, a truth value or a text"),
        (Given(), Bound(one_of=encoded(float("nan"))), "a number, a truth value or a text"),
        (Given(), Bound(one_of=(b"nothing",)), "a number, a truth value or a text"),
    ],
)
def test_what_cannot_be_bounded_is_refused_when_it_is_approved(rule: Any, bound: Bound, text: str) -> None:
    submission = code(**({"n": rule} if rule is not None else {}))
    with pytest.raises(InvalidInput, match=text):
        checked_terms(Terms(bounds={"n": bound}), submission, NOW)


def test_what_can_be_bounded_is_kept_as_it_was_said() -> None:
    submission = code(n=OfType("int"), s=OfType("str"), x=Given(), d=OfType("dict"))
    bounds = {
        "n": Bound(least=1, most=2, one_of=encoded(1)),
        "s": Bound(longest=3, one_of=encoded("a")),
        "x": Bound(least=0, longest=2),
        "d": Bound(longest=0),
    }
    assert checked_terms(Terms(bounds=bounds, runs=3, review=True), submission, NOW).bounds == bounds


@pytest.mark.parametrize(
    ("bound", "value", "within"),
    [
        (Bound(least=1), 1, True),
        (Bound(least=1), 1.0, True),
        (Bound(least=1), 0.999, False),
        (Bound(most=2**53), 2**53, True),
        (Bound(most=2**53), 2**53 + 1, False),
        (Bound(most=1e300), 10**400, False),
        (Bound(most=1), -(10**400), True),
        (Bound(least=0, most=1), True, False),
        (Bound(least=0), float("nan"), False),
        (Bound(most=0), float("nan"), False),
        (Bound(most=0), None, False),
        (Bound(most=0), "0", False),
        (Bound(longest=0), "", True),
        (Bound(longest=0), [], True),
        (Bound(longest=0), [1], False),
        (Bound(longest=5), 5, False),
        (Bound(longest=5), b"x", False),
        (Bound(one_of=encoded(1, "a")), 1, True),
        (Bound(one_of=encoded(1, "a")), True, False),
        (Bound(one_of=encoded(1, "a")), 1.0, False),
        (Bound(one_of=encoded(True)), 1, False),
        (Bound(one_of=encoded(0.0)), -0.0, True),
        (Bound(one_of=encoded(1)), None, False),
        (Bound(most=5, one_of=encoded(1, 9)), 9, False),
    ],
)
def test_a_value_is_within_its_bounds_or_not(bound: Bound, value: Any, within: bool) -> None:
    terms = Terms(bounds={"n": bound})
    if within:
        check_bounds(terms, {"n": stored(value)}, read)
    else:
        with pytest.raises(InvalidInput, match="bounds 'n'"):
            check_bounds(terms, {"n": stored(value)}, read)


def test_bounds_of_what_is_not_there_not_a_value_and_too_large() -> None:
    terms = Terms(bounds={"n": Bound(most=1)})

    def too_large(_: ValueRef) -> Any:
        raise TooLarge("too large")

    check_bounds(terms, {}, read)
    check_bounds(terms, {"other": stored(9)}, read)
    with pytest.raises(InvalidInput, match="a value of your own"):
        check_bounds(terms, {"n": ObjectArgument(A)}, read)
    with pytest.raises(InvalidInput, match="1 or less"):
        check_bounds(terms, {"n": stored(1)}, too_large)


def test_so_many_runs() -> None:
    check_runs_left(Terms(runs=2), 1, "f")
    check_runs_left(Terms(), 10**9, "f")
    with pytest.raises(PolicyExhausted, match="for 2 runs"):
        check_runs_left(Terms(runs=2), 2, "f")


def test_conditions_are_part_of_the_digest_and_none_are_as_before_there_were_any() -> None:
    def digest(terms: Terms) -> str:
        return approval_digest("c", (), {}, "e", JobLimits(), terms)

    every = [
        Terms(),
        Terms(runs=1),
        Terms(runs=2),
        Terms(review=True),
        Terms(expires_at=NOW),
        Terms(bounds={"n": Bound(least=1)}),
        Terms(bounds={"m": Bound(least=1)}),
        Terms(bounds={"n": Bound(most=1)}),
        Terms(bounds={"n": Bound(one_of=encoded(1))}),
    ]
    assert len({digest(terms) for terms in every}) == len(every)
    both = {"n": Bound(least=1), "m": Bound(most=1)}
    assert digest(Terms(bounds=both)) == digest(Terms(bounds=dict(reversed(both.items()))))


@pytest.mark.parametrize(
    ("demand", "votes", "enough"),
    [
        (Demand(), [], False),
        (Demand(), [Yes(A)], True),
        (Demand(), [Yes(AUTHOR)], False),
        (TWO, [FOR_A], False),
        (TWO, [FOR_A, FOR_A], False),
        (TWO, [FOR_A, Yes(AUTHOR, speaks_for=frozenset({A}))], False),
        (TWO, [FOR_A, Yes(B, speaks_for=frozenset({A}))], True),
        (TWO, [FOR_A, Yes(B, by_office=False, speaks_for=frozenset({A, B}))], True),
        (TWO, [FOR_A, Yes(B, speaks_for=frozenset({B})), Yes(C, speaks_for=frozenset({B}))], False),
        (TWO, [FOR_A, Yes(B, is_admin=True)], True),
        (Demand(approvals={A: 2, B: 3}), [FOR_A, Yes(B, is_admin=True)], False),
        (Demand(by_office=2), [Yes(A), Yes(B, by_office=False)], False),
        (Demand(by_office=2), [Yes(A), Yes(B, by_office=False), Yes(C)], True),
        (Demand(), [Yes(B, by_office=False)], False),
        (Demand(owners=frozenset({A, B})), [Yes(A)], False),
        (Demand(owners=frozenset({A, B})), [Yes(A), Yes(B)], True),
        (Demand(owners=frozenset({A, B})), [Yes(A), Yes(C)], False),
        (Demand(owners=frozenset({A, B})), [Yes(C, is_admin=True)], True),
        (Demand(approvals={A: 2}, owners=frozenset({A})), [Yes(C, is_admin=True)], False),
        (Demand(owners=frozenset({A, AUTHOR})), [Yes(A)], True),
        (Demand(owners=frozenset({AUTHOR})), [], False),
        (Demand(owners=frozenset({A})), [Yes(AUTHOR, is_admin=True)], False),
    ],
)
def test_enough_people_have_approved_or_not(demand: Demand, votes: list[Yes], enough: bool) -> None:
    assert is_enough(demand, votes, AUTHOR) is enough


def test_as_many_as_are_demanded_by_now() -> None:
    named = Yes(B, by_office=False, speaks_for=frozenset({A}))
    assert shortfall(Demand(), [FOR_A]) is None
    assert shortfall(TWO, [FOR_A]) == (1, 2)
    assert shortfall(TWO, [FOR_A, named]) is None
    assert shortfall(TWO, [FOR_A, Yes(C, speaks_for=frozenset({C}))]) == (1, 2)
    assert shortfall(Demand(by_office=2), [FOR_A, named]) == (1, 2)
    assert [one.people for one in (Demand(), TWO, Demand(by_office=3))] == [1, 2, 3]


def test_a_standing_approval_is_over_with_its_times_and_its_terms() -> None:
    def made(**options: Any) -> StandingApproval:
        some = {"approver_uid": A, "request_uid": B, "code_uid": C, "code_digest": "", "digest": ""}
        return StandingApproval(uid=UID(), created_at=NOW, **some, **options)

    assert not made().is_over(NOW)
    assert not made(times=2, used=1).is_over(NOW)
    assert made(times=2, used=2).is_over(NOW)
    assert made(terms=Terms(expires_at=NOW)).is_over(NOW)
    assert not made(terms=Terms(expires_at=NOW + timedelta(seconds=1))).is_over(NOW)
    with pytest.raises(InvalidInput):
        made(times=0)


def test_conditions_are_told_in_words() -> None:
    assert terms_text(Terms()) == ""
    bounds = {"n": Bound(least=1, most=2.5), "r": Bound(one_of=encoded("a", "b\n"))}
    text = terms_text(Terms(expires_at=NOW, runs=1, bounds=bounds, review=True))
    assert text == (
        "until 2026-01-01 00:00:00 UTC; for one run; n from 1 to 2.5; r one of 'a', 'b\\n'; "
        "a person looks at each result before it leaves"
    )
    assert bound_text(Bound(least=0)) == "0 or more"
    assert bound_text(Bound(most=-1, longest=3)) == "-1 or less, at most 3 characters or elements long"
    assert bound_text(Bound(one_of=encoded(*range(22)))).endswith("18, 19 or 2 more")
    assert len(bound_text(Bound(one_of=encoded("x" * 3_000)))) < 200
    assert terms_text(Terms(runs=3)) == "for 3 runs"
