"""What besides the text is told as otherwise: each thing that an approval binds, by itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from syft.model.code import (
    CodeSubmission,
    Constant,
    CustomPolicy,
    Given,
    Handed,
    InputPolicy,
    MustBe,
    OfType,
    OutputPolicy,
    Parameter,
    Part,
)
from syft.model.limits import JobLimits
from syft.model.plan import Plan, place
from syft.model.uid import UID
from syft.policy.differences import Approved, differences

DATA = UID()
RULES = {"data": MustBe(DATA, "'a' of 'b'"), "n": OfType("int"), "c": Constant(b"1")}
CODE = CodeSubmission(
    name="f",
    source="def f(data, n, c):\n    return 1\n",
    parameters=tuple(Parameter(name=name) for name in RULES),
    input_policy=InputPolicy(kind="mixed", rules=RULES),
)
BEFORE = Approved(
    CODE,
    {"g": "0" * 64},
    JobLimits(memory_bytes=1 << 30),
    {"environment": "e" * 64, "data data": "d" * 64},
)
POLICY = CustomPolicy(name="P", source="class P: pass\n", options={"x": b"1"})


def with_code(**changes: Any) -> Approved:
    return Approved(msgspec.structs.replace(CODE, **changes), BEFORE.nested, BEFORE.limits, BEFORE.parts)


def with_rule(**rules: Any) -> Approved:
    return with_code(input_policy=InputPolicy(kind="mixed", rules={**RULES, **rules}))


CHANGES = {
    "another object": (with_rule(data=MustBe(UID())), "input 'data'"),
    "another constant": (with_rule(c=Constant(b"2")), "input 'c'"),
    "another type": (with_rule(n=OfType("str")), "input 'n'"),
    "any value": (with_rule(n=Given()), "input 'n'"),
    "handed over": (with_rule(n=Handed()), "input 'n'"),
    "a new input": (with_rule(m=Given()), "input 'm'"),
    "a parameter": (with_code(parameters=(*CODE.parameters, Parameter(name="m"))), "parameter 'm'"),
    "a default": (
        with_code(parameters=(*CODE.parameters[:2], Parameter(name="c", has_default=True))),
        "parameter 'c'",
    ),
    "more results": (with_code(output_policy=OutputPolicy(limit=9)), "policy 'results'"),
    "results each": (
        with_code(output_policy=OutputPolicy(per_inputs=1)),
        "policy 'results on the same inputs'",
    ),
    "own policy": (
        with_code(output_policy=OutputPolicy(custom=POLICY)),
        "policy 'of the author's own for outputs'",
    ),
    "traced": (with_code(plan=Plan(name="f", inputs=("data",), outputs=(place(0),))), "plan"),
    "a step": (with_code(part=Part(deployment=b"d", step=0)), "protocol"),
    "pool": (with_code(pool="gpu"), "pool"),
    "sharing": (with_code(share_results_with_owners=True), "results are shared with the owners"),
    "nested": (Approved(CODE, {"g": "1" * 64}, BEFORE.limits, BEFORE.parts), "launched function 'g'"),
    "limits": (Approved(CODE, BEFORE.nested, JobLimits(memory_bytes=2 << 30), BEFORE.parts), "limits"),
    "environment": (
        Approved(CODE, BEFORE.nested, BEFORE.limits, {**BEFORE.parts, "environment": "f" * 64}),
        "environment",
    ),
    "data": (
        Approved(CODE, BEFORE.nested, BEFORE.limits, {**BEFORE.parts, "data data": "e" * 64}),
        "data of 'data'",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_each_is_told_and_nothing_else(what: str) -> None:
    after, told = CHANGES[what]
    assert [one.what for one in differences(BEFORE, after)] == [told]
    assert all(one.before != one.after for one in differences(BEFORE, after))


def test_the_same_is_not_told() -> None:
    assert list(differences(BEFORE, BEFORE)) == []
    # The text is compared line by line, elsewhere.
    assert list(differences(BEFORE, with_code(source="def f(data, n, c):\n    return 2\n"))) == []


def test_options_and_source_of_a_policy_are_told() -> None:
    before = with_code(output_policy=OutputPolicy(custom=POLICY))
    for change in ({"options": {"x": b"2"}}, {"source": "class P: x = 1\n"}, {"name": "Q"}):
        other = msgspec.structs.replace(POLICY, **change)
        after = with_code(output_policy=OutputPolicy(custom=other))
        assert [one.what for one in differences(before, after)] == [
            "policy 'of the author's own for outputs'"
        ]


def test_what_was_not_kept_is_not_told_as_changed() -> None:
    """Of approvals from before their parts were kept; the caller compares the whole."""
    before = Approved(CODE, BEFORE.nested, BEFORE.limits)
    assert list(differences(before, BEFORE)) == []
