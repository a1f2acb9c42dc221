"""Plans: any one comes back from the wire as it was, or is refused; and whatever is traced is replayed the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syft.code import digest_of, source_of, trace
from syft.errors import SyftException
from syft.model.code import CodeSubmission, Parameter
from syft.model.plan import Plan
from syft.model.protocol import FromRun, Protocol, ProtocolStep, SharedProtocol
from syft.ops.plans import run_plan
from syft.wire.codec import decode, encode
from syft.wire.several import apart, together

np = pytest.importorskip("numpy")

EXAMPLES = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
ACTS: tuple[Callable[[Any, Any], Any], ...] = (
    lambda x, y: x + y,
    lambda x, y: x * 2 - y,
    lambda x, y: np.maximum(x, y),
    lambda x, y: x.sum() + y,
    lambda x, y: np.where(x > y, x, 1.5),
    lambda x, y: abs(x) + np.ones(3),
    lambda x, y: x.clip(-1, 1),
    lambda x, y: -x,
)
programs = st.lists(
    st.tuples(st.sampled_from(ACTS), st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=30
)


def written(
    program: list[tuple[Callable[[Any, Any], Any], int, int]], outputs: list[int]
) -> Callable[..., Any]:
    def f(a: Any, b: Any) -> Any:
        values = [a, b]
        for act, one, other in program:
            values.append(act(values[one % len(values)], values[other % len(values)]))
        return tuple(values[at % len(values)] for at in outputs)

    return f


@EXAMPLES
@given(programs, st.lists(st.integers(0, 50), min_size=1, max_size=15))
def test_a_plan_comes_to_what_its_function_comes_to(program: Any, outputs: list[int]) -> None:
    function = written(program, outputs)
    plan = decode(encode(trace(function)).to_bytes())
    assert isinstance(plan, Plan)
    values = [np.array([1.0, -2.0, 3.0]), np.array([0.5, 0.5, -4.0])]
    found = run_plan(plan, values, [decode(one) for one in plan.state])
    for one, other in zip(function(*values), found, strict=True):
        assert np.array_equal(one, other, equal_nan=True)
    assert digest_of(plan) == digest_of(trace(written(program, outputs)))
    assert source_of(plan) == source_of(trace(function))


GOOD = encode(trace(lambda x: (x + 1).sum(axis=0), name="f")).to_bytes()
_CODE = CodeSubmission(name="f", source="def f(x): return x", parameters=(Parameter(name="x"),))
ALSO_GOOD = encode(
    SharedProtocol(
        protocol=Protocol(name="p", steps=(ProtocolStep(role="a", code=_CODE, wires={"x": FromRun("x")}),))
    )
).to_bytes()


@EXAMPLES
@given(st.sampled_from([GOOD, ALSO_GOOD]), st.integers(0, 2_000), st.integers(1, 255))
def test_a_changed_byte_gives_a_plan_or_an_error_of_ours(good: bytes, at: int, change: int) -> None:
    data = bytearray(good)
    data[at % len(data)] ^= change
    try:
        made = decode(bytes(data))
    except SyftException:
        return
    # Whatever it is, it is data that has checked itself, and travels on as what it is.
    again = decode(encode(made).to_bytes())
    assert type(again) is type(made)


@EXAMPLES
@given(
    st.lists(
        st.one_of(st.integers(), st.text(), st.binary(max_size=9_000).map(bytes)), min_size=1, max_size=5
    )
)
def test_several_values_come_apart_as_they_were_put_together(values: list[Any]) -> None:
    data = encode(together(values)).to_bytes()
    assert [decode(one.data) for one in apart(memoryview(data), len(values))] == values
    for count in (len(values) - 1, len(values) + 1):
        with pytest.raises(SyftException):
            apart(memoryview(data), count)


SEVERAL = encode(together([1, b"x" * 5_000, np.ones(1_000)])).to_bytes()


@EXAMPLES
@given(st.integers(0, len(SEVERAL) - 1), st.integers(1, 255))
def test_hostile_bytes_for_several_values_end_in_an_error_of_ours(at: int, change: int) -> None:
    data = bytearray(SEVERAL)
    data[at] ^= change
    try:
        found = apart(memoryview(bytes(data)), 3)
    except SyftException:
        return
    assert len(found) == 3
