"""Policies as people write them."""

from __future__ import annotations

from typing import Any

import pytest

from syft.client.client import Client
from syft.client.datasets import AssetView
from syft.client.pointer import Pointer
from syft.client.policies import (
    Constant,
    EmptyInputPolicy,
    ExactMatch,
    MixedInputPolicy,
    OutputPolicyExecuteCount,
    OutputPolicyOncePerInputs,
    SingleExecutionExactOutput,
    as_input_policy,
    as_output_policy,
    input_text,
    output_text,
    rule_text,
)
from syft.errors import InvalidInput, UnsupportedType
from syft.model import code as words
from syft.model.uid import UID
from syft.wire import codec


def test_exact_match(asset: AssetView) -> None:
    uid = UID()
    policy = ExactMatch(a=asset, b=Pointer(uid), c=uid).to_model()
    assert policy == words.InputPolicy(
        kind="exact",
        rules={
            "a": words.MustBe(asset.action_id, "'people' of 'People'"),
            "b": words.MustBe(uid),
            "c": words.MustBe(uid),
        },
    )
    assert input_text(policy) == f"a = 'people' of 'People', b = object {uid.hex}, c = object {uid.hex}"


def test_mixed(asset: AssetView) -> None:
    policy = MixedInputPolicy(client=object(), a=asset, b=int, c=Constant(val=[1, 2])).to_model()
    assert policy.kind == "mixed"
    assert policy.rules["b"] == words.OfType("int")
    constant = policy.rules["c"]
    assert isinstance(constant, words.Constant)
    assert codec.decode(constant.value) == [1, 2]
    assert input_text(policy) == "a = 'people' of 'People', b = any int of the caller's, c = constant [1, 2]"
    assert "MixedInputPolicy(a='people' of 'People'" in repr(MixedInputPolicy(a=asset))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda client: ExactMatch(a=3), "not a value of type int. For values of the caller's own"),
        (lambda client: ExactMatch(a=client.datasets["People"]), "a whole dataset .*'people'"),
        (lambda client: MixedInputPolicy(a=3), r"write sy\.Constant"),
        (lambda client: MixedInputPolicy(a=complex), "may be one of str, float"),
    ],
)
def test_what_is_no_rule(make: Any, said: str, scientist: Client) -> None:
    with pytest.raises(InvalidInput, match=said):
        make(scientist)


def test_a_constant_has_to_travel() -> None:
    with pytest.raises(UnsupportedType):
        Constant(val=lambda: 1)
    assert Constant(val=1).klass is int
    assert repr(Constant(val=1)) == "Constant(val=1)"
    assert len(rule_text(Constant(val="x" * 1000).to_rule())) < 220
    assert rule_text(words.Constant(b"no value")).startswith("constant that cannot be read")


def test_output_policies() -> None:
    assert SingleExecutionExactOutput().to_model() == words.OutputPolicy(limit=1)
    assert OutputPolicyExecuteCount(limit=5).limit == 5
    assert output_text(OutputPolicyExecuteCount(5).to_model()) == "at most 5 results"
    assert output_text(words.OutputPolicy()) == "one result"
    assert repr(OutputPolicyExecuteCount(5)) == "OutputPolicyExecuteCount(limit=5)"
    for limit in (0, -1, 1.5, True, "1"):
        with pytest.raises(InvalidInput):
            OutputPolicyExecuteCount(limit)  # type: ignore[arg-type]


def test_left_out() -> None:
    assert as_input_policy(None) == words.InputPolicy() == EmptyInputPolicy().to_model()
    assert as_output_policy(None) == words.OutputPolicy(limit=1)
    assert as_input_policy(words.InputPolicy(kind="exact")).kind == "exact"
    assert as_output_policy(words.OutputPolicy(limit=2)).limit == 2
    assert input_text(words.InputPolicy()) == "no inputs"


@pytest.mark.parametrize(
    ("read", "policy", "said"),
    [
        (as_output_policy, SingleExecutionExactOutput, "is a class; make a policy of it"),
        (as_input_policy, SingleExecutionExactOutput(), "is no input policy"),
        (as_output_policy, ExactMatch(), "is no output policy"),
        (as_input_policy, 3, "int is no input policy"),
    ],
)
def test_what_is_no_policy(read: Any, policy: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read(policy)


def test_once_per_inputs() -> None:
    policy = OutputPolicyOncePerInputs()
    assert policy.to_model() == words.OutputPolicy(limit=words.MANY, per_inputs=1)
    assert (
        output_text(as_output_policy(policy))
        == "one result for each combination of inputs, any number of results in all"
    )
    limited = as_output_policy(OutputPolicyOncePerInputs(limit=5))
    assert output_text(limited) == "one result for each combination of inputs, at most 5 results in all"
    with pytest.raises(InvalidInput, match="at least one"):
        OutputPolicyOncePerInputs(limit=0)
