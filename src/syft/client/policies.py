"""This module holds the policies as people write them: what a function may be run on, and how often it may answer."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, ClassVar, Final

import msgspec

from syft.client.datasets import AssetView, DatasetView
from syft.client.pointer import Pointer
from syft.code.policies import INPUT, OUTPUT, capture_policy, check_policy, policies_of
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


class OutputPolicyOncePerInputs(OutputPolicyExecuteCount):
    """One result may leave for each combination of inputs; who asks again for the same gets that one.

    What counts is what the code gets: values that an input policy leaves out make no other inputs.

    Args:
        limit: how many in all; None: any number of different ones.
    Raises:
        InvalidInput: a limit below 1.
    """

    def __init__(self, limit: int | None = None) -> None:
        super().__init__(limit=words.MANY if limit is None else limit)
        self._model = words.OutputPolicy(limit=self.limit, per_inputs=1)


class _Custom:
    """What both kinds of policies that users write have in common: what they were made with."""

    _options: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__new__(cls)
        # Beside the policy's own attributes: those are what it remembers.
        object.__setattr__(made, "_options", _options_of(cls, args, kwargs))
        return made

    @property
    def init_kwargs(self) -> dict[str, Any]:
        """What it was made with, by name."""
        return dict(self._options)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={_option_text(value)}" for name, value in self._options.items())
        return f"{type(self).__name__}({inside})"


class CustomInputPolicy(_Custom):
    """The base of input policies that you write: a class that stands alone, with imports inside its methods.

    It is sent as text, read by the owner, and asked behind the fence, each time anew: it remembers nothing.

    - `__init__(self, ...)`: options by name. An asset, a pointer or a UID under the name of a parameter says that the
      parameter takes exactly that object; a type or a `Constant` likewise, as in `MixedInputPolicy`. Parameters
      without such an option take values of the caller's, about which the policy decides.
    - `is_valid(self, context, usr_input_kwargs) -> bool`: whether the call may be made.
    - `filter_kwargs(self, kwargs, context) -> dict`: what the code gets: values of the caller's may be changed, left
      out or added. Objects stay what they are; the policy sees their UIDs only.
    """


class CustomOutputPolicy(_Custom):
    """The base of output policies that you write: a class that stands alone, with imports inside its methods.

    It is sent as text, read by the owner, and asked behind the fence. What it sets on `self` in `apply_to_output` is
    there again at the next run under the same approval.

    - `__init__(self, ...)`: options by name.
    - `is_valid(self, context) -> bool`: whether one more result may leave; asked before a run and after it.
    - `apply_to_output(self, context, outputs, update_policy=True)`: what leaves in place of what the code returned.
      `update_policy` is False in a try, of which nothing is kept.
    - `public_state(self)`: what of its state the owner is shown; may be left out.
    """


UserInputPolicy = CustomInputPolicy
UserOutputPolicy = CustomOutputPolicy


def _options_of(kind: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a class by the names of its `__init__`.

    Raises:
        InvalidInput: an argument without a name.
    """
    made_by = vars(kind).get("__init__")
    parameters = inspect.Signature()
    if made_by is not None:
        whole = inspect.signature(made_by)
        parameters = whole.replace(parameters=list(whole.parameters.values())[1:])
    try:
        bound = parameters.bind(*args, **kwargs)
    except TypeError as error:
        raise InvalidInput(f"'{kind.__name__}' is made otherwise: {error}.") from None
    options: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        match parameters.parameters[name].kind:
            case inspect.Parameter.VAR_POSITIONAL | inspect.Parameter.POSITIONAL_ONLY:
                raise InvalidInput(f"Give '{kind.__name__}' its options by name.")
            case inspect.Parameter.VAR_KEYWORD:
                options.update(value)
            case _:
                options[name] = value
    return options


def _option_text(value: Any) -> str:
    rule = _object_rule(value)
    return rule_text(rule) if rule is not None else repr(value)


def _custom_model(policy: _Custom, ours: type, where: str) -> words.CustomPolicy:
    """A policy that a user wrote, as a node keeps it.

    Raises:
        InvalidCode: its class does not stand alone, or cannot be asked.
        UnsupportedType: an option cannot travel.
    """
    kind = type(policy)
    model = words.CustomPolicy(
        name=kind.__name__,
        source=capture_policy(kind, ours),
        options={name: _encoded_option(name, value) for name, value in policy.init_kwargs.items()},
    )
    check_policy(model, where)
    return model


def _encoded_option(name: str, value: Any) -> bytes:
    """An option as the policy gets it: of an object its UID, and nothing of its value."""
    if isinstance(value, Constant):
        return value.encoded
    rule = _object_rule(value)
    if isinstance(value, DatasetView):
        raise InvalidInput(f"The option '{name}' of a policy cannot be {_described(value)}.")
    return codec.encode(value if rule is None else rule.object_uid, name=name).to_bytes()


def _static_rules(policy: CustomInputPolicy) -> dict[str, words.Rule]:
    """What options say of the parameters of their names."""
    rules: dict[str, words.Rule] = {}
    for name, value in policy.init_kwargs.items():
        if _object_rule(value) is not None or isinstance(value, Constant):
            rules[name] = _any_rule(name, value)
        elif isinstance(value, type) and value in TYPES:
            rules[name] = words.OfType(value.__name__)
    return rules


def fit_custom(policy: words.InputPolicy, parameters: Sequence[str], function: str) -> words.InputPolicy:
    """An input policy of the author's own, with a rule for each parameter of its function.

    Args:
        policy: with rules for those of its options that could be about a parameter.
        parameters: of the function.
        function: its name, for the text.
    Raises:
        InvalidInput: an option is an object, and no parameter is called so.
    """
    for name, rule in policy.rules.items():
        if isinstance(rule, words.MustBe) and name not in parameters:
            raise InvalidInput(
                f"The input policy of '{function}' has the option '{name}', which is an object; the function takes "
                f"({', '.join(parameters)}). Call the option as the parameter that takes the object."
            )
    rules = {name: policy.rules.get(name, words.Given()) for name in parameters}
    return words.InputPolicy(kind=policy.kind, rules=rules, custom=policy.custom)


def as_input_policy(policy: Any) -> words.InputPolicy:
    """The policy that was given, or the empty one.

    Raises:
        InvalidInput: it is none, or of a kind that is not supported.
    """
    if policy is None:
        return words.InputPolicy()
    _check_made(policy)
    if isinstance(policy, CustomInputPolicy):
        custom = _custom_model(policy, CustomInputPolicy, INPUT)
        return words.InputPolicy(kind="custom", rules=_static_rules(policy), custom=custom)
    if isinstance(policy, InputPolicy):
        return policy.to_model()
    if isinstance(policy, words.InputPolicy):
        return policy
    raise InvalidInput(
        f"{type(policy).__name__} is no input policy. Use ExactMatch(...), MixedInputPolicy(...), a policy of your own "
        "(sy.CustomInputPolicy) or none."
    )


def as_output_policy(policy: Any) -> words.OutputPolicy:
    """The policy that was given, or that of a single result.

    Raises:
        InvalidInput: it is none, or of a kind that is not supported.
    """
    if policy is None:
        return words.OutputPolicy()
    _check_made(policy)
    if isinstance(policy, CustomOutputPolicy):
        # The policy decides; the number is there so that there is one.
        return words.OutputPolicy(limit=words.MANY, custom=_custom_model(policy, CustomOutputPolicy, OUTPUT))
    if isinstance(policy, OutputPolicyExecuteCount):
        return policy.to_model()
    if isinstance(policy, words.OutputPolicy):
        return policy
    raise InvalidInput(
        f"{type(policy).__name__} is no output policy. "
        "Use SingleExecutionExactOutput(), OutputPolicyExecuteCount(limit=...), OutputPolicyOncePerInputs() or a "
        "policy of your own (sy.CustomOutputPolicy)."
    )


def _check_made(policy: Any) -> None:
    if isinstance(policy, type):
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


def custom_text(policy: words.CustomPolicy) -> str:
    """A policy that its author wrote, with its options, as people read it; its text is shown beside."""
    options = ", ".join(f"{name}={_constant_text(value)}" for name, value in policy.options.items())
    return f"the policy {policy.name}({options})"


def input_text(policy: words.InputPolicy) -> str:
    """An input policy as people read it."""
    text = ", ".join(f"{name} = {rule_text(rule)}" for name, rule in policy.rules.items()) or "no inputs"
    if isinstance(policy.custom, msgspec.UnsetType):
        return text
    return f"{text}; beyond that {custom_text(policy.custom)} decides: see its code"


def output_text(policy: words.OutputPolicy) -> str:
    """An output policy as people read it."""
    most = "any number of results" if policy.limit >= words.MANY else f"at most {policy.limit} results"
    text = "one result" if policy.limit == 1 else most
    if not isinstance(policy.per_inputs, msgspec.UnsetType):
        each = "one result" if policy.per_inputs == 1 else f"{policy.per_inputs} results"
        text = f"{each} for each combination of inputs, {text} in all"
    if not isinstance(policy.custom, msgspec.UnsetType):
        decides = f"what {custom_text(policy.custom)} lets out"
        text = f"{decides if policy.limit >= words.MANY else f'{decides}, {text} in all'}: see its code"
    return text


def policy_texts(submission: words.CodeSubmission) -> list[tuple[str, str]]:
    """The texts of the policies that the author of a function wrote, each under a title."""
    return [
        (f"{where.capitalize()} {one.name}", one.source) for where, one in policies_of(submission).items()
    ]
