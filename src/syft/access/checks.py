"""This module holds the rules: `can_x` answers, `check_x` raises what the answer was no to.

A capability says that a role may do such things at all; these rules say to which objects. "Not there" and
"not yours" are one answer, `NotFound`, so that nobody learns what exists by asking.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from syft.access.caller import Caller
from syft.errors import AuthorizationException, InvalidInput, NotFound
from syft.model.code import Code, Mode
from syft.model.job import Job
from syft.model.object import Face, ObjectKind, ObjectRecord
from syft.model.permission import Capability, Role
from syft.model.request import Request
from syft.model.uid import UID
from syft.model.user import User

# What is put where others find it so that they may run it: nobody is to run what they cannot read.
_TO_BE_READ: Final = frozenset({ObjectKind.PLAN, ObjectKind.PROTOCOL})
# One text for a request that is not there and for one that is not the caller's: they differ by nothing.
NO_SUCH_REQUEST: Final = "There is no such request, or it is not yours to see."


def check_capability(caller: Caller, capability: Capability, asked: str) -> None:
    """Raise unless the caller's role has the capability.

    Args:
        caller: who asks.
        capability: what it takes.
        asked: the message's tag, for the text.
    """
    if caller.can(capability):
        return
    if caller.user is None:
        raise AuthorizationException(
            f"As a guest you have no access to '{asked}'. Log in, or register an account, and ask again."
        )
    raise AuthorizationException(
        f"As a {caller.role.label} you have no access to '{asked}'. Ask the administrator of this node."
    )


def can_read_value(caller: Caller, record: ObjectRecord, face: Face, granted: bool) -> bool:
    """Whether the caller may have the bytes of that face.

    Args:
        caller: who asks.
        record: whose value.
        face: which value. Mocks of what everybody finds are there to be seen, and so are plans and protocols; private
            values are their owner's, the administrator's, and whose grant there is.
        granted: whether a grant names caller, object and its value.
    """
    if face is Face.MOCK or record.kind in _TO_BE_READ:
        return can_find(caller, record, granted)
    if caller.user is None:
        return False
    return caller.is_admin or record.owner_uid == caller.uid or granted


def can_find(caller: Caller, record: ObjectRecord, granted: bool) -> bool:
    """Whether the caller may know that the object is there: it is for everybody, or it is theirs in some way."""
    if record.findable or record.kind is ObjectKind.ASSET:
        return caller.can(Capability.BROWSE_DATASETS)
    if caller.user is None:
        return False
    return caller.is_admin or caller.uid in (record.owner_uid, record.made_by) or granted


def can_change(caller: Caller, record: ObjectRecord) -> bool:
    """Whether the caller may delete, replace, retag or hide that object: its owner and the administrator."""
    return caller.user is not None and (caller.is_admin or record.owner_uid == caller.uid)


def can_drop(caller: Caller, record: ObjectRecord) -> bool:
    """Whether the caller may end the object's lease early: who had it made, never who found it."""
    return caller.user is not None and record.lease_until is not None and record.made_by == caller.uid


def can_see_code(
    caller: Caller, code: Code, owners: Collection[UID], approvers: Collection[UID] = ()
) -> bool:
    """Whether the caller may read that code: its author, whoever decides about it, the administrator.

    Args:
        caller: who asks.
        code: which.
        owners: of what it asks for.
        approvers: whom those have named to decide beside them. They see the code; no value is theirs to read for it.
    """
    if caller.user is None:
        return False
    if caller.is_admin or code.owner_uid == caller.uid or caller.uid in approvers:
        return True
    # Code that asks for nothing is any owner's to review; code whose data is gone is nobody's.
    asks_for_nothing = not code.submission.input_policy.objects
    return caller.can(Capability.DECIDE_REQUESTS) and (asks_for_nothing or caller.uid in owners)


def can_decide(caller: Caller, code: Code, owners: Collection[UID], approvers: Collection[UID] = ()) -> bool:
    """Whether the caller may approve or deny that code; how many it takes to approve is `policy.terms.is_enough`.

    Args:
        caller: who decides. Never the code's author, whatever else they are.
        code: about which.
        owners: of the objects it would run on. Each says yes for what is theirs; the no of one is a no.
        approvers: whom those have named to decide beside them, whatever their role.
    """
    if caller.user is None or code.owner_uid == caller.uid:
        return False
    if caller.uid in approvers:
        return caller.can(Capability.ANSWER_REQUESTS)
    if not caller.can(Capability.DECIDE_REQUESTS):
        return False
    asks_for_nothing = not code.submission.input_policy.objects
    return caller.is_admin or asks_for_nothing or caller.uid in owners


def check_can_decide(
    caller: Caller, code: Code, owners: Collection[UID], approvers: Collection[UID] = ()
) -> None:
    """Raise unless `can_decide`.

    Raises:
        NotFound: the caller may not even see it.
        AuthorizationException: the caller may see it but not decide about it.
    """
    if can_decide(caller, code, owners, approvers):
        return
    if caller.user is None or code.owner_uid != caller.uid:
        # Whoever may see a request that is not their own may decide about it.
        raise NotFound(NO_SUCH_REQUEST)
    raise AuthorizationException(
        "The author of code cannot decide about it. Ask another data owner or administrator to review it."
    )


def can_decide_access(caller: Caller, request: Request, owner_uid: UID | None) -> bool:
    """Whether the caller may answer that request for an object.

    Args:
        caller: who answers. Never who asked, whatever else they are.
        request: for an object.
        owner_uid: whose the object is now; None when it is gone: then those decide whose it was.
    """
    if caller.user is None or request.requester_uid == caller.uid:
        return False
    return caller.is_admin or caller.uid in (request.owners if owner_uid is None else (owner_uid,))


def can_see_access(caller: Caller, request: Request, owner_uid: UID | None) -> bool:
    """Whether the caller may see that request for an object: who asked, and who may answer."""
    return caller.user is not None and (
        request.requester_uid == caller.uid or can_decide_access(caller, request, owner_uid)
    )


def check_can_decide_access(caller: Caller, request: Request, owner_uid: UID | None) -> None:
    """Raise unless `can_decide_access`.

    Raises:
        NotFound: the caller may not even see it.
        AuthorizationException: the caller asked.
    """
    if can_decide_access(caller, request, owner_uid):
        return
    if not can_see_access(caller, request, owner_uid):
        raise NotFound(NO_SUCH_REQUEST)
    raise AuthorizationException("Who asks cannot answer. The owner of the object or an administrator does.")


def check_can_decide_pool(caller: Caller, request: Request) -> None:
    """Raise unless the caller may answer a request for a worker pool: whoever makes pools, and did not ask.

    Raises:
        AuthorizationException: the caller may not.
    """
    if not caller.can(Capability.MANAGE_POOLS):
        raise AuthorizationException("Worker pools are made by an administrator, who answers this.")
    if request.requester_uid == caller.uid:
        raise AuthorizationException(
            "Who asks cannot answer. Make the pool with `client.worker_pools.launch`."
        )


def can_see_request(
    caller: Caller, request: Request, code: Code, owners: Collection[UID], approvers: Collection[UID] = ()
) -> bool:
    """Whether the caller may see that request: whoever made it, and whoever may see its code."""
    return caller.user is not None and (
        request.requester_uid == caller.uid or can_see_code(caller, code, owners, approvers)
    )


def check_can_review(
    caller: Caller, request: Request, code: Code, owners: Collection[UID], approvers: Collection[UID] = ()
) -> None:
    """Raise unless the caller is one of those for whom the evidence about a request is: who may read its code because
    it is about their data, be it that others decide with them. Never who asks, whatever else they are.

    Raises:
        NotFound: the caller may not even see the request.
        AuthorizationException: the caller asks, or wrote it.
    """
    if not can_see_request(caller, request, code, owners, approvers):
        raise NotFound(NO_SUCH_REQUEST)
    if caller.uid in (request.requester_uid, code.owner_uid):
        raise AuthorizationException(
            "This is for those who decide about the request, and you have asked. Try your function by calling it on "
            "mocks; how the request stands is in `client.requests`."
        )


def can_see_job(caller: Caller, job: Job, owners: Collection[UID]) -> bool:
    """Whether the caller may see that job: whoever asked for it, the owners of what it ran on, the administrator.

    What a private run has launched is seen by those who may read what it printed. Which functions it launches, how
    often and in what order is for the code to choose, so it could spell any value with them.
    """
    if job.rehearses is not None:
        # The reviewer's own: neither the code's author, who may own some of the data, nor another owner is to see
        # which values they tried.
        return caller.user is not None and (caller.is_admin or job.requester_uid == caller.uid)
    if job.parent_uid is not None and job.mode is Mode.PRIVATE:
        return _may_read_data(caller, owners)
    return caller.user is not None and (
        caller.is_admin
        or job.requester_uid == caller.uid
        or (caller.can(Capability.DECIDE_REQUESTS) and caller.uid in owners)
    )


def can_read_log(caller: Caller, job: Job, owners: Collection[UID]) -> bool:
    """Whether the caller may read all a job printed: of a private run only who may read the data itself."""
    if not can_see_job(caller, job, owners):
        return False
    # What was given by hand, was given to be read.
    if (job.mode is Mode.MOCK or job.given_by is not None) and job.requester_uid == caller.uid:
        return True
    return _may_read_data(caller, owners)


def can_read_policy_state(caller: Caller, owners: Collection[UID]) -> bool:
    """Whether the caller may see what an output policy shows of itself: who may read the data that it saw results of.

    Args:
        caller: who asks.
        owners: of what its code runs on.
    """
    return caller.user is not None and _may_read_data(caller, owners)


def check_can_set_priority(caller: Caller, job: Job, priority: int) -> None:
    """Raise unless the caller may put that job, which they see, at that place: administrators anywhere, its requester
    behind where it was. Before others it would be at their cost.

    Raises:
        AuthorizationException: they may not.
    """
    if caller.is_admin:
        return
    if job.requester_uid != caller.uid:
        raise AuthorizationException("Only who asked for a job, or an administrator, sets its priority.")
    if priority > job.priority:
        raise AuthorizationException(
            f"You can put a job of yours behind others: to a priority below {job.priority}, which it has. Only an "
            "administrator puts it before them."
        )


def _may_read_data(caller: Caller, owners: Collection[UID]) -> bool:
    return caller.is_admin or (bool(owners) and all(owner == caller.uid for owner in owners))


def check_can_give_role(caller: Caller, role: Role) -> None:
    """Raise unless the caller may make somebody that: owners make accounts below themselves, administrators any.

    Raises:
        AuthorizationException: they may not.
        InvalidInput: no account can have that role.
    """
    if role in (Role.NONE, Role.GUEST):
        raise InvalidInput(
            f"An account cannot be a {role.label}; choose data scientist, data owner or admin."
        )
    if not caller.is_admin and role >= Role.DATA_OWNER:
        raise AuthorizationException(f"Only an administrator can make somebody a {role.label}.")


def check_can_allow_mocks(caller: Caller, target: User) -> None:
    """Raise unless the caller may say whether that account, which is not their own, runs code on mock values.

    Raises:
        NotFound: they may not know of it.
        AuthorizationException: it stands above or beside them.
    """
    if not caller.can(Capability.MANAGE_USERS):
        raise NotFound("There is no such user, or they are not yours to manage.")
    if not caller.is_admin and target.role >= Role.DATA_OWNER:
        raise AuthorizationException(
            f"Only an administrator can change the account of a {target.role.label}."
        )


def check_can_manage(caller: Caller, target: User) -> None:
    """Raise unless the caller may change or delete that account, which is not their own.

    An owner may where they made it. Others' data owners know this account by its e-mail: whoever could delete it and
    make another of that name would be taken for its person by them.

    Raises:
        NotFound: they may not know of it.
        AuthorizationException: it stands above or beside them, or somebody else made it.
    """
    check_can_allow_mocks(caller, target)
    if not caller.is_admin and target.made_by != caller.uid:
        raise AuthorizationException(
            "You did not make this account; only an administrator changes or deletes it. You can say whether it may "
            "run code on mock values."
        )
