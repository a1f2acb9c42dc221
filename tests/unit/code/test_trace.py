"""Tracing: what a function does becomes steps, and what a trace cannot follow is refused in words."""

from __future__ import annotations

import copy
import random
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from syft.code import State, digest_of, source_of, trace
from syft.errors import InvalidInput
from syft.model.plan import Plan, place
from syft.ops.plans import run_plan
from syft.wire.codec import decode


def replay(plan: Plan, *inputs: Any) -> Any:
    results = run_plan(plan, inputs, [decode(one) for one in plan.state])
    return results[0] if plan.single else results


def inc(x: Any) -> Any:
    return x + 1


# --- what is followed


def test_steps_are_numbered_from_the_inputs_on() -> None:
    plan = trace(inc)
    assert (plan.name, plan.inputs, plan.single) == ("inc", ("x",), True)
    assert [step.op for step in plan.steps] == ["add"]
    assert plan.outputs == (place(1),)
    assert source_of(plan) == "def inc(x):\n    var_0 = x + 1\n    return var_0\n"


def test_a_trace_holds_for_every_shape() -> None:
    plan = trace(lambda x: (x * 2).sum(axis=0), shapes=[(1, 3)])
    assert replay(plan, np.ones((5, 2))).tolist() == [10, 10]


@pytest.mark.parametrize("count", [1, 2, 11, 12, 25, 100])
def test_many_inputs_and_outputs_keep_their_order(count: int) -> None:
    names = [f"x{number}" for number in range(count)]
    space: dict[str, Any] = {}
    exec(f"def f({', '.join(names)}): return ({', '.join(f'{one} * 1' for one in names)},)", space)
    plan = trace(space["f"])
    assert replay(plan, *range(count)) == tuple(range(count))
    weighed = "+".join(f"{number} * {one}" for number, one in enumerate(names))
    exec(f"def g({', '.join(names)}): return {weighed}", space)
    assert replay(trace(space["g"]), *range(count)) == sum(number * number for number in range(count))


def test_a_default_is_an_input_and_never_frozen() -> None:
    def g(x: Any, y: int = 2) -> Any:
        return x + y

    plan = trace(g)
    assert plan.inputs == ("x", "y")
    assert replay(plan, 1, 5) == 6


def test_keyword_only_parameters_are_inputs() -> None:
    def g(x: Any, *, y: Any) -> Any:
        return x - y

    assert replay(trace(g, examples=[3, 1]), 10, 4) == 6


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x, 3),
        (lambda x: 5, 5),
        (lambda x: (x, 7, x), (3, 7, 3)),
        (lambda x: [x + 1, x + 2], (4, 5)),
        (lambda x: (x,), (3,)),
    ],
    ids=["identity", "constant", "tuple", "list", "tuple of one"],
)
def test_whatever_is_returned_is_a_result(function: Callable[..., Any], expected: Any) -> None:
    assert replay(trace(function, examples=[3]), 3) == expected


def test_inputs_that_are_not_used_stay_inputs() -> None:
    plan = trace(lambda x, unused, y: x - y)
    assert replay(plan, 5, "nobody looks", 3) == 2


def test_what_is_changed_in_place_is_a_new_value() -> None:
    def f(x: Any) -> Any:
        x += 1
        x *= 2
        return x

    given = np.ones(2)
    assert replay(trace(f), given).tolist() == [4, 4]
    assert given.tolist() == [1, 1]


def test_arrays_made_inside_come_along_as_they_were_when_they_were_used() -> None:
    def f(x: Any) -> Any:
        weights = np.ones(2)
        y = x + weights
        weights[0] = 10
        return y + weights

    plan = trace(f, shapes=[(2,)])
    assert len(plan.state) == 2
    assert replay(plan, np.zeros(2)).tolist() == [11, 2]


def test_the_same_array_comes_along_once() -> None:
    weights = np.arange(3.0)
    assert len(trace(lambda x: (x + weights) * weights).state) == 1


def test_operators_of_arrays_and_tables_reach_the_placeholder() -> None:
    def f(x: Any) -> Any:
        return np.ones(2) * x + np.exp(x), np.where(x > 1, x, 0), pd.Series([1.0, 2.0]) + x

    plan = trace(f)
    first, second, third = replay(plan, np.array([0.0, 2.0]))
    assert first.tolist() == [1, 2 + np.exp(2)]
    assert second.tolist() == [0, 2]
    assert third.tolist() == [1, 4]


def test_words_of_pandas_are_steps() -> None:
    table = pd.DataFrame({"ward": ["a", "b", "a"], "age": [1, 2, 3]})
    plan = trace(lambda t: t[t["age"] > 1].groupby("ward")["age"].mean(), examples=[table])
    assert replay(plan, table).to_dict() == {"a": 3.0, "b": 2.0}
    assert "var_2.groupby('ward')['age'].agg('mean')" in source_of(plan)


def test_state_is_read_by_the_function() -> None:
    def f(x: Any, state: State) -> Any:
        weights, bias = state.read()
        return x * weights + bias

    plan = trace(f, state=[np.array([2.0]), np.array([1.0])], shapes=[(1,)])
    assert plan.inputs == ("x",)
    assert replay(plan, np.array([10.0])).tolist() == [21]
    assert len(trace(f, state=[np.zeros(1), np.zeros(1)]).state) == 2, (
        "each has its place, though they are equal"
    )


def test_a_copy_is_the_same_value() -> None:
    def f(x: Any) -> Any:
        kept = x.copy()
        x += 1
        return kept, x, copy.deepcopy(kept)

    assert [one.tolist() for one in replay(trace(f, shapes=[(1,)]), np.zeros(1))] == [[0], [1], [0]]


# --- what is not, is said


def _later(x: Any) -> Any:
    held = x
    x += 1
    return held


def _part(x: Any) -> Any:
    part = x[0:1]
    x += 1
    return part


def _caught(x: Any) -> Any:
    try:
        return x * len(x)
    except Exception:
        return x * 2


def _asks_in_a_helper(x: Any) -> Any:
    return x if _is_array(x) else x * 2


def _is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray)


def _into(x: Any) -> Any:
    total = np.zeros(2)
    total += x
    return total


def _sets(x: Any) -> Any:
    x[0] = 1
    return x


REFUSED: list[tuple[str, Callable[..., Any], str]] = [
    ("if", lambda x: x if x.sum() > 0 else -x, "whether it is true"),
    ("and", lambda x: x and 1, "whether it is true"),
    ("max", lambda x: max(x, 1), "whether it is true"),
    ("len", lambda x: x * len(x), "how long it is"),
    ("float", lambda x: float(x) * 2, "which number"),
    ("int", lambda x: int(x), "which number"),
    ("index", lambda x: [1, 2][x], "which number"),
    ("range", lambda x: sum(range(x)), "which number"),
    ("loop", lambda x: [one + 1 for one in x], "how many items"),
    ("unpack", lambda x: (lambda a, b: a)(*x), "how many items"),
    ("in it", lambda x: 1 in x, "what is in it"),
    ("in a list", lambda x: x in [1, 2], "whether it is true"),
    ("in a set", lambda x: x in {1, 2}, "in a set or dict"),
    ("isinstance", lambda x: isinstance(x, np.ndarray), "of what type"),
    ("isinstance elsewhere", _asks_in_a_helper, "of what type"),
    ("shape", lambda x: x.reshape(x.shape), r"nobody knows `\.shape`"),
    ("hasattr", lambda x: x * 2 if hasattr(x, "columns") else x, r"nobody knows `\.columns`"),
    ("asarray", lambda x: np.asarray(x) + 1, "its numbers"),
    ("array of it", lambda x: np.array([x, x]), "its numbers"),
    ("numpy", lambda x: np.hypot(x, 1), "numpy's 'hypot' is no operation of plans"),
    ("numpy function", lambda x: np.fft.fft(x), "numpy's 'fft' is no operation of plans"),
    ("another name", _later, "under another name"),
    ("a view", _part, "under another name"),
    ("item", _sets, "changes a part"),
    ("into an array", _into, "into an array that is there already"),
    ("caught", _caught, "how long it is"),
    ("random", lambda x: x + random.random(), "something else each time"),
    ("numpy random", lambda x: x + np.random.default_rng().random(2), "something else each time"),
    ("nothing", lambda x: None, "returns nothing"),
    ("no results", lambda x: (), "returns nothing"),
    ("dict", lambda x: {"a": x}, "returns a dict"),
    ("nested", lambda x: (x, (x, x)), "returns a tuple within"),
    ("an object", lambda x: x + object(), "of type object"),
    ("list of it", lambda x: x[[x, 1]], "cannot be part of a plan"),
    ("stars", lambda *x: x[0], r"\*x"),
    ("two stars", lambda **x: x["a"], r"\*\*x"),
    ("None", lambda x, y=None: x if y is None else x + y, "is None"),
    ("option", lambda x, y: x.sum(axis=y), "what the option 'axis' is"),
    ("no such option", lambda x: x.sum(out=1), "no option 'out'"),
    ("pickled", lambda x: __import__("pickle").dumps(x), "its bytes"),
]


@pytest.mark.parametrize(("function", "says"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_a_trace_cannot_follow_is_refused_in_words(function: Callable[..., Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        trace(function)


def test_a_loop_without_an_end_is_refused() -> None:
    def f(x: Any) -> Any:
        while True:
            x = x + 1

    with pytest.raises(InvalidInput, match="more than 10,000 steps"):
        trace(f)


def test_an_error_of_the_functions_own_is_shown_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        trace(lambda x: x + 1 / 0)
    with pytest.raises(ValueError, match="matmul"):
        trace(lambda x: x @ np.ones((3, 3)), shapes=[(2, 2)])


@pytest.mark.parametrize("shapes", [[], [(1,)], [(1,), (1,), (1,)]])
def test_a_shape_is_needed_for_each_input(shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(InvalidInput, match=r"takes 2 inputs \(x, y\)"):
        trace(lambda x, y: x + y, shapes=shapes)


@pytest.mark.parametrize("shape", [(-2,), (1, -3)])
def test_a_shape_below_any_length_is_invalid(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="Invalid shape"):
        trace(inc, shapes=[shape])


def test_a_plan_that_would_come_to_something_else_than_its_function_is_none() -> None:
    def f(x: Any) -> Any:
        return x * (1 if type(x) is np.ndarray else 2)

    trace(f)  # without values nobody can tell
    with pytest.raises(InvalidInput, match="something else than it does as a function"):
        trace(f, shapes=[(1,)]), trace(f, examples=[np.ones(1)])


def test_examples_are_left_as_they_were() -> None:
    def f(x: Any) -> Any:
        x += 1
        return x

    given = np.zeros(2)
    trace(f, examples=[given])
    assert given.tolist() == [0, 0]


# --- nothing is left behind


def test_an_error_leaves_nothing_behind() -> None:
    kept: list[Any] = []

    def leaks(x: Any) -> Any:
        kept.append(x)
        return float(x)

    before = digest_of(trace(inc))
    with pytest.raises(InvalidInput):
        trace(leaks)
    assert digest_of(trace(inc)) == before
    with pytest.raises(InvalidInput, match="what an earlier trace, of 'leaks', has left"):
        trace(lambda x: x + kept[0])


def test_traces_in_several_threads_do_not_mix() -> None:
    found: dict[int, str] = {}
    ready = threading.Barrier(6)

    def work(number: int) -> None:
        def f(x: Any) -> Any:
            for _ in range(50 + number):
                x = x + number
            return x

        ready.wait()
        found[number] = digest_of(trace(f, name="f"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found.values())) == 6
    again: dict[int, str] = dict(found)
    ready = threading.Barrier(1)
    for number in range(6):
        work(number)
    assert found == again


def test_equal_functions_are_equal_plans() -> None:
    def one(x: Any) -> Any:
        weights = np.arange(4).reshape(2, 2)
        return (x @ weights).sum(axis=0, keepdims=True)

    def other(x: Any) -> Any:
        product = x @ np.arange(4).reshape(2, 2)
        return product.sum(keepdims=True, axis=0)

    assert digest_of(trace(one, name="f")) == digest_of(trace(other, name="f"))
    assert digest_of(trace(one, name="f")) != digest_of(trace(inc, name="f"))
