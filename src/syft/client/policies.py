"""This module holds the policies as people write them: what a function may be run on, and how often it may answer."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from syft.client.datasets import AssetView, DatasetView
from syft.client.pointer import Pointer
from syft.errors import InvalidInput, SyftException
from syft.model import code as words
from syft.model.uid import UID
from syft.wire import codec

TYPES: Final[tuple[type, ...]] = (str, float, int, bool, dict, list, set, tuple)
MAX_TEXT: Final = 200


class Constant:
    """A value that is part of what is approved: the node fills it in, callers leave it out.

    Args:
        val: of a type that can travel.
    Raises:
        UnsupportedType: it cannot travel.
    """

    def __init__(self, val: Any) -> None:
        self.val = val
        self.encoded = codec.encode(val, name="Constant").to_bytes()

    @property
    def klass(self) -> type:
        """The value's type."""
        return type(self.val)

    def __repr__(self) -> str:
        return f"Constant(val={self.val!r})"

    def to_rule(self) -> words.Constant:
        """The rule as a node keeps it."""
        return words.Constant(self.encoded)


class InputPolicy:
    """What a function may be run on.

    Args:
        rules: by the name of the input.
    """

    kind: ClassVar[str] = "empty"

    def __init__(self, rules: dict[str, words.Rule] | None = None) -> None:
        self.rules: dict[str, words.Rule] = rules or {}

    def to_model(self) -> words.InputPolicy:
        """The policy as a node keeps it."""
        return words.InputPolicy(kind=self.kind, rules=dict(self.rules))

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={rule_text(rule)}" for name, rule in self.rules.items())
        return f"{type(self).__name__}({inside})"


class ExactMatch(InputPolicy):
    """Each input is exactly one object.

    Args:
        inputs: by name: an asset, a pointer or a UID.
    Raises:
        InvalidInput: something else.
    """

    kind: ClassVar[str] = "exact"

    def __init__(self, **inputs: AssetView | Pointer | UID) -> None:
        super().__init__({name: _must_be(name, value) for name, value in inputs.items()})


class MixedInputPolicy(InputPolicy):
    """Each input by a rule of its own.

    Args:
        client: accepted for those who knew it; the rules say all that is needed.
        inputs: by name: an asset, a pointer or a UID for exactly that object; a type such as `int` for a value
            of the caller's; a `Constant` for a value that is approved with the function.
    Raises:
        InvalidInput: something else.
    """

    kind: ClassVar[str] = "mixed"

    def __init__(self, client: Any = None, **inputs: AssetView | Pointer | UID | type | Constant) -> None:
        super().__init__({name: _any_rule(name, value) for name, value in inputs.items()})


class EmptyInputPolicy(InputPolicy):
    """The function takes no inputs when it is called; it may still be launched by another."""


EmpyInputPolicy = EmptyInputPolicy  # as PySyft 0.9 spelled it


class OutputPolicyExecuteCount:
    """So many results may leave under one approval.

    Args:
        limit: at least 1.
    Raises:
        InvalidInput: below 1.
    """

    def __init__(self, limit: int) -> None:
        if isinstance(limit, bool) or not isinstance(limit, int):
            raise InvalidInput(f"The limit of an output policy is a whole number, not {limit!r}.")
        self._model = words.OutputPolicy(limit=limit)

    @property
    def limit(self) -> int:
        """How many."""
        return self._model.limit

    def to_model(self) -> words.OutputPolicy:
        """The policy as a node keeps it."""
        return self._model

    def __repr__(self) -> str:
        return f"{type(self).__name__}(limit={self.limit})"


class SingleExecutionExactOutput(OutputPolicyExecuteCount):
    """One result may leave under one approval."""

    def __init__(self) -> None:
        super().__init__(limit=1)


OutputPolicyExecuteOnce = SingleExecutionExactOutput


class CustomInputPolicy:
    """An input policy written by its user; not supported yet. See `MixedInputPolicy`."""


class CustomOutputPolicy:
    """An output policy written by its user; not supported yet. See `OutputPolicyExecuteCount`."""


UserInputPolicy = CustomInputPolicy
UserOutputPolicy = CustomOutputPolicy
_CUSTOM: Final = (CustomInputPolicy, CustomOutputPolicy)


def as_input_policy(policy: Any) -> words.InputPolicy:
    """The policy that was given, or the empty one.

    Raises:
        InvalidInput: it is none, or of a kind that is not supported.
    """
    if policy is None:
        return words.InputPolicy()
    _check_usable(policy, "ExactMatch(...), MixedInputPolicy(...) or EmptyInputPolicy()")
    if isinstance(policy, InputPolicy):
        return policy.to_model()
    if isinstance(policy, words.InputPolicy):
        return policy
    raise InvalidInput(
        f"{type(policy).__name__} is no input policy. Use ExactMatch(...), MixedInputPolicy(...) or none."
    )


def as_output_policy(policy: Any) -> words.OutputPolicy:
    """The policy that was given, or that of a single result.

    Raises:
        InvalidInput: it is none, or of a kind that is not supported.
    """
    if policy is None:
        return words.OutputPolicy()
    _check_usable(policy, "SingleExecutionExactOutput() or OutputPolicyExecuteCount(limit=...)")
    if isinstance(policy, OutputPolicyExecuteCount):
        return policy.to_model()
    if isinstance(policy, words.OutputPolicy):
        return policy
    raise InvalidInput(
        f"{type(policy).__name__} is no output policy. "
        "Use SingleExecutionExactOutput() or OutputPolicyExecuteCount(limit=...)."
    )


def _check_usable(policy: Any, instead: str) -> None:
    is_class = isinstance(policy, type)
    if isinstance(policy, _CUSTOM) or (is_class and issubclass(policy, _CUSTOM)):
        name = policy.__name__ if is_class else type(policy).__name__
        raise InvalidInput(f"Policies of your own ('{name}') are not supported yet. Use {instead}.")
    if is_class:
        raise InvalidInput(f"'{policy.__name__}' is a class; make a policy of it: `{policy.__name__}(...)`.")


def _must_be(name: str, value: Any) -> words.MustBe:
    rule = _object_rule(value)
    if rule is None:
        raise InvalidInput(
            f"ExactMatch takes an asset, a pointer or a UID for '{name}', not {_described(value)}. "
            "For values of the caller's own, use MixedInputPolicy."
        )
    return rule


def _any_rule(name: str, value: Any) -> words.Rule:
    if isinstance(value, Constant):
        return value.to_rule()
    if isinstance(value, type):
        if value not in TYPES:
            known = ", ".join(kind.__name__ for kind in TYPES)
            raise InvalidInput(f"A caller's value for '{name}' may be one of {known}; not {value.__name__}.")
        return words.OfType(value.__name__)
    rule = _object_rule(value)
    if rule is None:
        raise InvalidInput(
            f"MixedInputPolicy takes an asset, a pointer, a UID, a type or a Constant for '{name}', "
            f"not {_described(value)}. For a fixed value, write sy.Constant(val=...)."
        )
    return rule


def _object_rule(value: Any) -> words.MustBe | None:
    if isinstance(value, AssetView):
        return words.MustBe(value.action_id, value.label)
    if isinstance(value, Pointer):
        return words.MustBe(value.id)
    if isinstance(value, UID):
        return words.MustBe(value)
    return None


def _described(value: Any) -> str:
    if isinstance(value, DatasetView):
        return f"a whole dataset (choose one of its assets: {', '.join(map(repr, value.assets.keys()))})"
    return f"a value of type {type(value).__name__}"


def rule_text(rule: words.Rule) -> str:
    """A rule as people read it."""
    match rule:
        case words.MustBe(object_uid=uid, label=label):
            return label or f"object {uid.hex}"
        case words.Constant(value=value):
            return f"constant {_constant_text(value)}"
        case words.OfType(type_name=name):
            return f"any {name} of the caller's"
        case words.Given():
            return "any value of the caller's"
        case words.Handed():
            return "what another step of the protocol hands over"


def _constant_text(value: bytes) -> str:
    """A constant, read from the value itself: what its author says of it is not what the code gets."""
    try:
        text = repr(codec.decode(value))
    except SyftException as error:  # the bytes are anybody's, and showing must not raise
        return f"that cannot be read ({error.public_message})"
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def input_text(policy: words.InputPolicy) -> str:
    """An input policy as people read it."""
    if not policy.rules:
        return "no inputs"
    return ", ".join(f"{name} = {rule_text(rule)}" for name, rule in policy.rules.items())


def output_text(policy: words.OutputPolicy) -> str:
    """An output policy as people read it."""
    return "one result" if policy.limit == 1 else f"at most {policy.limit} results"
