"""This module says who decides about a request for code as things are now: owners, whom they named, administrators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from syft.access.caller import Caller
from syft.access.checks import can_decide, can_see_request
from syft.jobs.conditions import demand_on, named_on
from syft.model.approval import Approval
from syft.model.code import Code
from syft.model.object import ObjectRecord
from syft.model.permission import Capability
from syft.model.request import Request
from syft.model.uid import UID
from syft.model.user import User
from syft.policy.terms import Demand, Yes
from syft.store.base import Contains, Reader


def known_inputs(reader: Reader, code: Code) -> list[ObjectRecord]:
    """The objects that a code asks to run on, leaving out what has been deleted."""
    rules = code.submission.input_policy.objects.values()
    found = (reader.find(ObjectRecord, uid=rule.object_uid) for rule in rules)
    return [record for record in found if record is not None]


def known_approvers(reader: Reader, code: Code) -> frozenset[UID]:
    """The accounts that owners of its inputs have named to decide beside them."""
    return frozenset().union(*named_on(reader, known_inputs(reader, code)).values())


def heard_owners(reader: Reader, request: Request, code: Code) -> frozenset[UID]:
    """Who has to be heard about a request: the owners of its inputs as they are now, and as it was made.

    A dataset that has changed hands needs both.
    """
    return frozenset((*request.owners, *(one.owner_uid for one in known_inputs(reader, code))))


def sees_request(caller: Caller, reader: Reader, request: Request, code: Code) -> bool:
    """Whether the caller sees a request for that code: who asks, and who decides about it or a part of it."""
    owners = heard_owners(reader, request, code)
    return can_see_request(caller, request, code, owners, known_approvers(reader, code))


def is_named(reader: Reader, user_uid: UID) -> bool:
    """Whether an owner has named that account as an approver of any object."""
    return reader.count(ObjectRecord, Contains("approver_text", user_uid.hex)) > 0


@dataclass(frozen=True)
class Electorate:
    """Who decides about a request for code, as it is now.

    Args:
        code: what it is about.
        owners: of the objects, as they are now and as the request was made: what changed hands needs both.
        approvers: whom owners have named.
        demand: how many people it takes.
        named: by owner, whom they have named on any of these objects.
    """

    code: Code
    owners: frozenset[UID]
    approvers: frozenset[UID]
    demand: Demand
    named: Mapping[UID, frozenset[UID]]

    def yes_of(self, reader: Reader, uid: UID) -> Yes | None:
        """The vote of that account, if it may vote; None where it may not (any more)."""
        user = reader.find(User, uid=uid)
        if user is None:
            return None
        voter = Caller(b"", user)
        if not can_decide(voter, self.code, self.owners, self.approvers):
            return None
        speaks_for = {uid, *(owner for owner, named in self.named.items() if uid in named)}
        return Yes(uid, voter.can(Capability.DECIDE_REQUESTS), voter.is_admin, frozenset(speaks_for))

    def counted(self, reader: Reader, votes: Iterable[Approval]) -> list[Yes]:
        """The votes of those who may still vote."""
        found = (self.yes_of(reader, vote.approver_uid) for vote in votes)
        return [one for one in found if one is not None]


def electorate(reader: Reader, request: Request, code: Code) -> Electorate:
    """Who decides about a request for that code."""
    inputs = known_inputs(reader, code)
    demand = demand_on(reader, inputs, request.owners)
    named = named_on(reader, inputs)
    return Electorate(code, demand.owners, frozenset().union(*named.values()), demand, named)
