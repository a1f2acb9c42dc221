"""Policies that authors write: captured, tried here, shown to reviewers, and asked by a node."""

from __future__ import annotations

from typing import Any

import pytest

import syft as sy
from syft.client.client import Client
from syft.client.datasets import AssetView
from syft.client.policies import as_input_policy, as_output_policy
from syft.errors import CodeFailed, InvalidCode, InvalidInput, PolicyExhausted, UnsupportedType
from syft.model import code as words
from syft.wire import codec


class RepeatedCallPolicy(sy.CustomOutputPolicy):
    """As the guide of PySyft 0.9 has it."""

    n_calls: int = 0
    downloadable_output_args: list[str] = []
    state: dict[Any, Any] = {}

    def __init__(self, n_calls: int = 1, downloadable_output_args: list[str] | None = None) -> None:
        self.downloadable_output_args = (
            downloadable_output_args if downloadable_output_args is not None else []
        )
        self.n_calls = n_calls
        self.state = {"counts": 0}

    def public_state(self):  # type: ignore[no-untyped-def]
        return self.state["counts"]

    def update_policy(self, context, outputs):  # type: ignore[no-untyped-def]
        self.state["counts"] += 1

    def apply_to_output(self, context, outputs, update_policy=True):  # type: ignore[no-untyped-def]
        if hasattr(outputs, "syft_action_data"):
            outputs = outputs.syft_action_data
        output_dict = {}
        if self.state["counts"] < self.n_calls:
            for output_arg in self.downloadable_output_args:
                output_dict[output_arg] = outputs[output_arg]
            if update_policy:
                self.update_policy(context, outputs)
        else:
            return None
        return output_dict

    def _is_valid(self, context):  # type: ignore[no-untyped-def]
        return self.state["counts"] < self.n_calls


class AtMost(sy.CustomInputPolicy):
    def __init__(self, people=None, most=10, step=1):  # type: ignore[no-untyped-def]
        self.most = most
        self.step = step

    def is_valid(self, context, usr_input_kwargs):  # type: ignore[no-untyped-def]
        return usr_input_kwargs.get("n", 0) <= self.most

    def filter_kwargs(self, kwargs, context):  # type: ignore[no-untyped-def]
        import math

        text = """
kept as it is"""
        assert text.startswith("\n")
        return {**kwargs, "n": math.floor(kwargs.get("n", 2))}


class Plain(sy.CustomOutputPolicy):
    def is_valid(self, context):  # type: ignore[no-untyped-def]
        return True

    def apply_to_output(self, context, outputs):  # type: ignore[no-untyped-def]
        return outputs


class Talkative(sy.CustomOutputPolicy):
    def is_valid(self, context):  # type: ignore[no-untyped-def]
        return True

    def apply_to_output(self, context, outputs):  # type: ignore[no-untyped-def]
        print(outputs)
        return 1


def test_what_is_captured() -> None:
    policy = RepeatedCallPolicy(n_calls=2, downloadable_output_args=["y"])
    assert policy.init_kwargs == {"n_calls": 2, "downloadable_output_args": ["y"]}
    assert repr(policy) == "RepeatedCallPolicy(n_calls=2, downloadable_output_args=['y'])"
    model = as_output_policy(policy)
    assert model.limit == words.MANY
    assert isinstance(model.custom, words.CustomPolicy)
    assert model.custom.name == "RepeatedCallPolicy"
    assert model.custom.source.startswith('class RepeatedCallPolicy:\n    """As the guide')
    assert model.custom.source.endswith('return self.state["counts"] < self.n_calls\n')
    assert {name: codec.decode(one) for name, one in model.custom.options.items()} == policy.init_kwargs


def test_by_place_and_inside_a_function() -> None:
    class Inner(sy.CustomOutputPolicy):
        def __init__(self, first, second=2, **more):  # type: ignore[no-untyped-def]
            self.first = first

        def is_valid(self, context):  # type: ignore[no-untyped-def]
            return True

        def apply_to_output(self, context, outputs, update_policy=True):  # type: ignore[no-untyped-def]
            return f"""{outputs}
not indented"""

    policy = Inner(1, third=3)
    assert policy.init_kwargs == {"first": 1, "third": 3}
    custom = as_output_policy(policy).custom
    assert isinstance(custom, words.CustomPolicy)
    assert custom.source.startswith("class Inner:\n    def __init__")
    assert "\nnot indented" in custom.source


def test_options_of_inputs_become_rules(asset: AssetView) -> None:
    @sy.syft_function(input_policy=AtMost(people=asset, most=5, step=sy.Constant(3)))
    def total(people, n, step):  # type: ignore[no-untyped-def]
        return len(people) + n + step

    policy = total.submission.input_policy
    assert policy.kind == "custom"
    assert policy.rules == {
        "people": words.MustBe(asset.action_id, "'people' of 'People'"),
        "n": words.Given(),
        "step": words.Constant(codec.encode(3).to_bytes()),
    }
    assert isinstance(policy.custom, words.CustomPolicy)
    # Of an object the policy gets the UID: no value travels with it.
    assert codec.decode(policy.custom.options["people"]) == asset.action_id


def test_an_object_must_be_a_parameter(asset: AssetView) -> None:
    with pytest.raises(InvalidInput, match="Call the option as the parameter"):

        @sy.syft_function(input_policy=AtMost(people=asset))
        def total(data, n):  # type: ignore[no-untyped-def]
            return n


class Based(Plain):
    pass


class Empty(sy.CustomOutputPolicy):
    pass


class Misspelt(sy.CustomOutputPolicy):
    def is_vaild(self, context):  # type: ignore[no-untyped-def]
        return False

    def apply_to_output(self, context, outputs):  # type: ignore[no-untyped-def]
        return outputs


LIMIT = 3


class Outside(sy.CustomOutputPolicy):
    def is_valid(self, context):  # type: ignore[no-untyped-def]
        return LIMIT > 2

    def apply_to_output(self, context, outputs):  # type: ignore[no-untyped-def]
        return codec.decode(outputs)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (Based, "only base class"),
        (Empty, "has no methods"),
        (Misspelt, "does not say `def is_valid"),
        (Outside, "line 3: 'LIMIT'"),
        (Outside, "line 6: 'codec'"),
    ],
)
def test_what_cannot_be_sent(policy: Any, said: str) -> None:
    with pytest.raises(InvalidCode, match=said):
        as_output_policy(policy())


def test_wrong_uses(asset: AssetView) -> None:
    with pytest.raises(InvalidInput, match="is a class; make a policy of it"):
        as_output_policy(Plain)
    with pytest.raises(InvalidInput, match="is no input policy"):
        as_input_policy(Plain())
    with pytest.raises(InvalidInput, match="is no output policy"):
        as_output_policy(AtMost())
    with pytest.raises(InvalidInput, match="is made otherwise"):
        Plain(3)
    with pytest.raises(UnsupportedType):
        as_input_policy(AtMost(most=object()))
    made_by_exec: dict[str, Any] = {}
    typed = "class Typed(sy.CustomOutputPolicy):\n    def is_valid(self, context):\n        return True\n"
    exec(f"import syft as sy\n{typed}", made_by_exec)
    with pytest.raises(InvalidCode, match="cannot be found"):
        as_output_policy(made_by_exec["Typed"]())


def test_it_is_asked_in_a_try(asset: AssetView, capsys: pytest.CaptureFixture[str]) -> None:
    """Here, behind the fence, on the mock, anew each time."""

    @sy.syft_function(
        input_policy=AtMost(people=asset, most=5),
        output_policy=RepeatedCallPolicy(n_calls=1, downloadable_output_args=["y"]),
    )
    def split(people, n):  # type: ignore[no-untyped-def]
        return {"x": people, "y": n}

    for _ in range(2):
        assert split(people=asset, n=4.5).get() == {"y": 4}
    assert split(people=asset).get() == {"y": 2}
    with pytest.raises(InvalidInput, match="does not allow these inputs"):
        split(people=asset, n=6)
    text = repr(split)
    assert "class RepeatedCallPolicy:" in text
    assert "class AtMost:" in text

    @sy.syft_function(input_policy=sy.MixedInputPolicy(n=int), output_policy=RepeatedCallPolicy(n_calls=0))
    def never(n):  # type: ignore[no-untyped-def]
        return n

    with pytest.raises(PolicyExhausted, match="lets no result out"):
        never(n=1)

    @sy.syft_function(
        input_policy=sy.MixedInputPolicy(n=int),
        output_policy=RepeatedCallPolicy(downloadable_output_args=["missing"]),
    )
    def fails(n):  # type: ignore[no-untyped-def]
        return {"n": n}

    with pytest.raises(CodeFailed, match="KeyError: 'missing'"):
        fails(n=1)


def test_from_the_request_to_the_result(admin: Client, scientist: Client, asset: AssetView) -> None:
    """The owner reads the policy, approves, and sees what it shows; the scientist gets what it lets out."""

    @sy.syft_function(
        input_policy=AtMost(people=asset, most=5),
        output_policy=RepeatedCallPolicy(n_calls=1, downloadable_output_args=["y"]),
    )
    def counted(people, n):  # type: ignore[no-untyped-def]
        print("seen", len(people))
        return {"x": len(people), "y": n + 1}

    asked = scientist.code.request_code_execution(counted)
    request = admin.requests.get_by_uid(asked.id)
    for text in (repr(request), repr(request.code)):
        assert "class RepeatedCallPolicy:" in text
        assert "class AtMost:" in text
        assert "n_calls=1" in text
        assert "lets out: see its code" in text
        assert ") decides: see its code" in text
    assert request.policy_state is None
    request.approve()
    assert scientist.code.counted(people=asset, n=1.5).get() == {"y": 2}
    assert request.policy_state == 1
    assert request.code.output_policy_state == 1
    with pytest.raises(InvalidInput, match="belongs to one approval"):
        _ = admin.code.get_by_id(request.code.id).output_policy_state
    with pytest.raises(PolicyExhausted):
        scientist.code.counted(people=asset, n=3)
    assert scientist.code.counted(people=asset, n=1).get() == {"y": 2}
    with pytest.raises(InvalidInput, match="does not allow"):
        scientist.code.counted(people=asset, n=6)


def test_the_request_says_what_to_look_at_in_a_policy(
    admin: Client, scientist: Client, asset: AssetView
) -> None:
    """The same as the evidence says: what a policy does with what it is handed."""

    @sy.syft_function(input_policy=sy.ExactMatch(people=asset), output_policy=Talkative())
    def told(people):  # type: ignore[no-untyped-def]
        return 1

    request = admin.requests.get_by_uid(scientist.code.request_code_execution(told).id)
    wanted = "prints something made of the input 'outputs'."
    assert [(one["in"], one["line"], one["text"]) for one in request.evidence.findings] == [
        ("Talkative", 6, wanted)
    ]
    assert f"Output policy, line 6: {wanted}" in repr(request)


def test_one_with_a_policy_is_not_launched() -> None:
    @sy.syft_function(output_policy=Plain())
    def child():  # type: ignore[no-untyped-def]
        return 1

    with pytest.raises(InvalidInput, match="not launched"):

        @sy.syft_function()
        def parent(datasite):  # type: ignore[no-untyped-def]
            return datasite.launch_job(child).result
