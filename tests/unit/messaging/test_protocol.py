"""The Protocol of PySyft 0.2, by its page and by what its users saw; what was broken then is right here."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest

import syft as sy
from syft.client.kept import send
from syft.client.plans import Plan, PointerPlan
from syft.code import trace
from syft.errors import InvalidInput, NotDeployed, StepFailed
from syft.exceptions import ObjectNotFoundError, WorkerNotFoundException
from syft.generic.object import AbstractObject
from syft.messaging.protocol import PointerProtocol, Protocol
from syft.model.code import InputPolicy, MustBe
from syft.model.object import ObjectRecord
from syft.model.protocol import SharedProtocol
from syft.model.uid import UID
from syft.workers import VirtualWorker, local_worker


@sy.func2plan(args_shape=[(1,)])
def inc(x):
    return x + 1


@sy.func2plan(args_shape=[(1,)])
def double(x):
    return x * 2


@sy.func2plan(args_shape=[(1,)])
def square(x):
    return x * x


@sy.func2plan(args_shape=[(1,), (1,)])
def both(x, y):
    return x + y, x - y


@sy.func2plan(args_shape=[(1,), (1,)])
def quotient(x, y):
    return x / y


@sy.syft_function()
def middle(one, other):
    return (one + other) / 2


def worker(name: str) -> Iterator[VirtualWorker]:
    made = sy.VirtualWorker(id=name)
    yield made
    made.close()


@pytest.fixture
def alice() -> Iterator[VirtualWorker]:
    yield from worker("alice")


@pytest.fixture
def bob() -> Iterator[VirtualWorker]:
    yield from worker("bob")


@pytest.fixture
def charlie() -> Iterator[VirtualWorker]:
    yield from worker("charlie")


@pytest.fixture
def james() -> Iterator[VirtualWorker]:
    yield from worker("james")


Workers = tuple[VirtualWorker, VirtualWorker, VirtualWorker]


@pytest.fixture
def three(alice: VirtualWorker, bob: VirtualWorker, charlie: VirtualWorker) -> Workers:
    return alice, bob, charlie


def one() -> np.ndarray:
    return np.array([5.0])


def chain() -> Protocol:
    return Protocol([("w1", inc), ("w2", double), ("w3", square)])


# --- put together


def test_it_stands_where_the_page_says_and_at_the_root() -> None:
    assert sy.Protocol is Protocol
    assert issubclass(Protocol, AbstractObject)


def test_a_new_protocol_has_what_it_was_given() -> None:
    made = Protocol([("w1", inc)], id=7, tags=["#a"], description="adds one")
    assert (made.id, made.tags, made.description) == (7, {"#a"}, "adds one")
    assert made.owner is local_worker
    assert made.location is None
    assert made.plans == [("w1", inc)]


def test_an_id_of_zero_is_kept() -> None:
    assert Protocol(id=0).id == 0


def test_without_an_id_each_has_its_own() -> None:
    assert Protocol().id != Protocol().id


def test_tags_of_any_kind_can_be_added_to() -> None:
    made = Protocol(tags=["a"])
    assert made.tag("b", "c") is made
    assert made.tags == {"a", "b", "c"}
    assert Protocol().tag("x").tags == {"x"}
    assert Protocol().describe("what it is").description == "what it is"
    described = Protocol([("w1", inc)]).tag("#late").describe("said later")
    assert (described.design.tags, described.design.name) == (("#late",), "said later")


def test_an_empty_protocol_is_not_resolved() -> None:
    assert Protocol().workers_resolved is False


def test_names_are_not_resolved_and_workers_are(three: Workers) -> None:
    assert Protocol([("w1", inc)]).workers_resolved is False
    assert Protocol([(three[0], inc), (three[1], double)]).workers_resolved is True
    assert Protocol([(three[0], inc), ("w2", double)]).workers_resolved is False


# --- deployed


def test_a_protocol_runs_over_three_workers(three: Workers) -> None:
    made = chain()
    assert made.deploy(*three) is made
    result = made.run(one())
    assert result.location is three[2]
    assert result.get() == np.array([144.0])


def test_calling_is_running(three: Workers) -> None:
    made = chain().deploy(*three)
    assert made(one()).get() == np.array([144.0])


def test_deployed_plans_are_pointers_at_their_workers(three: Workers) -> None:
    made = chain().deploy(*three)
    assert [worker for worker, _ in made.plans] == list(three)
    assert all(isinstance(plan, PointerPlan) for _, plan in made.plans)
    assert [plan.location for _, plan in made.plans] == list(three)


def test_a_deployed_protocol_is_not_deployed_again(three: Workers) -> None:
    made = chain().deploy(*three)
    with pytest.raises(RuntimeError, match=r"This protocol is already deployed to alice, bob, charlie."):
        made.deploy(*three)


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_another_number_of_workers_is_refused(three: Workers, count: int) -> None:
    workers = [*three, three[0]][:count]
    with pytest.raises(
        RuntimeError, match=f"This protocol is designed for 3 workers, but {count} were provided."
    ):
        chain().deploy(*workers)


def test_what_is_no_worker_is_refused_and_says_what_one_is(three: Workers) -> None:
    with pytest.raises(InvalidInput, match=r"sy\.VirtualWorker or a client"):
        chain().deploy(None, 1, [])
    with pytest.raises(WorkerNotFoundException, match=r"Known are: .*alice"):
        chain().deploy("alice", "bob", "charly")


def test_workers_of_this_process_go_by_their_ids(alice: VirtualWorker, bob: VirtualWorker) -> None:
    pairs = [("w1", inc), ("w2", double)]
    assert [one for one, _ in Protocol(pairs).deploy("bob", alice).plans] == [bob, alice]
    assert [one for one, _ in Protocol(pairs).deploy(w2="alice", w1="bob").plans] == [bob, alice]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ([inc, double], "made of pairs of a worker and a plan.*no pair: <Plan inc"),
        ([("alice", inc, double)], "made of pairs"),
        ([(inc, "alice")], "The first of a pair is a worker, or a name for one, not Plan <Plan inc"),
        ([("", inc)], "or a name for one, not str ''"),
    ],
)
def test_what_is_no_pair_is_told_what_one_is(wrong: list[object], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        Protocol(wrong)


def test_there_is_nothing_to_wait_for_before_it_is_deployed(alice: VirtualWorker) -> None:
    made = Protocol([("w1", inc)])
    with pytest.raises(NotDeployed, match=r"Call deploy\(\*workers\)"):
        made.wait_for_approval()
    assert made.deploy(alice).wait_for_approval() is made


def test_functions_are_shown_on_one_line_also_where_they_were_fetched(alice: VirtualWorker) -> None:
    made = Protocol([("a", middle), ("b", inc)], tags=["#shown"])
    line = " - a: <Syft function middle(one, other)>"
    assert repr(made).splitlines()[1:] == [line, f" - b: {inc!r}"]
    made.send(alice)
    (found,) = alice.search("#shown")
    assert repr(found.get()).splitlines()[1] == line


def test_an_asset_of_ones_own_is_used_in_place_and_its_mock_on_trial(alice: VirtualWorker) -> None:
    asset = sy.Asset(name="numbers", data=np.array([5.0]), mock=np.array([1.0]))
    alice.client.upload_dataset(sy.Dataset(name="own", asset_list=[asset]))
    try:
        view = alice.client.datasets["own"].assets[0]
        made = Protocol([("w1", inc), ("w2", double)])
        assert made.dry_run(view).tolist() == [4.0]
        assert made.deploy(alice, sy.VirtualWorker(id="bob")).run(view).get().tolist() == [12.0]
    finally:
        alice.client.datasets.delete("own")


def test_the_same_name_is_the_same_worker(alice: VirtualWorker, bob: VirtualWorker) -> None:
    made = Protocol([("w1", inc), ("w2", double), ("w1", square)]).deploy(alice, bob)
    assert [worker for worker, _ in made.plans] == [alice, bob, alice]


def test_names_take_workers_in_the_order_of_their_first_appearance_whatever_the_hash_seed() -> None:
    text = textwrap.dedent(
        """
        import syft as sy
        @sy.func2plan(args_shape=[(1,)])
        def inc(x): return x + 1
        alice, bob = sy.VirtualWorker(id="alice"), sy.VirtualWorker(id="bob")
        made = sy.Protocol([("w1", inc), ("w2", inc), ("w1", inc)]).deploy(alice, bob)
        print([worker.id for worker, _ in made.plans])
        """
    )
    for seed in ("0", "1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", text], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True
        )
        assert done.stdout.strip() == "['alice', 'bob', 'alice']", done.stderr


def test_names_that_are_workers_ids_are_mapped_by_them(alice: VirtualWorker, bob: VirtualWorker) -> None:
    made = Protocol([("bob", inc), ("alice", double)]).deploy(alice, bob)
    assert [worker for worker, _ in made.plans] == [bob, alice]


def test_some_names_that_are_ids_are_warned_of(alice: VirtualWorker, bob: VirtualWorker) -> None:
    with pytest.warns(UserWarning, match="subpart"):
        made = Protocol([("bob", inc), ("w2", double)]).deploy(alice, bob)
    assert [worker for worker, _ in made.plans] == [alice, bob]


def test_one_worker_for_each_plan_is_taken_as_given(three: Workers) -> None:
    made = Protocol([("w1", inc), ("w2", double), ("w1", square)]).deploy(*three)
    assert [worker for worker, _ in made.plans] == list(three)


def test_one_worker_may_take_several_names(alice: VirtualWorker) -> None:
    made = Protocol([("w1", inc), ("w2", double)]).deploy(alice, alice)
    assert made.run(one()).get() == np.array([12.0])


def test_roles_can_be_given_by_name(three: Workers) -> None:
    made = Protocol([("first", inc), ("second", double), ("first", square)])
    made.deploy(second=three[0], first=three[1])
    assert [worker for worker, _ in made.plans] == [three[1], three[0], three[1]]


def test_a_role_that_is_missing_or_unknown_is_named(three: Workers) -> None:
    with pytest.raises(RuntimeError, match="Nobody was named for second"):
        Protocol([("first", inc), ("second", double)]).deploy(first=three[0])
    with pytest.raises(RuntimeError, match="There is no third"):
        Protocol([("first", inc), ("second", double)]).deploy(first=three[0], second=three[1], third=three[2])


def test_an_empty_protocol_is_deployed_to_nobody(alice: VirtualWorker) -> None:
    Protocol().deploy()
    with pytest.raises(RuntimeError, match=r"This protocol is designed for 0 workers, but 1 were provided."):
        Protocol().deploy(alice)


def test_deploying_is_all_or_nothing(three: Workers) -> None:
    @sy.func2plan()
    def unbuilt(x):
        return x + 1

    made = Protocol([("w1", inc), ("w2", unbuilt), ("w3", square)])
    with pytest.raises(RuntimeError, match=r"A plan needs to be built before being sent to a worker."):
        made.deploy(*three)
    assert made.workers_resolved is False
    assert made.plans == [("w1", inc), ("w2", unbuilt), ("w3", square)]
    unbuilt.build(one())
    assert made.deploy(*three).run(one()).get() == np.array([49.0])


def test_plans_that_were_sent_are_taken_back_where_another_worker_refuses(
    alice: VirtualWorker, bob: VirtualWorker
) -> None:
    already = inc.send(alice)
    bob.close()
    before = everything_at(alice)
    with pytest.raises(sy.SyftException):
        Protocol([("w1", inc), ("w1", double), ("w2", square)]).deploy(alice, bob)
    assert everything_at(alice) == before
    assert already.get() == inc


def test_real_workers_run_at_once(three: Workers) -> None:
    made = Protocol([(three[0], inc), (three[1], double)])
    assert made.run(one()).get() == np.array([12.0])


def test_real_workers_are_not_deployed_to_others(three: Workers) -> None:
    made = Protocol([(three[0], inc), (three[1], double)])
    with pytest.raises(RuntimeError, match=r"This protocol is already deployed to alice, bob."):
        made.deploy(*three)


def test_a_plan_that_is_at_its_worker_already_is_used_there(alice: VirtualWorker, bob: VirtualWorker) -> None:
    made = Protocol([(alice, inc.send(alice)), (bob, double.send(bob))])
    assert made.run(one()).get() == np.array([12.0])


# --- run


def test_it_runs_only_when_every_name_has_a_worker() -> None:
    with pytest.raises(
        RuntimeError,
        match=r"Plans have not been allocated to existing workers. Call deploy\(\*workers\) to do so.",
    ):
        chain().run(one())


def test_another_shape_than_the_traced_one_runs(three: Workers) -> None:
    made = chain().deploy(*three)
    assert np.array_equal(
        made.run(np.arange(6.0).reshape(2, 3)).get(), (2 * (np.arange(6.0).reshape(2, 3) + 1)) ** 2
    )


def test_plain_numbers_run(three: Workers) -> None:
    assert chain().deploy(*three).run(5.0).get() == 144.0


def test_a_pointer_at_the_first_worker_is_used_in_place(three: Workers) -> None:
    made = chain().deploy(*three)
    there = three[0].send(one())
    assert made.run(there).get() == np.array([144.0])
    assert there.get() == one()


def test_a_pointer_elsewhere_is_brought_to_the_first_worker(three: Workers) -> None:
    made = chain().deploy(*three)
    there = three[1].send(one())
    assert made.run(there).get() == np.array([144.0])
    assert there.get() == one()


def test_two_steps_at_one_worker_hand_over_there(alice: VirtualWorker, bob: VirtualWorker) -> None:
    made = Protocol([("w1", inc), ("w1", double), ("w2", square)]).deploy(alice, bob)
    assert made.run(one()).get() == np.array([144.0])
    assert len(alice.client.objects) == len(alice) == 2  # two plans, nothing else


def test_keywords_are_bound(three: Workers) -> None:
    assert chain().deploy(*three).run(x=one()).get() == np.array([144.0])


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        ((), {}, "was not given 'x'"),
        ((1.0, 2.0), {}, "too many"),
        ((1.0,), {"y": 2.0}, "takes no 'y'"),
        ((1.0,), {"x": 2.0}, "given 'x' twice"),
    ],
)
def test_what_it_does_not_take_is_refused(three: Workers, args: tuple, kwargs: dict, text: str) -> None:
    made = chain().deploy(*three)
    made.run(100.0).get()
    with pytest.raises(TypeError, match=text):
        made.run(*args, **kwargs)


def test_results_of_several_runs_stand_beside_each_other(three: Workers) -> None:
    made = chain().deploy(*three)
    results = [made.run(float(number)) for number in range(4)]
    assert [result.get() for result in results] == [(2 * (number + 1.0)) ** 2 for number in range(4)]


def test_several_values_go_on_to_several_parameters(three: Workers) -> None:
    made = Protocol([("w1", both), ("w2", quotient)]).deploy(three[0], three[1])
    assert made.run(6.0, 2.0).get() == 2.0


def test_several_results_at_the_end_are_several_pointers(three: Workers) -> None:
    made = Protocol([("w1", inc), ("w2", both_of_one)]).deploy(three[0], three[1])
    assert [pointer.get() for pointer in made.run(2.0)] == [4.0, 9.0]


@sy.func2plan(args_shape=[(1,)])
def both_of_one(x):
    return x + 1, x * x


def test_numbers_of_values_that_do_not_fit_are_refused_before_anything_is_sent(three: Workers) -> None:
    with pytest.raises(InvalidInput, match="returns 2 values, but 'inc' takes"):
        Protocol([("w1", both), ("w2", inc)]).deploy(three[0], three[1])
    assert len(three[0]) == len(three[1]) == 0


def test_more_than_ten_values_keep_their_order(three: Workers) -> None:
    names = [f"x{number}" for number in range(12)]
    text = f"def weigh({', '.join(names)}):\n    return {' + '.join(f'{n} * {i}' for i, n in enumerate(names))}\n"
    scope: dict = {}
    exec(compile(text, "weigh", "exec"), scope)
    weigh = sy.func2plan(args_shape=[(1,)] * 12)(scope["weigh"])
    made = Protocol([("w1", weigh), ("w2", inc)]).deploy(three[0], three[1])
    assert made.run(*[float(number) for number in range(12)]).get() == sum(n * n for n in range(12)) + 1.0


def test_a_failing_step_is_named_with_its_role_and_worker(three: Workers) -> None:
    made = Protocol([("w1", inc), ("w2", times_matrix), ("w3", inc)]).deploy(*three)
    with pytest.raises(
        StepFailed, match=r"Step 2 of 3, 'times_matrix' at 'w2' \(bob\), did not end well"
    ) as caught:
        made.run(np.zeros((2, 2)))
    assert (caught.value.step, caught.value.role, caught.value.site) == (2, "w2", "bob")


@sy.func2plan()
def times_matrix(x):
    return x @ np.zeros((3, 3))


times_matrix.build(np.zeros((3, 3)))


def test_nothing_is_left_behind(three: Workers) -> None:
    made = chain().deploy(*three)
    before = [everything_at(worker) for worker in three]
    for _ in range(20):
        made.run(one()).get()
    assert [everything_at(worker) for worker in three] == before
    failing = Protocol([("w1", inc), ("w1", double), ("w2", times_matrix)]).deploy(three[0], three[1])
    before = [everything_at(worker) for worker in three]
    with pytest.raises(StepFailed):
        failing.run(np.zeros((2, 2)))
    assert [everything_at(worker) for worker in three] == before


def everything_at(worker: VirtualWorker) -> int:
    """How many objects a worker's node keeps, also those that stand in no list."""
    worker.session.drop()
    with worker.node.open().store.reading() as reader:
        return reader.count(ObjectRecord)


def test_the_local_worker_takes_part_like_any_other(alice: VirtualWorker) -> None:
    made = Protocol([("w1", inc), ("me", double)]).deploy(w1=alice, me=local_worker)
    assert made.run(one()).get() == np.array([12.0])


def test_large_values_go_through(three: Workers) -> None:
    value = np.random.default_rng(0).normal(size=1_000_000)
    result = chain().deploy(*three).run(value).get()
    assert np.allclose(result, (2 * (value + 1)) ** 2)


def test_large_values_that_are_at_their_worker_go_through_each_time(three: Workers) -> None:
    value = np.random.default_rng(0).normal(size=1_000_000)
    there = three[0].send(value)
    made = chain().deploy(*three)
    for _ in range(2):
        assert np.allclose(made.run(there).get(), (2 * (value + 1)) ** 2)


# --- what the page names with an underscore, and remote runs asked for by themselves


def test_workers_can_be_resolved_without_sending_anything(three: Workers) -> None:
    made = Protocol([("w1", inc), ("w2", double), ("w1", square)])
    with pytest.raises(RuntimeError, match="Plans have not been allocated to existing workers"):
        made._assert_is_resolved()
    with pytest.raises(RuntimeError, match="designed for 2 workers, but 1 were provided"):
        made._resolve_workers((three[0],))
    made._resolve_workers((three[0], three[1]))
    made._assert_is_resolved()
    assert made.plans == [(three[0], inc), (three[1], double), (three[0], square)]
    assert len(three[0]) == len(three[1]) == 0
    assert made.run(one()).get() == np.array([144.0])


def test_a_remote_run_can_be_asked_for_by_itself(three: Workers, james: VirtualWorker) -> None:
    made = chain().deploy(*three)
    there = james.send(one())
    note = made.request_remote_run(james, (there,), {})
    assert note.location is james
    assert note.get().get() == np.array([144.0])
    assert made.request_remote_run(james, (), {"x": one()}).get().get() == np.array([144.0])
    assert [pointer.id for pointer in james.search()] == [there.id], "the notes are gone"


# --- steps that are wired


def test_steps_can_take_from_any_step_before(three: Workers) -> None:
    a = sy.Step("a", inc)
    b = sy.Step("b", double, x=a)
    c = sy.Step("c", quotient, x=b, y=a)
    made = sy.Protocol([c]).deploy(*three)
    assert made.run(3.0).get() == 2.0


def test_one_of_several_results_can_be_taken(three: Workers) -> None:
    a = sy.Step("a", both)
    b = sy.Step("b", inc, x=a[1])
    assert sy.Protocol([a, b]).deploy(a=three[0], b=three[1]).run(5.0, 2.0).get() == 4.0


def test_a_constant_is_part_of_the_protocol(three: Workers) -> None:
    a = sy.Step("a", both, y=1.0)
    assert [one.get() for one in sy.Protocol([a]).deploy(a=three[0]).run(5.0)] == [6.0, 4.0]


def test_a_parameter_that_is_not_there_is_named() -> None:
    with pytest.raises(InvalidInput, match="'inc' has no parameter 'z'"):
        sy.Step("a", inc, z=1)


def test_a_whole_protocol_can_be_tried_here() -> None:
    assert chain().dry_run(5.0) == 144.0


@sy.syft_function()
def largest(values):
    return max(values)


def test_functions_run_at_workers_of_ones_own_behind_the_fence(three: Workers) -> None:
    made = Protocol([("w1", double), ("w2", largest)]).deploy(three[0], three[1])
    there = three[2].send(np.array([5.0, 1.0]))
    assert made.run(there).get() == 10.0


# --- sent, found, fetched


def test_it_is_found_by_its_tag_and_fetched_with_its_names(
    james: VirtualWorker, alice: VirtualWorker, bob: VirtualWorker
) -> None:
    made = Protocol([("w1", inc), ("w2", double), ("w1", square)], tags=["#found"], description="three steps")
    made.send(james)
    assert made.location is james
    (pointer,) = james.search("#found")
    assert isinstance(pointer, PointerProtocol)
    assert (pointer.location, pointer.tags, pointer.description) == (james, {"#found"}, "three steps")
    assert local_worker.request_search(["#found"], location=james)[0].id_at_location == pointer.id_at_location
    fetched = pointer.get()
    assert [worker for worker, _ in fetched.plans] == ["w1", "w2", "w1"]
    assert (fetched.tags, fetched.description, fetched.location) == ({"#found"}, "three steps", None)
    fetched.deploy(alice, bob)
    assert [worker for worker, _ in fetched.plans] == [alice, bob, alice]
    assert fetched.run(one()).get() == np.array([144.0])
    assert james.search("#found")  # it stays
    again = local_worker.fetch_protocol(pointer.id_at_location, location=james)
    assert [(role, plan.digest) for role, plan in again.plans] == [
        (role, plan.digest) for role, plan in zip(("w1", "w2", "w1"), (inc, double, square), strict=True)
    ]


def test_a_deployed_one_is_fetched_deployed(james: VirtualWorker, three: Workers) -> None:
    made = chain().tag("#deployed").deploy(*three)
    made.send(james)
    fetched = james.search("#deployed")[0].get()
    assert fetched.workers_resolved
    assert fetched.run(one()).get() == np.array([144.0])


def kept(worker: VirtualWorker, shared: SharedProtocol) -> Protocol:
    """A protocol as somebody put it there by hand, fetched."""
    uid = UID()
    send(worker, shared, uid=uid, pointable=True, leased=False)
    return worker.fetch_protocol(uid)


def test_a_fetched_one_takes_no_object_to_a_site_that_nobody_here_has_named(
    james: VirtualWorker, alice: VirtualWorker, bob: VirtualWorker
) -> None:
    """Its author would choose whose data go where, and `run` would take them there."""
    there = alice.send(one())
    shared = Protocol([("a", inc), ("b", double)]).deploy(alice, bob).shared()
    assert kept(james, shared).workers_resolved
    first = shared.protocol.steps[0]
    policy = InputPolicy(kind="mixed", rules={"x": MustBe(there.id_at_location)})
    bound = msgspec.structs.replace(
        first, code=msgspec.structs.replace(first.code, input_policy=policy), wires={}
    )
    steps = (bound, *shared.protocol.steps[1:])
    hostile = msgspec.structs.replace(shared, protocol=msgspec.structs.replace(shared.protocol, steps=steps))
    fetched = kept(james, hostile)
    assert not fetched.workers_resolved
    with pytest.raises(NotDeployed):
        fetched.run()


def test_a_fetched_one_runs_the_plans_that_it_shows(
    james: VirtualWorker, alice: VirtualWorker, bob: VirtualWorker
) -> None:
    shared = Protocol([("a", inc), ("b", double)]).deploy(alice, bob).shared()
    assert kept(james, shared).run(1.0).get() == 4.0
    other = square.send(alice)
    hostile = msgspec.structs.replace(shared, plans=(other.id_at_location, shared.plans[1]))
    assert not kept(james, hostile).workers_resolved


def test_a_fetched_one_goes_to_nobody_elses_sites(james: VirtualWorker, alice: VirtualWorker) -> None:
    stranger = sy.Domain(name="stranger")
    owner = stranger.get_root_client()
    made = Protocol([("a", inc), ("b", double)]).deploy(a=alice, b=owner)
    shared = made.shared()
    guest = stranger.get_client()
    local_worker.add_worker(guest)
    try:
        assert not kept(james, shared).workers_resolved
    finally:
        local_worker.remove_worker_from_registry("stranger")
        stranger.close()


def test_a_role_is_no_command_to_a_terminal() -> None:
    assert "\x9b" not in repr(Protocol([("\x9b2J", inc)]))
    assert "\u202e" not in str(Protocol([("a\u202eb", inc)]))


def test_a_plan_of_a_stranger_takes_no_more_on_a_dry_run_than_a_run_may() -> None:
    """A few kilobytes that ask for gigabytes: stopped behind the fence, and this process goes on."""

    traced = trace(lambda x: (x.reshape(-1, 1) * x.reshape(1, -1)).sum(), name="bomb")
    with pytest.raises(StepFailed, match="bomb"):
        Protocol([("a", Plan(traced=traced))]).dry_run(np.ones(40_000))


def test_two_nodes_of_one_name_do_not_take_each_others_steps() -> None:
    mine, theirs = sy.Domain(name="hospital"), sy.Domain(name="hospital")
    ours, others = mine.get_root_client(), theirs.get_root_client()
    with pytest.raises(InvalidInput, match="'hospital', and are two nodes"):
        Protocol([(ours, inc), (others, double)])
    made = Protocol([("hospital", inc), ("hospital", double)]).deploy(ours, others)
    assert [worker for worker, _ in made.plans] == [ours, others]
    mine.close()
    theirs.close()


def test_a_sent_protocol_runs_on_arguments_at_its_worker(james: VirtualWorker, three: Workers) -> None:
    made = chain().deploy(*three)
    made.send(james)
    with pytest.raises(
        RuntimeError,
        match=r"This protocol has been sent to james, but you provided local arguments or pointers to me.",
    ):
        made.run(one())
    with pytest.raises(RuntimeError, match=r"pointers to alice."):
        made.run(three[0].send(one()))
    note = made.run(james.send(one()))
    assert note.location is james
    result = note.get()
    assert result.location is three[2]
    assert result.get() == np.array([144.0])


def test_a_pointer_runs_on_arguments_at_its_worker(james: VirtualWorker, three: Workers) -> None:
    chain().tag("#p").deploy(*three).send(james)
    (pointer,) = james.search("#p")
    assert pointer.run(james.send(one())).get().get() == np.array([144.0])
    with pytest.raises(RuntimeError, match="has been sent to james"):
        pointer(one())


def test_sending_again_replaces_what_is_there(james: VirtualWorker) -> None:
    made = Protocol([("w1", inc)], tags=["#again"])
    made.send(james)
    made.tag("#more").send(james)
    (pointer,) = james.search("#again")
    assert pointer.tags == {"#again", "#more"}


def test_an_id_that_nobody_has_is_not_found(james: VirtualWorker) -> None:
    with pytest.raises(ObjectNotFoundError):
        PointerProtocol(location=james, id_at_location=5).get()
    with pytest.raises(ObjectNotFoundError):
        PointerProtocol(location=james, id_at_location=5).run(1.0)


def test_dropping_a_pointer_deletes_nothing(james: VirtualWorker) -> None:
    made = Protocol([("w1", inc)], tags=["#stays"])
    made.send(james)
    pointer = PointerProtocol(location=james, id_at_location=made.id, garbage_collect_data=True)
    assert pointer.get().tags == {"#stays"}
    del pointer
    james.session.drop()
    assert james.search("#stays")


def test_a_pointer_is_made_to_where_it_was_sent(james: VirtualWorker) -> None:
    made = Protocol([("w1", inc)])
    assert made.create_pointer(local_worker, False).location is local_worker
    made.send(james)
    pointer = made.create_pointer(local_worker, False)
    assert (pointer.location, pointer.id_at_location) == (james, made.id)


def test_arguments_are_where_the_first_pointer_points(james: VirtualWorker) -> None:
    there = james.send(one())
    assert Protocol.find_args_location([1, there]) is james
    assert Protocol.find_args_location([1, 2]) is local_worker


# --- as bytes


def test_attributes_come_back_from_a_tuple_with_their_names() -> None:
    made = Protocol([("w1", inc), ("w2", double), ("w1", square)], id=3, tags=["a"], description="d")
    attributes = Protocol.simplify(local_worker, made)
    assert attributes == (3, {"a"}, "d", [("w1", inc.id), ("w2", double.id), ("w1", square.id)], False)
    again = Protocol.detail(local_worker, attributes)
    assert (again.id, again.tags, again.description, again.plans) == (3, {"a"}, "d", made.plans)


def test_attributes_come_back_from_a_protobuf_message() -> None:
    pytest.importorskip("google.protobuf")
    made = Protocol([("w1", inc), ("w2", double)], id=3)
    message = Protocol.bufferize(local_worker, made)
    again = Protocol.unbufferize(local_worker, type(message).FromString(message.SerializeToString()))
    assert (again.id, again.tags, again.description, again.plans) == (3, None, None, made.plans)


def test_a_deployed_one_comes_back_deployed(three: Workers) -> None:
    made = chain().deploy(*three)
    attributes = Protocol.simplify(local_worker, made)
    assert attributes[4] is True
    assert [worker for worker, _ in attributes[3]] == ["alice", "bob", "charlie"]
    again = Protocol.create_from_attributes(
        local_worker, attributes[0], attributes[1], attributes[2], attributes[4], attributes[3]
    )
    assert again.run(one()).get() == np.array([144.0])


def test_what_is_no_plan_is_not_serialized() -> None:
    for write in (Protocol.simplify, Protocol.bufferize):
        with pytest.raises(TypeError, match="This is not a valid Plan"):
            write(local_worker, Protocol([("w", 3)]))


def test_a_plan_that_is_nowhere_is_not_found() -> None:
    with pytest.raises(ObjectNotFoundError):
        Protocol.detail(local_worker, (1, None, None, [("w1", sy.UID())], False))


def test_a_worker_that_is_not_known_is_named() -> None:
    with pytest.raises(WorkerNotFoundException):
        Protocol.detail(local_worker, (1, None, None, [("nobody", inc.id)], True))


# --- shown


def test_it_is_shown_as_it_was(three: Workers) -> None:
    made = Protocol(id=5)
    assert str(made) == repr(made) == "<Protocol id:5 owner:me>"
    made = Protocol([("w1", inc)], id=5)
    assert repr(made) == f"<Protocol id:5 owner:me>\n - w1: {inc!r}"
    made.deploy(three[0])
    assert repr(made).startswith("<Protocol id:5 owner:me resolved>\n - alice: [PointerPlan | me:")


def test_errors_are_of_this_library_too() -> None:
    with pytest.raises(NotDeployed):
        chain().run(one())


def test_plans_are_kept_apart() -> None:
    assert isinstance(inc, Plan)
