"""This module reads and shows conditions of approvals, and what owners demand, as people write them.

`request.approve(expires="30 days", runs=3, bounds={"n": (1, 10)}, review=True)`;
`sy.Asset(..., safeguards=sy.Safeguards(approvals=2, approvers=["ada@example.org"]))`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from syft.client.present import Card, Shown
from syft.errors import InvalidInput
from syft.model import terms as words
from syft.model.messages.datasets import NewSafeguards
from syft.model.messages.objects import SafeguardsView
from syft.model.messages.requests import NewStanding
from syft.policy.terms import bound_text
from syft.wire import codec

Expiry = str | timedelta | datetime

_UNITS: Final[dict[str, timedelta]] = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), timedelta(seconds=1)),
    **dict.fromkeys(("m", "min", "minute", "minutes"), timedelta(minutes=1)),
    **dict.fromkeys(("h", "hour", "hours"), timedelta(hours=1)),
    **dict.fromkeys(("d", "day", "days"), timedelta(days=1)),
    **dict.fromkeys(("w", "week", "weeks"), timedelta(weeks=1)),
}
_SPAN: Final = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*([A-Za-z]+)\s*")
_HOW_LONG: Final = (
    "An approval ends after a time such as '30 days' or '12 h', a timedelta, or at a datetime with its zone"
)
_EXACT: Final = 1 << 53
_SCALARS: Final = (bool, int, float, str)


class Bound(Shown):
    """What a caller's own value for one parameter may be. What is left out is not bounded.

    Args:
        least: of a number.
        most: likewise.
        longest: of a text in characters, of a list, dict, set or tuple in elements.
        one_of: the numbers, truth values or texts that it may be, each of exactly that type.
    Raises:
        InvalidInput: a bound that cannot be.
    """

    def __init__(
        self,
        *,
        least: float | None = None,
        most: float | None = None,
        longest: int | None = None,
        one_of: Iterable[Any] = (),
    ) -> None:
        if longest is not None and (isinstance(longest, bool) or not isinstance(longest, int)):
            raise InvalidInput(f"A length is a whole number, not {longest!r}.")
        if isinstance(one_of, str):
            raise InvalidInput("The values that may be given are a list: one_of=['...'].")
        self.record = words.Bound(
            least=_number(least),
            most=_number(most),
            longest=longest,
            one_of=tuple(_encoded(one) for one in one_of),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bound) and other.record == self.record

    def __hash__(self) -> int:
        return hash(self.record)

    def _card(self) -> Card:
        return Card("Bound", [("May be", bound_text(self.record) or "anything")])


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"A number is bounded by numbers, not by a {type(value).__name__}.")
    if isinstance(value, int) and (abs(value) > 1 << 1000 or int(float(value)) != value):
        # It would be rounded on its way, and the bound be another than was written.
        raise InvalidInput(f"A bound beyond {_EXACT} must be a number that a float holds exactly.")
    return float(value)


def _encoded(value: Any) -> bytes:
    if type(value) not in _SCALARS:
        raise InvalidInput(f"A choice is a number, a truth value or a text, not a {type(value).__name__}.")
    return codec.encode(value, name="one_of").to_bytes()


def as_expiry(value: Expiry | None, now: datetime | None = None) -> datetime | None:
    """When something ends, in UTC, as somebody wrote it: "30 days", a timedelta, or a datetime with its zone.

    Args:
        value: as written; None: it does not end.
        now: from when a time counts, in UTC; left out: from now.
    Raises:
        InvalidInput: it cannot be read.
    """
    if value is None:
        return None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidInput(
                f"{_HOW_LONG}: datetime(..., tzinfo=UTC), or `.astimezone()` for the time of your own clock."
            )
        return value.astimezone(UTC)
    span = value if isinstance(value, timedelta) else _span(value)
    try:
        return (now or datetime.now(UTC)) + span
    except OverflowError:
        raise InvalidInput(f"{_HOW_LONG}; this is too long.") from None


def _span(value: Any) -> timedelta:
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    unit = _UNITS.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise InvalidInput(f"{_HOW_LONG}, not {value!r}.")
    try:
        return unit * float(found[1])
    except OverflowError:
        raise InvalidInput(f"{_HOW_LONG}; this is too long.") from None


def as_bounds(given: Mapping[str, Any] | None) -> dict[str, words.Bound]:
    """Bounds by parameter, as somebody wrote them: `sy.Bound(...)`; (least, most); or a list of what it may be.

    Raises:
        InvalidInput: they cannot be read.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidInput("Bounds are written by parameter: bounds={'n': sy.Bound(least=1, most=10)}.")
    return {str(name): _as_bound(name, bound).record for name, bound in given.items()}


def _as_bound(name: str, value: Any) -> Bound:
    match value:
        case Bound():
            return value
        case (least, most) if isinstance(value, tuple):
            return Bound(least=least, most=most)
        case list() | set() | frozenset():
            return Bound(one_of=sorted(value, key=repr) if not isinstance(value, list) else value)
    raise InvalidInput(
        f"The bound for '{name}' is sy.Bound(...), a pair (least, most), or a list of the values that it may be; not a "
        f"{type(value).__name__}."
    )


def changed_terms(
    shown: words.Terms,
    expires: Expiry | None,
    runs: int | None,
    bounds: Mapping[str, Any] | None,
    review: bool | None,
) -> words.Terms:
    """The conditions that a request shows, with the changes that somebody makes; None changes nothing.

    Args:
        shown: as the request shows them.
        expires: see `as_expiry`.
        runs: how many runs may be begun.
        bounds: see `as_bounds`.
        review: whether a person looks at each result.
    Raises:
        InvalidInput: they cannot be read.
    """
    if runs is not None and (isinstance(runs, bool) or not isinstance(runs, int)):
        raise InvalidInput(f"How many runs may be begun is a whole number, not {runs!r}.")
    return words.Terms(
        expires_at=shown.expires_at if expires is None else as_expiry(expires),
        runs=shown.runs if runs is None else runs,
        bounds=shown.bounds if bounds is None else as_bounds(bounds),
        review=shown.review if review is None else bool(review),
    )


def as_standing(standing: bool, times: int | None, users: Iterable[str] | None) -> NewStanding | None:
    """A wish to approve in advance, where there is one.

    Args:
        standing: whether there is.
        times: how many requests; None: any number.
        users: e-mails of those whose requests; None: anybody's.
    Raises:
        InvalidInput: it is said how often or for whom, but not that it is to stand.
    """
    if not standing:
        if times is not None or users is not None:
            raise InvalidInput("`times` and `users` are about later requests: say standing=True with them.")
        return None
    if isinstance(users, str):
        raise InvalidInput("Those whose requests are approved are a list of e-mails: users=['...'].")
    return NewStanding(times=times, users=None if users is None else tuple(users))


class Safeguards(Shown):
    """What you demand before anything made of an object of yours leaves.

    Args:
        approvals: how many people have to approve a request; its author never counts.
        approvers: e-mails of accounts that may approve beside you and administrators. They see code and evidence, and
            none of your values for it.
        review: whether a person looks at each result before it leaves, whatever an approval says.
    Raises:
        InvalidInput: what cannot be.
    """

    def __init__(self, approvals: int = 1, approvers: Iterable[str] = (), *, review: bool = False) -> None:
        if isinstance(approvals, bool) or not isinstance(approvals, int):
            raise InvalidInput(f"How many have to approve is a whole number, not {approvals!r}.")
        if isinstance(approvers, str):
            raise InvalidInput("Approvers are a list of e-mails: approvers=['...'].")
        self.record = NewSafeguards(
            approvals=approvals, approvers=tuple(dict.fromkeys(approvers)), review=bool(review)
        )

    @classmethod
    def of(cls, view: SafeguardsView) -> Safeguards:
        """Safeguards that a node told of."""
        return cls(view.approvals, [person.email for person in view.approvers], review=view.review)

    @property
    def approvals(self) -> int:
        """How many people have to approve a request."""
        return self.record.approvals

    @property
    def approvers(self) -> list[str]:
        """E-mails of those who may approve besides, as far as you may know them."""
        return list(self.record.approvers)

    @property
    def review(self) -> bool:
        """Whether a person looks at each result before it leaves."""
        return self.record.review

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Safeguards) and other.record == self.record

    def __hash__(self) -> int:
        return hash(self.record)

    def _card(self) -> Card:
        return Card(
            "Safeguards", [("Demanded", safeguards_text(self.record) or "nothing besides an approval")]
        )


def as_safeguards(value: Safeguards | None) -> NewSafeguards:
    """What somebody demands, as it travels.

    Raises:
        InvalidInput: it is no `sy.Safeguards`.
    """
    if value is None:
        return NewSafeguards()
    if not isinstance(value, Safeguards):
        raise InvalidInput(
            f"Safeguards are written sy.Safeguards(approvals=2, review=True); this is {type(value).__name__}."
        )
    return value.record


def safeguards_text(demanded: NewSafeguards | SafeguardsView) -> str:
    """What is demanded, as people read it; empty where it is nothing besides an approval."""
    parts = []
    if demanded.approvals > 1:
        parts.append(f"{demanded.approvals} people approve each request")
    if demanded.approvers:
        names = [one if isinstance(one, str) else one.email for one in demanded.approvers]
        parts.append(f"{', '.join(names)} may approve too")
    if demanded.review:
        parts.append("a person looks at each result before it leaves")
    return "; ".join(parts)
