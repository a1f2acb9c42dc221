"""Plans as people hold them: made, called, sent, fetched, found."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import syft as sy
from support.sites import opened
from syft.client.client import Client
from syft.client.login import login
from syft.client.objects import bring
from syft.client.plans import Plan, PointerPlan, bound, submission_of
from syft.client.pointer import Pointer
from syft.client.runplan import ask_to_run
from syft.code import State, check_submission, trace
from syft.config import DEFAULT_EMAIL, DEFAULT_PASSWORD
from syft.errors import CodeFailed, InvalidInput, InvalidState, NotFound
from syft.model.uid import UID
from syft.transport.memory import MemoryRoute
from syft.wire import codec


@sy.func2plan(args_shape=[(1,)])
def inc(x: Any) -> Any:
    """Adds one."""
    return x + 1


@sy.func2plan(args_shape=[(1,), (-1,)])
def shift(x: Any, y: Any = 2) -> Any:
    return x + y


@pytest.fixture
def numbers(admin: Client) -> Pointer:
    return admin.objects.send(np.arange(3.0), mock=np.zeros(2))


# --- made


def test_a_plan_says_what_it_is() -> None:
    plan = Plan("inc", lambda x: x + 1, tags=["b", "a"])
    assert str(plan) == repr(plan) == f"<Plan inc id:{plan.id.hex} owner:me> Tags: a b"
    plan.build().tag("c").describe("adds one")
    assert str(plan) == f"<Plan inc id:{plan.id.hex} owner:me built> Tags: a b c"
    assert (plan.name, plan.tags, plan.description, plan.is_built) == (
        "inc",
        {"a", "b", "c"},
        "adds one",
        True,
    )
    assert plan.code == plan.readable_plan == "def inc(x):\n    var_0 = x + 1\n    return var_0\n"
    assert plan.operations == ("var_0 = x + 1",)
    assert len(plan.digest) == 64
    assert plan.digest == plan.hash
    assert "var_0" in plan._repr_html_()
    assert inc.__doc__ == "Adds one."


def test_shapes_build_it_at_once_and_nothing_else_does() -> None:
    assert inc.is_built
    plain = sy.func2plan(lambda x: x)
    assert not plain.is_built
    assert not sy.func2plan()(lambda x: x).is_built
    with pytest.raises(InvalidState, match="is not built"):
        _ = plain.code
    assert plain.build(np.ones(3)).is_built


def test_what_is_wrong_with_it_is_said_where_it_is_decorated() -> None:
    with pytest.raises(ValueError, match=r"Invalid shape \(-2,\)"):
        sy.func2plan(args_shape=[(-2,)])(lambda x: x)
    with pytest.raises(InvalidInput, match="2 inputs"):
        sy.func2plan(args_shape=[(1,)])(lambda x, y: x)
    with pytest.raises(ValueError, match="matmul"):
        sy.func2plan(args_shape=[(2, 3)])(lambda x: x @ x)
    with pytest.raises(InvalidInput, match="examples"):
        Plan("f", lambda x, y: x).build(1)
    with pytest.raises(SyntaxError, match="forward"):
        sy.method2plan(args_shape=[(1,)])


@pytest.mark.parametrize("shapes", [(1,), [1], 3, [None]])
def test_shapes_that_are_no_list_of_shapes_are_told_what_one_is(shapes: Any) -> None:
    with pytest.raises(InvalidInput, match=r"a list with one for each input, as `args_shape=\[\(1,\)"):
        sy.func2plan(args_shape=shapes)(lambda x: x + 1)


def test_what_subclasses_forget_is_told() -> None:
    class Forgetful(sy.Plan):
        def __init__(self) -> None:
            self.weight = 1

        def forward(self, x: Any) -> Any:
            return x

    class Idle(sy.Plan):
        pass

    with pytest.raises(
        AttributeError, match=r"`Forgetful.__init__` has to begin with `super\(\).__init__\(\)`"
    ):
        Forgetful().build(np.ones(1))
    with pytest.raises(InvalidInput, match="'Idle' has nothing to do: give it a method `forward`"):
        Idle().build(np.ones(1))
    with pytest.raises(AttributeError, match="'Plan' object has no attribute 'forward'"):
        inc.forward


def test_a_plan_is_sent_to_a_worker_and_not_to_a_name() -> None:
    with pytest.raises(InvalidInput, match=r"sent to a worker itself, .*, not to str 'alice'"):
        inc.send("alice")


def test_equal_plans_are_equal() -> None:
    again = Plan("inc", lambda x: 1 * x + 1 if False else x + 1).build()
    assert again == inc
    assert hash(again) == hash(inc)
    assert again != Plan("inc", lambda x: x + 2).build()
    assert again != Plan("inc", lambda x: x + 1), "nobody knows yet"
    assert again != "inc"
    other = copy.copy(inc), inc.copy(), inc.get_copy()
    assert all(one == inc for one in other)
    assert inc.copy().id != inc.id


def test_a_subclass_brings_what_its_init_has_set() -> None:
    class Net(sy.Plan):
        def __init__(self) -> None:
            super().__init__()
            self.weights = np.array([[2.0], [3.0]])
            self.bias = np.array([1.0])
            self.times = 2

        def forward(self, x: Any) -> Any:
            return (x @ self.weights + self.bias) * self.times

    net = Net()
    assert len(net.state) == 2
    x = np.array([[1.0, 1.0]])
    assert net(x).tolist() == [[12.0]]
    net.build(x)
    assert [one.tolist() for one in net.parameters()] == [[[2.0], [3.0]], [1.0]]
    assert str(net).startswith("<Plan Net id:")
    assert net(x).tolist() == [[12.0]]
    assert Net().build() == net


def test_state_is_given_to_the_function_here_and_there(admin: Client) -> None:
    @sy.func2plan(args_shape=[(1,)], state={"bias": np.array([10.0])})
    def plus(x: Any, state: State) -> Any:
        (bias,) = state.read()
        return x + bias

    assert plus(np.zeros(1)).tolist() == [10]
    assert plus(x=np.zeros(1)).tolist() == [10]
    there = plus.send(admin)
    assert there(np.ones(1)).get().tolist() == [11]
    (only,) = there.parameters()
    assert only.get().tolist() == [10]
    assert there.get()(np.ones(1)).tolist() == [11]
    assert inc.send(admin).parameters() == []


# --- called


def test_here_it_is_the_function() -> None:
    seen = []

    @sy.func2plan(args_shape=[(1,)])
    def f(x: Any) -> Any:
        seen.append(type(x))
        return x + 1

    assert f("a" and 1) == 2
    assert seen[-1] is int
    with pytest.raises(TypeError):
        f(1, 2)
    assert shift(1) == 3
    assert shift(1, y=5) == 6


def test_with_a_pointer_it_runs_where_that_is(numbers: Pointer, admin: Client) -> None:
    result = inc(numbers)
    assert isinstance(result, Pointer)
    assert result.gc_enabled
    assert result.get().tolist() == [1, 2, 3]
    assert result.mock.tolist() == [1, 1]
    assert shift(numbers, y=5).get().tolist() == [5, 6, 7]
    assert shift(numbers, 5).get().tolist() == [5, 6, 7]
    assert shift(numbers).get().tolist() == [2, 3, 4], "the holder of the function has its default"
    assert shift(x=numbers, y=np.ones(3)).get().tolist() == [1, 2, 3]
    assert sy.func2plan(lambda x: x * 2)(numbers).get().tolist() == [0, 2, 4], "traced when it is needed"
    for call in (lambda: shift(numbers, 1, 2), lambda: shift(numbers, z=1), lambda: shift(numbers, x=1)):
        with pytest.raises(TypeError):
            call()


def test_it_is_one_message(numbers: Pointer, admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    exchange = admin.session.exchange
    monkeypatch.setattr(
        admin.session,
        "exchange",
        lambda message, *more: (sent.append(type(message).__name__), exchange(message, *more))[1],
    )
    long = Plan("long", lambda x: sum(((x * at) for at in range(20)), x)).build()
    result = long(numbers)
    assert sent.count("RunPlan") == 1
    assert "Operate" not in sent
    assert result.get().tolist() == [0, 191, 382]


def test_several_results_are_several_pointers(numbers: Pointer) -> None:
    found = Plan("f", lambda x: (x, x + 1, x.sum(), 7)).build()(numbers)
    assert isinstance(found, tuple)
    assert [np.asarray(one.get()).tolist() for one in found] == [[0, 1, 2], [1, 2, 3], 3, 7]
    (only,) = Plan("f", lambda x: (x,)).build()(numbers)
    assert only.get().tolist() == [0, 1, 2]


def test_nothing_of_an_earlier_call_is_left_for_the_next(numbers: Pointer) -> None:
    assert inc(numbers).get().tolist() == [1, 2, 3]
    with pytest.raises(TypeError):
        inc.send(numbers.client)()
    fetched = inc.send(numbers.client).get()
    assert fetched(100) == 101
    with pytest.raises(TypeError, match="missing 'x'"):
        fetched()


def test_what_fails_there_fails_in_this_line(numbers: Pointer) -> None:
    picking = Plan("picking", lambda x: (x + 1)[9]).build()
    with pytest.raises(CodeFailed, match=r"'picking' failed: IndexError: index 9.*in step 2 of 2"):
        picking(numbers)


def test_pointers_to_two_nodes_do_not_mix(numbers: Pointer, tmp_path: Path) -> None:
    with opened(tmp_path, start=False) as node:
        other = login(DEFAULT_EMAIL, DEFAULT_PASSWORD, route=MemoryRoute(node))
        with pytest.raises(InvalidInput, match="at another node"):
            shift(numbers, other.objects.send(1))
        here, there = inc.send(numbers.client), inc.send(other)
        assert here is not there
        with pytest.raises(
            RuntimeError, match=r"Requested to run a plan on .* but pointer location\(s\) is/are"
        ):
            there(numbers)
        both = inc.send(numbers.client, other)
        assert both.location == [numbers.client, other]
        assert both(numbers).get().tolist() == [1, 2, 3]
        assert both(other.objects.send(4)).get() == 5
        assert both(1).get() == 2
        assert set(inc.pointers) >= {other.name}


def test_a_place_is_called_as_workers_are() -> None:
    worker = sy.VirtualWorker()  # its id is a number
    pointer = inc.copy().send(worker)
    assert repr(pointer).endswith(f"-> {worker.id}:{pointer.id_at_location.hex}]")
    worker.close()


def test_a_plan_within_a_plan_becomes_its_steps(admin: Client) -> None:
    fetched = shift.send(admin).get()
    plan = Plan("twice", lambda x: fetched(shift(x), 3)).build(np.ones(1))
    assert plan.operations == ("var_0 = x + 2", "var_1 = var_0 + 3")


def test_tables_run_there_too(admin: Client) -> None:
    table = admin.objects.send(pd.DataFrame({"ward": ["a", "b", "a"], "age": [1, 2, 3]}))
    plan = Plan(
        "ages", lambda t, least: (t[t["age"] >= least].groupby("ward")["age"].mean(), t["age"].max())
    ).build()
    means, oldest = plan(table, 2)
    assert means.get().to_dict() == {"a": 3.0, "b": 2.0}
    assert oldest.get() == 3


def test_results_can_be_told_in_the_answer(numbers: Pointer, admin: Client) -> None:
    plan = Plan("f", lambda x, y: (x + y, 5)).build()
    reply = ask_to_run(admin.session, plan.traced, [numbers.id, bring(admin.session, np.ones(3))])
    first, second = (codec.decode(one.inline or b"") for one in reply.values)
    assert (first.tolist(), second) == ([1, 2, 3], 5)
    assert not reply.objects
    there = plan.send(admin)
    reply = ask_to_run(admin.session, there.id, [bring(admin.session, one) for one in (1, 2)])
    assert [codec.decode(one.inline or b"") for one in reply.values] == [3, 5]


# --- sent


def test_it_must_be_built_before_it_is_sent(admin: Client) -> None:
    with pytest.raises(RuntimeError, match=r"A plan needs to be built before being sent to a worker\."):
        sy.func2plan(lambda x: x).send(admin)


def test_a_pointer_to_it_says_where_it_is(admin: Client) -> None:
    plan = inc.copy().tag("sums", "b")
    there = plan.send(admin)
    assert isinstance(there, PointerPlan)
    assert isinstance(there, sy.PointerPlan)
    assert repr(there).startswith("[PointerPlan | me:")
    assert repr(there).endswith(f" -> {admin.name}:{there.id_at_location.hex}]")
    assert (there.location, there.owner, there.name, there.tags) == (admin, "me", "inc", ["b", "sums"])
    assert plan.send(admin) is there
    forced = plan.send(admin, force=True)
    assert forced is not there
    assert forced.id != there.id
    with pytest.raises(InvalidInput, match="A plan is called"):
        there + 1
    with pytest.raises(InvalidInput, match="where to"):
        plan.send()


def test_it_is_called_there(numbers: Pointer, admin: Client, scientist: Client) -> None:
    there = shift.send(admin)
    assert there(numbers, 5).get().tolist() == [5, 6, 7]
    assert there(numbers, y=5).get().tolist() == [5, 6, 7]
    assert there(numbers).get().tolist() == [2, 3, 4]
    assert there(1.0, 2.0).get() == 3
    for call in (lambda: there(numbers, 1, 2), lambda: there(numbers, z=1), lambda: there(y=1)):
        with pytest.raises(TypeError):
            call()
    found = scientist.objects[there.id]
    assert isinstance(found, PointerPlan)
    result = found(scientist.objects[numbers.id], 1)
    assert result.mock.tolist() == [1, 1]
    with pytest.raises(NotFound):
        result.get()
    with pytest.raises(TypeError, match="missing 'y'"):
        found(1)


def test_fetching_leaves_it_there(admin: Client, scientist: Client) -> None:
    tag = UID().hex
    plan = inc.copy().tag(tag).describe("adds one")
    there = plan.send(admin)
    for pointer in (there, scientist.objects[tag], scientist.objects.search(tag)[0]):
        assert isinstance(pointer, PointerPlan)
        fetched = pointer.get()
        assert fetched == plan
        assert (fetched.id, fetched.tags, fetched.description) == (there.id, {tag}, "adds one")
        assert fetched(np.ones(2)).tolist() == [2, 2], "by its steps: there is no function"
        assert pointer.code == plan.code
    hidden = plan.send(admin, force=True, pointable=False)
    with pytest.raises(NotFound):
        scientist.objects.get_by_uid(hidden.id)
    there.delete()
    with pytest.raises(NotFound):
        scientist.objects.get_by_uid(there.id)
    with pytest.raises(InvalidInput, match="fetched"):
        fetched.build()


# --- for approval


def test_a_plan_is_handed_in_as_what_its_steps_say() -> None:
    submission = submission_of(shift)
    check_submission(submission)
    assert (submission.name, submission.source) == ("shift", shift.code)
    assert [(one.name, one.has_default) for one in submission.parameters] == [("x", False), ("y", False)]
    assert submission.plan == shift.traced
    with pytest.raises(RuntimeError, match="needs to be built"):
        submission_of(sy.func2plan(lambda x: x))

    @sy.syft_function()
    def plain() -> int:
        return 1

    assert submission_of(plain) is plain.submission


def test_binding_is_pythons() -> None:
    assert bound("f", ("x", "y"), {"y": 3}, (1,), {}) == [1, 3]
    assert bound("f", ("x", "y"), {}, (), {"y": 1, "x": 2}) == [2, 1]
    assert trace(lambda x: x).inputs == ("x",)
