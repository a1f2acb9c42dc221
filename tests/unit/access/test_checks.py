"""Who may do what to which object, as tables."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import msgspec
import pytest

from syft.access.caller import Caller
from syft.access.checks import (
    can_decide,
    can_decide_access,
    can_read_log,
    can_read_value,
    can_see_access,
    can_see_code,
    can_see_job,
    check_can_allow_mocks,
    check_can_decide,
    check_can_decide_access,
    check_can_decide_pool,
    check_can_give_role,
    check_can_manage,
    check_can_set_priority,
    check_capability,
)
from syft.access.results import owner_of_all, readers_of_all
from syft.access.roles import CAPABILITIES, PEER_CAPABILITIES, WORKER_CAPABILITIES
from syft.errors import AuthorizationException, InvalidInput, NotFound
from syft.model.code import Code, CodeSubmission, InputPolicy, Mode, MustBe
from syft.model.job import Job
from syft.model.object import Face, ObjectKind, ObjectRecord
from syft.model.peer import Peer, Relation
from syft.model.permission import Capability, Role
from syft.model.pool import PoolSpec
from syft.model.request import Request
from syft.model.uid import UID
from syft.model.user import User
from syft.model.worker import Worker

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def person(role: Role, uid: UID | None = None) -> Caller:
    if role is Role.GUEST:
        return Caller(bytes(32), None)
    user = User(uid=uid or UID(), email="a@b.c", name="A", role=role, password_hash="x", created_at=NOW)
    return Caller(bytes(32), user)


OWNER, AUTHOR = UID(), UID()
OBJECT = ObjectRecord(uid=UID(), kind=ObjectKind.ASSET, owner_uid=OWNER, created_at=NOW)
CODE = Code(
    uid=UID(),
    owner_uid=AUTHOR,
    digest="d",
    name="f",
    version=1,
    submission=CodeSubmission(name="f", source=""),
    created_at=NOW,
)


def code_on(owners: list[UID]) -> Code:
    """The code, asking for an object of each owner."""
    rules = {f"x{number}": MustBe(UID()) for number, _ in enumerate(owners)}
    policy = InputPolicy(kind="exact", rules=rules)
    return msgspec.structs.replace(
        CODE, submission=msgspec.structs.replace(CODE.submission, input_policy=policy)
    )


def job(mode: Mode) -> Job:
    return Job(uid=UID(), code_uid=CODE.uid, code_name="f", requester_uid=AUTHOR, mode=mode, created_at=NOW)


def peer(relation: Relation) -> Peer:
    return Peer(
        uid=UID(),
        node_uid=UID(),
        name="next",
        kind="datasite",
        verify_key="0" * 64,
        relation=relation,
        added_at=NOW,
    )


WORKER = Worker(
    uid=UID(), verify_key="0" * 64, pool="default-pool", name="w", admitted_by=UID(), admitted_at=NOW
)


def test_every_role_has_its_row_and_each_has_all_of_the_one_below() -> None:
    assert set(CAPABILITIES) == set(Role)
    rising = sorted(Role)
    for below, above in pairwise(rising):
        assert CAPABILITIES[below] < CAPABILITIES[above]
    # Taking work is for the keys of workers, which are nobody's: an administrator's is not one either.
    assert CAPABILITIES[Role.ADMIN] == set(Capability) - {Capability.TAKE_WORK}
    assert Capability.TAKE_WORK in WORKER_CAPABILITIES


@pytest.mark.parametrize("relation", Relation)
def test_the_key_of_another_node_may_what_its_relation_says_and_is_no_guest(relation: Relation) -> None:
    caller = Caller(bytes(32), None, peer=peer(relation))
    assert {one for one in Capability if caller.can(one)} == PEER_CAPABILITIES[relation]
    assert not caller.can(Capability.BROWSE_DATASETS)
    # An account is an account, whatever else its key is.
    both = replace(caller, user=person(Role.ADMIN).user)
    assert both.can(Capability.ADMINISTER)


def test_the_key_of_a_worker_takes_work_and_nothing_else() -> None:
    caller = Caller(bytes(32), None, worker=WORKER)
    assert {one for one in Capability if caller.can(one)} == WORKER_CAPABILITIES
    assert not caller.can(Capability.READ_VALUES)


def test_a_capability_that_is_missing_says_what_to_do() -> None:
    check_capability(person(Role.ADMIN), Capability.ADMINISTER, "x.y")
    with pytest.raises(AuthorizationException, match="Log in, or register"):
        check_capability(person(Role.GUEST), Capability.RUN_CODE, "jobs.call")
    with pytest.raises(AuthorizationException, match="As a data scientist"):
        check_capability(person(Role.DATA_SCIENTIST), Capability.UPLOAD_DATA, "datasets.create")


def test_guests_who_are_not_welcome_can_only_come_in() -> None:
    shut = Caller(bytes(32), None, guests_welcome=False)
    assert shut.can(Capability.LOG_IN)
    assert not shut.can(Capability.BROWSE_DATASETS)
    assert person(Role.GUEST).can(Capability.BROWSE_DATASETS)


@pytest.mark.parametrize(
    ("caller", "private", "mock"),
    [
        (person(Role.GUEST), False, True),
        (person(Role.DATA_SCIENTIST), False, True),
        (person(Role.DATA_OWNER), False, True),
        (person(Role.DATA_OWNER, OWNER), True, True),
        (person(Role.ADMIN), True, True),
    ],
)
def test_who_reads_values(caller: Caller, private: bool, mock: bool) -> None:
    assert can_read_value(caller, OBJECT, Face.PRIVATE, granted=False) is private
    assert can_read_value(caller, OBJECT, Face.MOCK, granted=False) is mock


def test_a_grant_opens_the_private_face_to_accounts_but_never_to_guests() -> None:
    assert can_read_value(person(Role.DATA_SCIENTIST), OBJECT, Face.PRIVATE, granted=True)
    assert not can_read_value(person(Role.GUEST), OBJECT, Face.PRIVATE, granted=True)


@pytest.mark.parametrize(
    ("caller", "owners", "sees", "decides"),
    [
        (person(Role.GUEST), [OWNER], False, False),
        (person(Role.DATA_SCIENTIST), [OWNER], False, False),
        (person(Role.DATA_SCIENTIST, AUTHOR), [OWNER], True, False),
        (person(Role.DATA_OWNER, OWNER), [OWNER], True, True),
        (person(Role.DATA_OWNER), [OWNER], False, False),
        # Each owner for what is theirs; whether that is enough is another question.
        (person(Role.DATA_OWNER, OWNER), [OWNER, UID()], True, True),
        (person(Role.DATA_OWNER), [], True, True),
        (person(Role.ADMIN), [OWNER], True, True),
        # The author never decides, whatever else they are.
        (person(Role.DATA_OWNER, AUTHOR), [], True, False),
        (person(Role.ADMIN, AUTHOR), [OWNER], True, False),
    ],
)
def test_who_sees_and_decides_about_code(
    caller: Caller, owners: list[UID], sees: bool, decides: bool
) -> None:
    code = code_on(owners)
    assert can_see_code(caller, code, owners) is sees
    assert can_decide(caller, code, owners) is decides
    if decides:
        check_can_decide(caller, code, owners)
    else:
        with pytest.raises(AuthorizationException if sees else NotFound):
            check_can_decide(caller, code, owners)


@pytest.mark.parametrize(
    ("role", "decides"),
    [
        (Role.NONE, False),
        (Role.GUEST, False),
        (Role.DATA_SCIENTIST, True),
        (Role.DATA_OWNER, True),
        (Role.ADMIN, True),
    ],
)
def test_who_was_named_decides_and_reads_no_value(role: Role, decides: bool) -> None:
    named = person(role, UID())
    code = code_on([OWNER])
    assert (
        named.uid is None or not can_read_value(named, OBJECT, Face.PRIVATE, granted=False) or named.is_admin
    )
    approvers = [named.uid] if named.uid else []
    assert can_decide(named, code, [OWNER], approvers) is decides
    assert not can_decide(person(Role.DATA_SCIENTIST, AUTHOR), code, [OWNER], [AUTHOR])
    assert not can_decide(person(Role.DATA_SCIENTIST), code, [OWNER], approvers)


def test_code_whose_data_is_gone_is_nobodys_but_its_authors() -> None:
    code = code_on([OWNER])
    assert not can_see_code(person(Role.DATA_OWNER, OWNER), code, [])
    assert not can_decide(person(Role.DATA_OWNER, OWNER), code, [])
    assert can_see_code(person(Role.DATA_SCIENTIST, AUTHOR), code, [])


@pytest.mark.parametrize(
    ("caller", "mode", "sees", "reads_log"),
    [
        (person(Role.DATA_SCIENTIST, AUTHOR), Mode.PRIVATE, True, False),
        (person(Role.DATA_SCIENTIST, AUTHOR), Mode.MOCK, True, True),
        (person(Role.DATA_SCIENTIST), Mode.MOCK, False, False),
        (person(Role.DATA_OWNER, OWNER), Mode.PRIVATE, True, True),
        (person(Role.DATA_OWNER), Mode.PRIVATE, False, False),
        (person(Role.ADMIN), Mode.PRIVATE, True, True),
        (person(Role.GUEST), Mode.MOCK, False, False),
    ],
)
def test_who_sees_jobs_and_reads_what_they_print(
    caller: Caller, mode: Mode, sees: bool, reads_log: bool
) -> None:
    assert can_see_job(caller, job(mode), [OWNER]) is sees
    assert can_read_log(caller, job(mode), [OWNER]) is reads_log


def test_a_log_about_several_owners_data_is_no_single_owners() -> None:
    assert not can_read_log(person(Role.DATA_OWNER, OWNER), job(Mode.PRIVATE), [OWNER, UID()])


def test_roles_are_given_downwards() -> None:
    check_can_give_role(person(Role.DATA_OWNER), Role.DATA_SCIENTIST)
    check_can_give_role(person(Role.ADMIN), Role.ADMIN)
    for role in (Role.DATA_OWNER, Role.ADMIN):
        with pytest.raises(AuthorizationException):
            check_can_give_role(person(Role.DATA_OWNER), role)
    with pytest.raises(InvalidInput):
        check_can_give_role(person(Role.ADMIN), Role.GUEST)


def test_accounts_are_managed_downwards() -> None:
    def user(role: Role) -> User:
        found = person(role).user
        assert found is not None
        return found

    owner = person(Role.DATA_OWNER)
    check_can_manage(owner, msgspec.structs.replace(user(Role.DATA_SCIENTIST), made_by=owner.uid))
    for maker in (None, UID()):
        foreign = msgspec.structs.replace(user(Role.DATA_SCIENTIST), made_by=maker)
        check_can_allow_mocks(owner, foreign)
        with pytest.raises(AuthorizationException, match="did not make this account"):
            check_can_manage(owner, foreign)
    check_can_manage(person(Role.ADMIN), user(Role.ADMIN))
    with pytest.raises(AuthorizationException):
        check_can_manage(person(Role.DATA_OWNER), user(Role.DATA_OWNER))
    with pytest.raises(NotFound):
        check_can_manage(person(Role.DATA_SCIENTIST), user(Role.DATA_SCIENTIST))


@pytest.mark.parametrize(
    ("caller", "priority", "may"),
    [
        (person(Role.ADMIN), 100, True),
        (person(Role.ADMIN), -100, True),
        (person(Role.DATA_SCIENTIST, AUTHOR), -1, True),
        (person(Role.DATA_SCIENTIST, AUTHOR), 0, True),
        (person(Role.DATA_SCIENTIST, AUTHOR), 1, False),
        (person(Role.DATA_OWNER, AUTHOR), 1, False),
        # To whom the data belong has no say in whose turn it is.
        (person(Role.DATA_OWNER, OWNER), -1, False),
        (person(Role.DATA_SCIENTIST), -1, False),
        (person(Role.GUEST), -1, False),
    ],
)
def test_who_puts_a_job_before_others_or_behind_them(caller: Caller, priority: int, may: bool) -> None:
    if may:
        check_can_set_priority(caller, job(Mode.PRIVATE), priority)
    else:
        with pytest.raises(AuthorizationException):
            check_can_set_priority(caller, job(Mode.PRIVATE), priority)


def held(owner: UID, **options: object) -> ObjectRecord:
    return ObjectRecord(uid=UID(), kind=ObjectKind.VALUE, owner_uid=owner, created_at=NOW, **options)


def test_a_result_is_read_by_who_may_read_all_it_was_made_from() -> None:
    ada, bob, eve = UID(), UID(), UID()
    of_ada, of_bob = held(ada), held(bob)
    assert readers_of_all([(of_ada, [eve])]) == {ada, eve}
    assert readers_of_all([(of_ada, [bob, eve]), (of_bob, [eve])]) == {bob, eve}
    assert readers_of_all([(of_ada, []), (of_bob, [])]) == frozenset()
    assert readers_of_all([]) == frozenset()


def test_what_was_made_from_several_owners_data_is_the_nodes() -> None:
    ada, node = UID(), UID()
    assert owner_of_all([held(ada), held(ada)], node) == ada
    assert owner_of_all([held(ada), held(UID())], node) == node
    assert owner_of_all([], node) == node


# Requests for objects, and for pools

ASKS = UID()
FOR_AN_OBJECT = Request(uid=UID(), requester_uid=ASKS, object_uid=OBJECT.uid, owners=(OWNER,), created_at=NOW)


@pytest.mark.parametrize(
    ("caller", "owner", "sees", "decides"),
    [
        (person(Role.GUEST), OWNER, False, False),
        (person(Role.DATA_SCIENTIST), OWNER, False, False),
        (person(Role.DATA_SCIENTIST, ASKS), OWNER, True, False),
        (person(Role.DATA_SCIENTIST, OWNER), OWNER, True, True),
        (person(Role.DATA_OWNER), OWNER, False, False),
        (person(Role.ADMIN), OWNER, True, True),
        # Who asks does not answer, though they are an administrator, or the object became theirs.
        (person(Role.ADMIN, ASKS), OWNER, True, False),
        (person(Role.DATA_OWNER, ASKS), ASKS, True, False),
        # Whose it is now counts; of what is gone, whose it was.
        (person(Role.DATA_OWNER, OWNER), UID(), False, False),
        (person(Role.DATA_OWNER, OWNER), None, True, True),
        (person(Role.DATA_OWNER), None, False, False),
    ],
)
def test_who_answers_for_an_object(caller: Caller, owner: UID | None, sees: bool, decides: bool) -> None:
    assert can_see_access(caller, FOR_AN_OBJECT, owner) is sees
    assert can_decide_access(caller, FOR_AN_OBJECT, owner) is decides
    if decides:
        check_can_decide_access(caller, FOR_AN_OBJECT, owner)
    else:
        with pytest.raises(AuthorizationException if sees else NotFound):
            check_can_decide_access(caller, FOR_AN_OBJECT, owner)


@pytest.mark.parametrize(
    ("caller", "complaint"),
    [
        (person(Role.ADMIN), ""),
        (person(Role.ADMIN, ASKS), "Who asks cannot answer"),
        (person(Role.DATA_OWNER), "made by an administrator"),
        (person(Role.DATA_SCIENTIST, ASKS), "made by an administrator"),
        (person(Role.GUEST), "made by an administrator"),
    ],
)
def test_who_answers_for_a_pool(caller: Caller, complaint: str) -> None:
    request = Request(uid=UID(), requester_uid=ASKS, pool=PoolSpec(name="large"), created_at=NOW)
    if complaint:
        with pytest.raises(AuthorizationException, match=complaint):
            check_can_decide_pool(caller, request)
    else:
        check_can_decide_pool(caller, request)
