"""A plan as text, its digest, and what of it a node takes as code."""

from __future__ import annotations

import ast
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from syft.code import check_plan, check_submission, digest, parameters_of, review, source_of, trace
from syft.errors import InvalidCode, InvalidInput
from syft.model.code import CodeSubmission, InputPolicy, OfType
from syft.model.plan import Plan, place
from syft.model.step import Items, Of, Slice, Step
from syft.ops.plans import run_plan
from syft.ops.table import OPERATIONS
from syft.wire.codec import decode, encode


def planned(function: Callable[..., Any], **changed: Any) -> CodeSubmission:
    plan = trace(function)
    whole = {"name": plan.name, "source": source_of(plan), "parameters": parameters_of(plan), "plan": plan}
    return CodeSubmission(**{**whole, **changed})


def inc(x: Any) -> Any:
    return x + 1


def mixed(x: Any, y: Any) -> Any:
    z = x[1:, ..., 0] ** -1 + np.maximum(y, 2.5) * -y
    return z, x.sum(axis=(0, 1)), abs(z), np.where(z > 0, z, -1e400), y.clip(None, 3)[::2], 1 - z


def test_the_text_is_python_that_does_the_same() -> None:
    plan = trace(mixed)
    text = source_of(plan)
    assert len(ast.parse(text).body) == 1
    space: dict[str, Any] = {"np": np}
    exec(text, space)
    x, y = np.arange(8.0).reshape(2, 2, 2) + 1, np.arange(2.0)
    expected, found = space["mixed"](x, y), run_plan(plan, [x, y], [decode(one) for one in plan.state])
    for one, other in zip(expected, found, strict=True):
        assert np.array_equal(one, other, equal_nan=True)


def test_every_operation_can_be_written() -> None:
    for row in OPERATIONS.values():
        inputs = tuple(Of(place(0)) if row.growth.value != "made" else 3 for _ in range(max(1, row.least)))
        step = Step(op=row.name, inputs=inputs, output=place(1))
        text = source_of(Plan(name="f", inputs=("x",), steps=(step,), outputs=(place(1),)))
        ast.parse(text)
        assert "x" in text or "np." in text


def test_constants_are_whole_and_in_ascii() -> None:
    long = "a" * 5_000 + "\u202e"
    items = Items("list", tuple(range(500)))
    steps = (
        Step(op="eq", inputs=(Of(place(0)), long), output=place(1)),
        Step(op="getitem", inputs=(Of(place(0)), items), output=place(2)),
        Step(op="add", inputs=(Of(place(0)), math.nan), output=place(3)),
        Step(op="getitem", inputs=(Of(place(0)), Slice(None, -1)), output=place(4)),
    )
    text = source_of(Plan(name="f", inputs=("x",), steps=steps, outputs=(place(4),)))
    assert "a" * 5_000 + "\\u202e" in text
    assert ", 499]" in text
    assert 'float("nan")' in text
    assert "x[:-1]" in text
    assert text.isascii()


def test_a_constant_that_comes_along_is_shown_by_what_it_is() -> None:
    weights = np.ones((3, 2))
    plan = trace(lambda x: (x @ weights, 5), name="predict")
    text = source_of(plan)
    assert "state_0 = ...  # numpy.ndarray <f8 (3, 2)" in text
    assert "state_1 = 5\n" in text
    other = np.zeros((3, 2))
    assert source_of(trace(lambda x: (x @ other, 5), name="predict")) != text, "its digest is told, too"


@pytest.mark.parametrize("name", ["np", "abs", "var_0", "state_3", "lambda", "slice", "f"])
def test_an_input_is_not_called_as_something_in_the_text(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"Rename|Choose"):
        check_plan(Plan(name="f", inputs=(name,), outputs=(place(0),)))


@pytest.mark.parametrize("name", ["var_\uff10", "\ufb01", "\uff58"])
def test_a_name_is_written_as_python_reads_it(name: str) -> None:
    assert name.isidentifier()
    with pytest.raises(InvalidInput, match="plain letters"):
        check_plan(Plan(name="f", inputs=(name,), outputs=(place(0),)))


def test_look_alike_names_are_shown_to_the_reviewer() -> None:
    """The plan returns its second input, and reads as if it returned a sum of the first."""
    plan = msgspec.structs.replace(
        trace(lambda x: x.sum(), name="f"),
        inputs=("x", "v\u0430r_0"),
        steps=(Step(op="sum", inputs=(Of(place(0)),), output=place(2)),),
        outputs=(place(1),),
    )
    submission = CodeSubmission(name="f", source=source_of(plan), parameters=parameters_of(plan), plan=plan)
    assert any("CYRILLIC SMALL LETTER A" in one for one in review(submission))


def test_the_digest_does_not_depend_on_the_process() -> None:
    script = (
        "from syft.code import trace, digest_of; import numpy as np\n"
        "def f(x): return (x + np.arange(3)).sum(keepdims=True, axis=0), {'a', 'b'} and 1\n"
        "print(digest_of(trace(f)))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1")
    }
    assert len(found) == 1
    assert len(found.pop().strip()) == 64


def test_a_plan_is_taken_as_code() -> None:
    submission = planned(inc)
    check_submission(submission)
    assert review(submission) == ()
    weights = np.ones(2)
    assert "1 constant along" in review(planned(lambda x: x + weights))[0]
    other = planned(lambda x: x + 2, name="inc", plan=trace(lambda x: x + 2, name="inc"))
    assert digest(submission) != digest(other)


@pytest.mark.parametrize(
    "changed",
    [
        {"source": "def inc(x):\n    var_0 = x + 2\n    return var_0\n"},
        {"source": "def inc(x):\n    import os\n"},
        {"source": ""},
        {"name": "other"},
        {"parameters": ()},
        {"parameters": parameters_of(trace(lambda y: y))},
        {"nested": ("inc",)},
        {"uses_datasite": True},
        {"input_policy": InputPolicy(rules={"z": OfType("int")})},
    ],
)
def test_what_is_said_beside_a_plan_must_be_what_it_is(changed: dict[str, Any]) -> None:
    check_submission(planned(inc))
    with pytest.raises(InvalidCode):
        check_submission(planned(inc, **changed))


@pytest.mark.parametrize(
    ("op", "constants"), [("exec", {}), ("to_csv", {}), ("sum", {"out": 1}), ("astype", {"dtype": "object"})]
)
def test_a_step_that_there_is_not_is_no_code(op: str, constants: dict[str, Any]) -> None:
    step = Step(op=op, inputs=(Of(place(0)),), output=place(1), constants=constants)
    plan = Plan(name="inc", inputs=("x",), steps=(step,), outputs=(place(1),))
    with pytest.raises(InvalidCode, match="The plan of 'inc' is none"):
        check_submission(planned(inc, plan=plan))


def test_a_constant_that_is_no_value_is_no_code() -> None:
    for data in (b"", b"\xc1", encode(np.ones(3)).to_bytes()[:-1]):
        plan = Plan(name="inc", inputs=("x",), state=(data,), outputs=(place(0),))
        with pytest.raises(InvalidCode, match="is none"):
            check_submission(planned(inc, plan=plan))


@pytest.mark.parametrize("name", ["blocking", "datasite"])
def test_words_of_a_call_are_no_parameters(name: str) -> None:
    plan = msgspec.structs.replace(trace(inc), inputs=(name,))
    submission = planned(inc, plan=plan, parameters=parameters_of(plan), source=source_of(plan))
    with pytest.raises(InvalidCode, match="not allowed"):
        check_submission(submission)
