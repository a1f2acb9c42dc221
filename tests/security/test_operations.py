"""Computing with objects that one may only find: what is refused, and what of private values it tells nobody.

THREATS 1.4, 1.5, 2.5, 2.6, 4.1, 4.2.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from support.people import Person, new_value
from support.sites import Cast, account_of, at_once, logged, refused
from syft.errors import InvalidInput
from syft.model.message import Done
from syft.model.messages import objects, requests
from syft.model.object import Face, FailedOperations, ObjectRecord
from syft.model.permission import Grant
from syft.model.request import HandlerAction, RequestState
from syft.model.step import Items, Of, Slice, Step
from syft.model.uid import UID
from syft.node.services.computing import MAX_FAILURES
from syft.ops.table import OPERATIONS
from syft.wire.codec import encode

SECRET = 41_273_998.5
NOT_THERE = ("not_found", "There is no such object, or it is not yours to see.")


def put(person: Person, value: Any, **options: Any) -> UID:
    return person.say(objects.PutObject(new_value(value), **options), objects.ObjectReply).object.uid


def step(op: str, *inputs: Any, **constants: Any) -> Step:
    operands = tuple(Of(one) if isinstance(one, UID) else one for one in inputs)
    return Step(op=op, inputs=operands, output=UID(), constants=constants)


def compute(person: Person, op: str, *inputs: Any, **constants: Any) -> objects.ObjectView:
    return person.say(objects.Operate(step(op, *inputs, **constants)), objects.ObjectReply).object


def refusal(person: Person, op: str, *inputs: Any, **constants: Any) -> tuple[str, str]:
    return refused(person, objects.Operate(step(op, *inputs, **constants)))


def may_read(person: Person, uid: UID) -> bool:
    return refused(person, objects.ReadValue(uid))[0] == "ok"


def record_of(site: Cast, uid: UID) -> ObjectRecord:
    with site.store.reading() as reader:
        return reader.get(ObjectRecord, uid)


def let(site: Cast, owner: Person, reader: Person, uid: UID) -> None:
    request = reader.say(requests.RequestObject(uid), requests.RequestReply).request
    view = owner.say(requests.GetRequest(request.uid), requests.RequestReply).request
    assert view.object is not None
    owner.say(requests.ApproveRequest(view.uid, view.object.digest), requests.RequestReply)


@pytest.fixture
def private(site: Cast) -> UID:
    return put(site.owner, np.array([1.0, SECRET, 3.0]), tags=("numbers",))


# --- the table is closed


@pytest.mark.parametrize(
    "name",
    [
        "__class__",
        "add.__class__",
        "to_csv",
        "eval",
        "query",
        "__add__",
        "os.system",
        "save",
        "",
        "add ",
        "ADD",
    ],
)
def test_what_is_not_in_the_table_is_not_done(site: Cast, private: UID, name: str) -> None:
    assert refusal(site.scientist, "add", private, 1)[0] == "ok"
    whole = msgspec.structs.asdict(step("add", private, 1))
    try:
        asked = Step(**{**whole, "op": name})
    except InvalidInput:
        # So it cannot be said with our own classes; said all the same, it is refused on its way in.
        asked = step("add", private, 1)
        msgspec.structs.force_setattr(asked, "op", name)
    code, _ = refused(site.owner, objects.Operate(asked))
    assert code in ("invalid_input", "decode")


def test_no_operation_reaches_files_code_or_the_network() -> None:
    words = (
        "eval",
        "query",
        "exec",
        "apply",
        "map",
        "pipe",
        "transform",
        "load",
        "save",
        "read",
        "write",
        "open",
    )
    words += ("tofile", "memmap", "to_", "from", "pickle", "getattr", "call", "func")
    assert not [name for name in OPERATIONS if any(word in name for word in words)]
    for row in OPERATIONS.values():
        assert not set(row.options) & {
            "out",
            "func",
            "key",
            "engine",
            "where",
            "like",
            "subok",
            "args",
            "kwargs",
        }


@pytest.mark.parametrize(
    ("op", "constants"),
    [
        ("sum", {"out": 1}),
        ("sum", {"axis": "__class__"}),
        ("astype", {"dtype": "object"}),
        ("astype", {"dtype": "O"}),
        ("astype", {"dtype": "U1000000000"}),
        ("round", {"decimals": "1"}),
        ("round", {"decimals": 2**31 - 1}),  # numpy counts up to it, and nobody else gets a turn
        ("round", {"decimals": -(2**31)}),
        ("reshape", {"shape": Items("list", ("a",))}),
        ("groupby_agg", {"by": "a", "agg": "apply"}),
        ("groupby_agg", {"by": "a", "agg": "__class__"}),
        ("groupby_agg", {"by": "a", "agg": "sum", "func": "x"}),
        ("describe", {"include": "all"}),
        ("sort_values", {"key": "len"}),
    ],
)
def test_options_are_a_closed_table_too(site: Cast, private: UID, op: str, constants: dict[str, Any]) -> None:
    before = site.count(ObjectRecord)
    assert refusal(site.owner, op, private, **constants)[0] == "invalid_input"
    assert site.count(ObjectRecord) == before


@pytest.mark.parametrize(
    ("op", "inputs"),
    [
        ("add", ()),
        ("add", (1,)),
        ("sum", (1, 2)),
        ("zeros", (1, 2, 3)),
        ("add", tuple(range(9))),
        ("getitem", (1, Items("list", (1,) * 1001))),
        ("eq", (1, "x" * 10_001)),
    ],
)
def test_too_few_and_too_many_inputs_are_refused(site: Cast, op: str, inputs: tuple[Any, ...]) -> None:
    try:
        asked = step(op, *inputs)
    except InvalidInput:
        asked = step("add", 1, 1)
        msgspec.structs.force_setattr(asked, "op", op)
        msgspec.structs.force_setattr(asked, "inputs", inputs)
    assert refused(site.owner, objects.Operate(asked))[0] == "invalid_input"


@pytest.mark.parametrize(
    "value", [[1, 2], {"a": 1}, b"bytes", {1, 2}, object, range(3), np.array([[1], "x", {}], dtype=object)]
)
def test_values_of_other_kinds_are_computed_nothing_with(site: Cast, value: Any) -> None:
    uid = put(site.owner, value, findable=False)
    code, _ = refusal(site.owner, "mul", uid, 2)
    assert code == "code_failed"


def test_a_structured_or_text_array_costs_the_node_nothing(site: Cast) -> None:
    for value in (np.zeros(3, dtype=[("a", "i8")]), np.array(["a", "b"])):
        assert refusal(site.owner, "mul", put(site.owner, value), 2)[0] == "code_failed"


# --- who may compute, and who may read what comes of it


def test_what_one_may_not_find_is_not_there_to_compute_with(site: Cast) -> None:
    hidden = put(site.owner, 5, findable=False)
    before = site.count_events()
    assert refusal(site.scientist, "add", hidden, 1) == NOT_THERE
    assert refusal(site.scientist, "add", UID(), 1) == NOT_THERE
    assert {one.event.verb for one in site.events(after=before)} <= {"act.refused"}


def test_a_finder_computes_without_seeing(site: Cast, private: UID) -> None:
    view = compute(site.scientist, "sum", private)
    assert (view.readable, view.digest, view.size, view.shape, view.type_name) == (False, "", None, None, "")
    assert not may_read(site.scientist, view.uid)
    assert site.owner.read(view.uid) == 4 + SECRET
    record = record_of(site, view.uid)
    assert (record.owner_uid, record.made_by) == (account_of(site.owner), account_of(site.scientist))
    assert record.lease_until is not None
    assert not record.findable
    assert record.tags == ("numbers", "sum")
    assert refused(site.other_scientist, objects.GetObject(view.uid)) == NOT_THERE
    for message in (objects.DeleteObject(view.uid), objects.DescribeObject(view.uid, findable=True)):
        assert refused(site.scientist, message)[0] == "not_found"


def test_who_may_read_all_may_read_the_result(site: Cast, private: UID) -> None:
    let(site, site.owner, site.scientist, private)
    view = compute(site.scientist, "max", private)
    assert view.readable
    assert site.scientist.read(view.uid) == SECRET
    by_owner = compute(site.owner, "max", private)
    assert may_read(site.scientist, by_owner.uid), "who may read the input could have computed it too"
    assert not may_read(site.other_scientist, by_owner.uid)


def test_readers_are_those_of_all_inputs(site: Cast, private: UID) -> None:
    other = put(site.owner, np.array([1.0, 1.0, 1.0]))
    let(site, site.owner, site.scientist, private)
    let(site, site.owner, site.scientist, other)
    let(site, site.owner, site.other_scientist, other)
    view = compute(site.owner, "add", private, other)
    assert may_read(site.scientist, view.uid)
    assert not may_read(site.other_scientist, view.uid)


def test_mixing_in_what_is_ones_own_makes_nothing_readable(site: Cast, private: UID) -> None:
    zero = put(site.scientist, np.zeros(3), findable=False)
    view = compute(site.scientist, "add", private, zero)
    assert not view.readable
    for person in (site.scientist, site.owner, site.other_owner):
        assert not may_read(person, view.uid)
    assert may_read(site.admin, view.uid), "of several owners' no single one decides"
    along = UID()
    message = objects.Operate(step("add", private, along), (objects.Brought(along, new_value(np.zeros(3))),))
    result = site.scientist.say(message, objects.ObjectReply).object.uid
    assert not may_read(site.scientist, result)
    assert may_read(site.owner, result), "what came along is no object, and has no owner to ask"
    third = compute(site.scientist, "mul", view.uid, 0)
    assert not may_read(site.scientist, third.uid)


def test_a_grant_taken_back_opens_no_later_result(site: Cast, private: UID) -> None:
    let(site, site.owner, site.scientist, private)
    assert compute(site.scientist, "sum", private).readable
    site.owner.say(objects.ReplaceObject(private, new_value(np.array([1.0, 2.0]))), objects.ObjectReply)
    assert not compute(site.scientist, "sum", private).readable


def test_the_owner_sees_how_a_value_came_about(site: Cast, private: UID) -> None:
    part = compute(site.scientist, "getitem", private, Slice(0, 2))
    view = compute(site.scientist, "mean", part.uid)
    asked = site.scientist.say(requests.RequestObject(view.uid, "please"), requests.RequestReply).request
    seen = site.owner.say(requests.GetRequest(asked.uid), requests.RequestReply).request
    assert seen.object is not None
    assert seen.object.name == f"mean of 'numbers' ({private.hex[:8]})[0:2]"
    assert (seen.object.op, seen.object.inputs) == ("mean", (part.uid,))
    assert record_of(site, view.uid).sources == (private,)
    site.owner.say(requests.ApproveRequest(seen.uid, seen.object.digest), requests.RequestReply)
    assert site.scientist.read(view.uid) == (1 + SECRET) / 2
    assert not may_read(site.scientist, part.uid)


def test_the_story_cannot_be_forged_by_what_is_sent(site: Cast) -> None:
    tag = "x' (0) + mean of 'all\u202e"
    named = put(site.scientist, 5, tags=(tag,))
    view = compute(site.scientist, "add", named, 1)
    assert view.name == f"({tag!a} ({named.hex[:8]}) + 1)"
    assert view.name.isascii()


def test_a_result_is_on_the_quota_of_who_made_it(site: Cast, private: UID) -> None:
    from syft.model.messages import settings

    site.admin.say(settings.UpdateSettings(objects_per_account=1), settings.SettingsReply)
    try:
        person = site.newcomer().register(f"{UID().hex}@site.org")
        compute(person, "sum", private)
        assert refusal(person, "sum", private)[0] == "quota_exceeded"
    finally:
        site.admin.say(settings.UpdateSettings(objects_per_account=10_000), settings.SettingsReply)


def test_the_uid_of_a_result_is_nobody_elses(site: Cast, private: UID) -> None:
    asked = step("sum", private)
    msgspec.structs.force_setattr(asked, "output", private)
    assert refused(site.scientist, objects.Operate(asked))[0] == "already_exists"
    same = step("sum", private)
    answers = at_once(
        *(
            lambda who=who: refused(who, objects.Operate(same))
            for who in (site.scientist, site.other_scientist)
        )
    )
    assert sorted(code for code, _ in answers) == ["already_exists", "ok"]


def test_who_made_it_lets_it_go_and_nobody_else(site: Cast, private: UID) -> None:
    view = compute(site.scientist, "sum", private)
    site.other_scientist.say(objects.DropLeases((view.uid,)), Done)
    assert site.count(ObjectRecord, uid=view.uid) == 1
    site.scientist.say(objects.DropLeases((view.uid,)), Done)
    assert site.count(ObjectRecord, uid=view.uid) == site.count(Grant, object_uid=view.uid) == 0


def test_what_was_computed_in_passing_stands_in_no_list(site: Cast) -> None:
    tag = UID().hex
    named = put(site.owner, 5, tags=(tag,))
    compute(site.scientist, "add", named, 1)
    for person in (site.scientist, site.owner, site.admin):
        assert person.say(objects.FindObjects((tag,)), objects.ObjectsReply).total == 1
    kept = compute(site.scientist, "add", named, 1)
    site.owner.say(objects.DescribeObject(kept.uid, findable=True), objects.ObjectReply)
    assert site.other_scientist.say(objects.FindObjects((tag,)), objects.ObjectsReply).total == 2


# --- mocks


def test_the_mock_goes_along(site: Cast) -> None:
    twin = put(site.owner, np.array([SECRET, SECRET]), mock=new_value(np.array([1.0, 2.0])))
    view = compute(site.scientist, "sum", twin)
    assert (view.has_mock, view.type_name) == (True, "numpy.float64")
    assert site.scientist.read(view.uid, Face.MOCK) == 3
    own = put(site.scientist, np.array([10.0, 20.0]), findable=False)
    assert site.scientist.read(compute(site.scientist, "add", twin, own).uid, Face.MOCK).tolist() == [11, 22]
    private = put(site.owner, np.array([5.0, 5.0]))
    assert not compute(site.scientist, "add", twin, private).has_mock, "nothing private stands in for a mock"


def test_what_fails_on_the_mock_is_told_in_full_and_not_tried_on_the_data(site: Cast) -> None:
    twin = put(site.owner, pd.DataFrame({"a": [SECRET]}), mock=new_value(pd.DataFrame({"a": [1.5]})))
    code, text = refusal(site.scientist, "getitem", twin, "b")
    assert code == "code_failed"
    assert text.startswith("On the mock")
    assert "'b'" in text
    assert site.count(FailedOperations, object_uid=twin) == 0


# --- what errors tell


def test_an_error_tells_its_class_to_those_who_may_not_read(site: Cast) -> None:
    index = put(site.owner, pd.Series([f"patient {SECRET}"]))
    with logged() as log:
        code, text = refusal(site.scientist, "astype", index, dtype="float64")
    assert code == "code_failed"
    assert "ValueError" in text
    assert str(SECRET) not in text
    assert str(SECRET) not in log.getvalue()
    assert str(SECRET) in refusal(site.owner, "astype", index, dtype="float64")[1]


def test_failures_are_counted_so_that_they_spell_no_value(site: Cast) -> None:
    secret = put(site.owner, 5)
    person = site.newcomer().register(f"{UID().hex}@site.org")
    steps = put(person, np.zeros(3), findable=False)
    for _ in range(MAX_FAILURES):
        assert refusal(person, "getitem", steps, secret)[0] == "code_failed"
    derived_before = refusal(person, "add", secret, 1)
    assert derived_before[0] == "invalid_state"
    assert "10 times" in derived_before[1]
    assert refusal(site.scientist, "add", secret, 1)[0] == "ok", "it is that account's count and no other's"
    assert refusal(person, "add", steps, 1)[0] == "ok", "and about that object"
    site.owner.say(objects.DeleteObject(secret), Done)
    assert site.count(FailedOperations, object_uid=secret) == 0


def test_failures_of_what_was_computed_count_for_what_it_goes_back_to(site: Cast) -> None:
    secret = put(site.owner, np.array([5, 6]))
    person = site.newcomer().register(f"{UID().hex}@site.org")
    part = compute(person, "getitem", secret, 0)
    assert refusal(person, "getitem", part.uid, 9)[0] == "code_failed"
    assert site.count(FailedOperations, object_uid=secret) == 1


def test_the_size_of_a_private_number_is_no_size_of_an_array(site: Cast) -> None:
    assert refusal(site.scientist, "zeros", put(site.owner, 5))[0] == "invalid_input"


def test_a_type_that_depends_on_a_value_is_not_told(site: Cast) -> None:
    mixed = put(site.scientist, pd.Series([1, "a"], dtype=object), findable=False)
    secret = put(site.owner, 1)
    assert compute(site.scientist, "getitem", mixed, secret).type_name == ""
    assert compute(site.scientist, "getitem", mixed, 1).type_name == "str"


# --- size


@pytest.mark.parametrize(
    ("op", "inputs", "constants"),
    [
        ("ones", (10**9,), {}),
        ("ones", (10**18,), {}),
        ("zeros", (Items("tuple", (10**6, 10**6)),), {}),
        ("zeros", (Items("tuple", (0, 10**9)),), {}),
        ("eye", (10**6,), {}),
        ("arange", (10**12,), {}),
        ("arange", (0.0, 1.0, 1e-300), {}),
        ("pow", (7, 10**12), {}),
        ("lshift", (1, 10**15), {}),
    ],
)
def test_a_bomb_is_refused(site: Cast, op: str, inputs: tuple[Any, ...], constants: dict[str, Any]) -> None:
    files, before = blobs(site), site.count(ObjectRecord)
    assert refusal(site.scientist, op, *inputs, **constants)[0] == "limit_exceeded"
    assert (blobs(site), site.count(ObjectRecord)) == (files, before)


def test_a_product_that_outgrows_the_sandbox_is_stopped(site: Cast) -> None:
    column, row = np.ones((40_000, 1)), np.ones((1, 40_000))
    files = blobs(site)
    left, right = put(site.scientist, column, findable=False), put(site.scientist, row, findable=False)
    kept = blobs(site)
    assert refusal(site.scientist, "mul", left, right)[0] == "limit_exceeded"
    assert refusal(site.scientist, "matmul", left, right)[0] == "limit_exceeded"
    assert blobs(site) == kept
    for uid in (left, right):
        site.scientist.say(objects.DeleteObject(uid), Done)
    assert blobs(site) == files
    assert refusal(site.scientist, "ones", 3)[0] == "ok", "the node goes on"


def test_what_comes_along_is_not_kept(site: Cast, private: UID) -> None:
    files, before = blobs(site), site.count(ObjectRecord)
    along = UID()
    large = new_value(np.ones((20_000, 3)))
    view = site.scientist.say(
        objects.Operate(step("matmul", along, private), (objects.Brought(along, large),)), objects.ObjectReply
    ).object
    assert site.count(ObjectRecord) == before + 1
    site.scientist.say(objects.DropLeases((view.uid,)), Done)
    assert blobs(site) == files
    bad = objects.Operate(step("matmul", private, along), (objects.Brought(along, large),))
    assert refused(site.scientist, bad)[0] == "code_failed"
    assert blobs(site) == files
    stray = objects.Operate(step("sum", private), (objects.Brought(UID(), large),))
    assert refused(site.scientist, stray)[0] == "invalid_input"
    assert blobs(site) == files


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\xc7\x00", encode(np.ones(3)).to_bytes()[:-1], b"\xff" * 600_000]
)
def test_hostile_bytes_are_an_error_and_nothing_else(site: Cast, data: bytes) -> None:
    value = msgspec.structs.replace(new_value(1), inline=data)
    along = UID()
    code, _ = refused(
        site.scientist, objects.Operate(step("add", along, 1), (objects.Brought(along, value),))
    )
    assert code == "invalid_input"
    assert refusal(site.scientist, "add", 1, 1)[0] == "ok"


# --- standing rules


def test_a_rule_for_tags_does_not_answer_for_what_borrowed_them(site: Cast) -> None:
    harmless, secret = put(site.owner, 0, tags=("open",)), put(site.owner, 7)
    site.owner.say(requests.AddHandler(HandlerAction.ACCEPT, ("open", "__add__")), requests.HandlersReply)
    plain = compute(site.scientist, "add", harmless, 1)
    borrowed = compute(site.scientist, "add", harmless, secret)
    assert plain.tags == borrowed.tags == ("open", "__add__")

    def answer(uid: UID) -> RequestState:
        return site.scientist.say(requests.RequestObject(uid), requests.RequestReply).request.state

    assert answer(plain.uid) is RequestState.APPROVED
    assert answer(borrowed.uid) is RequestState.PENDING


def blobs(site: Cast) -> set[str]:
    return set(site.site.blobs.digests())
