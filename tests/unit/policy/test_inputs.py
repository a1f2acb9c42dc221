"""What a code may be run on."""

import pytest

from syft.errors import InvalidInput
from syft.model.code import (
    CodeSubmission,
    Constant,
    CustomPolicy,
    InputPolicy,
    MustBe,
    OfType,
    Parameter,
)
from syft.model.job import ObjectArgument, ValueArgument
from syft.model.uid import UID
from syft.policy.inputs import bind, by_parameter, can_bind, check_complete, never_given

ASSET = UID()
VALUE = ValueArgument(value=b"x")


def submission(
    rules: dict[str, object], *parameters: str, renamed: dict[str, str] | None = None
) -> CodeSubmission:
    return CodeSubmission(
        name="f",
        source="",
        parameters=tuple(
            Parameter(name=name.rstrip("?"), has_default=name.endswith("?")) for name in parameters
        ),
        input_policy=InputPolicy(kind="mixed", rules=rules),  # type: ignore[arg-type]
        renamed=renamed or {},
    )


def test_exactly_the_approved_object() -> None:
    code = submission({"data": MustBe(ASSET, "a of d")}, "data")
    assert bind(code, {"data": ObjectArgument(ASSET)}) == {"data": ObjectArgument(ASSET)}
    with pytest.raises(InvalidInput, match="not in the allowed inputs: the request was for a of d"):
        bind(code, {"data": ObjectArgument(UID())})
    with pytest.raises(InvalidInput, match="not in the allowed inputs"):
        bind(code, {"data": VALUE})
    with pytest.raises(InvalidInput, match="missing required keyword argument: 'data'"):
        bind(code, {})


def test_constants_are_filled_in_and_never_passed() -> None:
    code = submission({"n": Constant(b"5")}, "n")
    assert bind(code, {}) == {"n": ValueArgument(value=b"5")}
    with pytest.raises(InvalidInput, match="constant of the approved request"):
        bind(code, {"n": VALUE})


def test_values_of_the_callers_own_are_values() -> None:
    code = submission({"n": OfType("int")}, "n")
    assert bind(code, {"n": VALUE}) == {"n": VALUE}
    with pytest.raises(InvalidInput, match="takes a int of your own"):
        bind(code, {"n": ObjectArgument(ASSET)})


def test_a_parameter_without_a_rule_takes_nothing() -> None:
    code = submission({"data": MustBe(ASSET)}, "data", "also?")
    assert can_bind(code, {"data": ObjectArgument(ASSET)})
    with pytest.raises(InvalidInput, match="allows no value for 'also'"):
        bind(code, {"data": ObjectArgument(ASSET), "also": VALUE})
    assert not can_bind(submission({}, "x?"), {"x": VALUE})


def test_names_are_the_parameters_or_what_the_author_called_them() -> None:
    code = submission({"private": MustBe(ASSET)}, "private", renamed={"data": "private"})
    assert by_parameter(code, {"data": VALUE}) == by_parameter(code, {"private": VALUE}) == {"private": VALUE}
    with pytest.raises(InvalidInput, match="no parameter 'other'"):
        by_parameter(code, {"other": VALUE})
    with pytest.raises(InvalidInput, match="got 'private' twice"):
        by_parameter(code, {"data": VALUE, "private": VALUE})


def test_what_has_a_default_may_be_left_out() -> None:
    check_complete(submission({}, "x?"), {})
    with pytest.raises(InvalidInput):
        check_complete(submission({}, "x"), {})


def test_what_a_call_has_to_give_and_may_not() -> None:
    assert never_given(submission({"data": MustBe(ASSET)}, "data", "also", "more?")) == ["also"]
    assert never_given(submission({"data": MustBe(ASSET)}, "data")) == []
    # A policy of its author's own says what it takes when it is asked.
    own = InputPolicy(kind="custom", custom=CustomPolicy(name="P", source="class P: pass\n"))
    assert (
        never_given(CodeSubmission(name="f", source="", parameters=(Parameter(name="n"),), input_policy=own))
        == []
    )
