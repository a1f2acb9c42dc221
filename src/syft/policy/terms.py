"""This module decides which conditions an approval can have, and whether they hold: its end, runs, bounds, votes."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from syft.errors import DecodeError, InvalidInput, NotApproved, PolicyExhausted, TooLarge
from syft.model.code import CodeSubmission, Given, Handed, OfType
from syft.model.job import BoundArgument, StoredArgument
from syft.model.object import ValueRef
from syft.model.terms import Bound, Terms
from syft.model.uid import UID
from syft.wire.plain import Plain, Scalar, plain

# Who says 'in 200 years' means 'never', and a time that no calendar holds breaks whoever shows it.
MAX_AHEAD: Final = timedelta(days=100 * 366)
_NUMBERS: Final = frozenset({"int", "float"})
_LONG: Final = frozenset({"str", "list", "dict", "set", "tuple"})
_SHOWN_CHOICES: Final = 20
_SHOWN_CHARS: Final = 100


# --- when they are made


def checked_terms(terms: Terms, submission: CodeSubmission, now: datetime) -> Terms:
    """The conditions as they are kept, if they can be kept: their end in UTC.

    Args:
        terms: as somebody who approves has said them.
        submission: what is approved.
        now: the time, in UTC.
    Raises:
        InvalidInput: it ends in the past, or bounds what no caller chooses or what its type has not.
    """
    ends = terms.expires_at
    if ends is not None:
        if ends <= now:
            raise InvalidInput("The approval would have ended before it begins. Give it a time to come.")
        if ends > now + MAX_AHEAD:
            raise InvalidInput("An approval ends within 100 years, or not: then leave its end out.")
        ends = ends.astimezone(UTC)
    for name, bound in terms.bounds.items():
        _check_can_bound(name, bound, submission)
    return msgspec.structs.replace(terms, expires_at=ends)


def _check_can_bound(name: str, bound: Bound, submission: CodeSubmission) -> None:
    rule = submission.input_policy.rules.get(name)
    if isinstance(rule, Handed):
        raise InvalidInput(f"'{name}' takes what another step hands over; that is approved with that step.")
    if not isinstance(rule, OfType | Given):
        raise InvalidInput(
            f"'{name[:50]}' of '{submission.name}' takes no value of the caller's own, so that there is nothing to "
            "bound. Bounds are for parameters that a MixedInputPolicy gives a type."
        )
    if bound == Bound():
        raise InvalidInput(f"The bound for '{name}' says nothing: least, most, longest or one_of.")
    kind = rule.type_name if isinstance(rule, OfType) else ""
    if kind and bound.of_numbers and kind not in _NUMBERS:
        raise InvalidInput(f"'{name}' takes a {kind}; least and most are of numbers.")
    if kind and bound.longest is not None and kind not in _LONG:
        raise InvalidInput(f"'{name}' takes a {kind}, which has no length.")
    for data in bound.one_of:
        choice = _choice(data)
        if kind and choice.type_name != kind:
            raise InvalidInput(f"'{name}' takes a {kind}; it cannot be a {choice.type_name}.")


def _choice(data: bytes) -> Plain:
    """One of the values that a parameter may be.

    Raises:
        InvalidInput: it is no number, truth value or text, or is not equal to itself.
    """
    try:
        found = plain(data)
    except (DecodeError, TooLarge):
        found = Plain("bytes")
    is_nan = isinstance(found.value, float) and math.isnan(found.value)
    if found.value is None or is_nan:
        raise InvalidInput("A choice is a number, a truth value or a text.")
    return found


# --- when something runs


def has_ended(terms: Terms, now: datetime) -> bool:
    """Whether they have ended by `now`: at that very moment they have."""
    return terms.expires_at is not None and terms.expires_at <= now


def check_not_ended(terms: Terms, now: datetime, name: str) -> None:
    """Raise when an approval has ended.

    Args:
        terms: of the approval.
        now: the time, in UTC.
        name: of the code, for the text.
    Raises:
        NotApproved: it has; says when, and what to do.
    """
    if has_ended(terms, now):
        raise NotApproved(
            f"The approval of '{name}' ended at {terms.expires_at:%Y-%m-%d %H:%M:%S} UTC. Make a new request: "
            "`client.code.request_code_execution(...)`."
        )


def check_runs_left(terms: Terms, begun: int, name: str) -> None:
    """Raise unless one more run may be begun.

    Args:
        terms: of the approval.
        begun: how many runs have been, those that wait among them.
        name: of the code, for the text.
    Raises:
        PolicyExhausted: as many as were approved have been.
    """
    if terms.runs is not None and begun >= terms.runs:
        times = "one run" if terms.runs == 1 else f"{terms.runs} runs"
        raise PolicyExhausted(
            f"'{name}' was approved for {times}, also such as fail, and has had them. Make a new request if you need "
            "another: `client.code.request_code_execution(...)`."
        )


def check_bounds(
    terms: Terms, arguments: Mapping[str, BoundArgument], read: Callable[[ValueRef], Plain]
) -> None:
    """Raise unless the caller's own values are within the bounds. What was left out has its approved default.

    Args:
        terms: of the approval.
        arguments: by parameter, as the node keeps them for the job.
        read: what can be bounded of a kept value, read without making anything of it.
    Raises:
        InvalidInput: one is not, or cannot be looked at; the text names the bound and not the value.
    """
    for name, bound in terms.bounds.items():
        argument = arguments.get(name)
        if argument is None:
            continue
        if not isinstance(argument, StoredArgument):
            raise InvalidInput(f"'{name}' takes a value of your own: {bound_text(bound)}.")
        try:
            found = read(argument.value)
        except TooLarge:
            found = None
        if found is None or not _is_within(bound, found):
            raise InvalidInput(
                f"This approval bounds '{name}': {bound_text(bound)}. The value that was given is not within that. "
                "Give another, or make a request that asks for more."
            )


def _is_within(bound: Bound, found: Plain) -> bool:
    value = found.value
    if bound.of_numbers:
        # bool is a number to Python, and nobody who writes `least=0` means True. NaN is within nothing.
        if type(value) not in (int, float) or value != value:
            return False
        assert isinstance(value, int | float)
        if bound.least is not None and not value >= bound.least:
            return False
        if bound.most is not None and not value <= bound.most:
            return False
    if bound.longest is not None and (found.length is None or found.length > bound.longest):
        return False
    return not bound.one_of or any(
        found.type_name == one.type_name and value == one.value for one in map(plain, bound.one_of)
    )


# --- for people


def bound_text(bound: Bound) -> str:
    """A bound as people read it: "from 1 to 10", "one of 'a', 'b'"."""
    parts = []
    match bound.least, bound.most:
        case float() | int() as least, float() | int() as most:
            parts.append(f"from {_number(least)} to {_number(most)}")
        case float() | int() as least, None:
            parts.append(f"{_number(least)} or more")
        case None, float() | int() as most:
            parts.append(f"{_number(most)} or less")
    if bound.longest is not None:
        parts.append(f"at most {bound.longest} characters or elements long")
    if bound.one_of:
        shown = ", ".join(_choice_text(one) for one in bound.one_of[:_SHOWN_CHOICES])
        more = len(bound.one_of) - _SHOWN_CHOICES
        parts.append(f"one of {shown}" + (f" or {more} more" if more > 0 else ""))
    return ", ".join(parts)


def terms_text(terms: Terms) -> str:
    """Conditions as people read them; empty where there are none."""
    parts = []
    if terms.expires_at is not None:
        parts.append(f"until {terms.expires_at:%Y-%m-%d %H:%M:%S} UTC")
    if terms.runs is not None:
        parts.append("for one run" if terms.runs == 1 else f"for {terms.runs} runs")
    parts += [f"{name} {bound_text(bound)}" for name, bound in terms.bounds.items()]
    if terms.review:
        parts.append("a person looks at each result before it leaves")
    return "; ".join(parts)


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1 << 53 else repr(value)


def _choice_text(data: bytes) -> str:
    value: Scalar = _choice(data).value
    text = ascii(value)
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"


# --- n of m


@dataclass(frozen=True)
class Yes:
    """One person's vote for what would run.

    Args:
        by: whose account.
        by_office: whether they decide about requests by their role.
        is_admin: whether they speak for the whole node.
        speaks_for: the owners towards whose demand it counts: they themselves, and who has named them.
    """

    by: UID
    by_office: bool = True
    is_admin: bool = False
    speaks_for: frozenset[UID] = frozenset()

    def counts_for(self, owner: UID) -> bool:
        """Whether it counts towards what that owner demands."""
        return self.is_admin or owner in self.speaks_for


@dataclass(frozen=True)
class Demand:
    """How many people have to approve, and whose data it is about.

    Args:
        approvals: by owner who demands more than one: the most of any object of theirs. It is met by the owner, by
            those whom that owner has named, and by administrators: another owner's people say nothing about this data.
        by_office: by those who decide by their role: what the administrator demands of this node.
        owners: of the inputs: each has to be heard.
    """

    approvals: Mapping[UID, int] = field(default_factory=dict)
    by_office: int = 1
    owners: frozenset[UID] = frozenset()

    @property
    def people(self) -> int:
        """How many people it takes at least."""
        return max(1, self.by_office, *self.approvals.values())


def is_enough(demand: Demand, votes: Collection[Yes], author: UID) -> bool:
    """Whether these votes approve: enough people, each once, never the author, and every owner heard.

    An owner is heard by approving, by an administrator's approval, or by asking: who asks to have something computed on
    data of their own has agreed to that.
    """
    each = {vote.by: vote for vote in votes if vote.by != author}
    unheard = demand.owners - set(each) - {author}
    if unheard and not any(vote.is_admin for vote in each.values()):
        return False
    return bool(each) and shortfall(demand, each.values()) is None


def shortfall(demand: Demand, votes: Collection[Yes]) -> tuple[int, int] | None:
    """How many have approved of how many who have to, where it is too few; None where as many have as are demanded.

    Args:
        demand: as it is now.
        votes: of people who may approve, each once; never the author's.
    """
    for owner, wanted in demand.approvals.items():
        found = sum(vote.counts_for(owner) for vote in votes)
        if found < wanted:
            return found, wanted
    by_office = sum(vote.by_office for vote in votes)
    return (by_office, demand.by_office) if by_office < demand.by_office else None
