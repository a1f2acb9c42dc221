"""This module decides whether a code may be run on what a caller names, and says what each parameter gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from blake3 import blake3

from syft.errors import DecodeError, InvalidInput, TooLarge
from syft.model.code import CodeSubmission, Constant, Given, Handed, MustBe, OfType
from syft.model.job import Argument, BoundArgument, ObjectArgument, StoredArgument, ValueArgument
from syft.model.object import ValueRef
from syft.wire.codec import encode
from syft.wire.plain import Plain


def by_parameter(submission: CodeSubmission, arguments: Mapping[str, Argument]) -> dict[str, Argument]:
    """The arguments under the names of the function's parameters.

    Args:
        submission: the function.
        arguments: under the parameters' names, or under those of the policy's inputs where
            `submission.renamed` says which parameter is meant.
    Raises:
        InvalidInput: a name that is neither, or one parameter given twice.
    """
    known = {parameter.name for parameter in submission.parameters}
    named: dict[str, Argument] = {}
    for name, argument in arguments.items():
        parameter = name if name in known else submission.renamed.get(name, name)
        if parameter not in known:
            raise InvalidInput(
                f"'{submission.name}' has no parameter '{name}'. It takes ({', '.join(sorted(known))})."
            )
        if parameter in named:
            raise InvalidInput(f"'{submission.name}' got '{parameter}' twice.")
        named[parameter] = argument
    return named


def check_complete(
    submission: CodeSubmission, arguments: Mapping[str, object], *, is_final: bool = True
) -> None:
    """Raise unless every parameter without a default has an argument.

    Args:
        submission: the function.
        arguments: by parameter name.
        is_final: whether the code gets just these; else a policy of its author's own is still to be asked, which may
            fill in more.
    Raises:
        InvalidInput: one is missing; the text names it.
    """
    to_fill = () if is_final else _left_to_policy(submission)
    for parameter in submission.parameters:
        if not parameter.has_default and parameter.name not in arguments and parameter.name not in to_fill:
            raise InvalidInput(f"Function missing required keyword argument: '{parameter.name}'.")


def never_given(submission: CodeSubmission) -> list[str]:
    """The parameters that a call has to give and that the input policy allows no value for: it cannot be called."""
    policy = submission.input_policy
    if not isinstance(policy.custom, msgspec.UnsetType):
        return []
    return [one.name for one in submission.parameters if not one.has_default and one.name not in policy.rules]


def bind(submission: CodeSubmission, arguments: Mapping[str, Argument]) -> dict[str, Argument]:
    """What each parameter gets, if the input policy allows exactly that.

    Asked twice: when a call comes in, and again when its job runs, on what is stored then.

    Args:
        submission: the function, with its policy.
        arguments: by parameter name (`by_parameter`).
    Returns:
        The arguments, with the policy's constants filled in. What other steps hand over is not among them.
    Raises:
        InvalidInput: an object that is not the approved one, a value where an object is due or the other way
            round, a constant that was passed, a parameter without a rule, or one that is missing.
    """
    bound: dict[str, Argument] = {}
    rules = submission.input_policy.rules
    for name, argument in arguments.items():
        rule = rules.get(name)
        if rule is None:
            # Deny by default: a parameter that the policy does not speak of takes nothing.
            raise InvalidInput(f"The input policy of '{submission.name}' allows no value for '{name}'.")
        if isinstance(rule, Constant):
            raise InvalidInput(f"'{name}' is a constant of the approved request; leave it out.")
        if isinstance(rule, Handed):
            raise InvalidInput(f"'{name}' takes what another step of the protocol hands over; leave it out.")
        if isinstance(rule, MustBe):
            if not isinstance(argument, ObjectArgument) or argument.object_uid != rule.object_uid:
                given = argument.object_uid.hex if isinstance(argument, ObjectArgument) else "a value"
                raise InvalidInput(
                    f"Input '{given}' for '{name}' is not in the allowed inputs: "
                    f"the request was for {rule.label or rule.object_uid.hex}."
                )
        elif isinstance(rule, OfType) and not isinstance(argument, ValueArgument):
            raise InvalidInput(f"'{name}' takes a {rule.type_name} of your own, not an object of this node.")
        elif isinstance(rule, Given) and not isinstance(argument, ValueArgument):
            raise InvalidInput(f"'{name}' takes a value of your own, not an object of this node.")
        bound[name] = argument
    for name, rule in rules.items():
        if isinstance(rule, Constant):
            bound[name] = ValueArgument(value=rule.value)
    handed = {name: rule for name, rule in rules.items() if isinstance(rule, Handed)}
    check_complete(submission, {**bound, **handed}, is_final=False)
    return bound


def _left_to_policy(submission: CodeSubmission) -> frozenset[str]:
    """The parameters that a policy of the author's own may still fill in: never one that takes an object."""
    policy = submission.input_policy
    if isinstance(policy.custom, msgspec.UnsetType):
        return frozenset()
    return frozenset(name for name, rule in policy.rules.items() if isinstance(rule, Given | OfType))


def check_bound(
    submission: CodeSubmission,
    bound: Mapping[str, BoundArgument],
    type_of: Callable[[ValueRef], str],
    *,
    is_final: bool = True,
) -> None:
    """Raise unless the arguments as they are kept are what the policy allows: asked when a job is queued and run.

    Args:
        submission: the function, with its policy.
        bound: by parameter name, as the node keeps them for the job.
        type_of: the built-in type of a kept value, told without decoding it.
        is_final: whether the code gets just that; else a policy of the author's own is still to be asked, which may
            fill in more.
    Raises:
        InvalidInput: another object, constant or type, or a parameter too many or too few.
    """
    rules = submission.input_policy.rules
    for name, argument in bound.items():
        match rules.get(name), argument:
            case MustBe(object_uid=uid), ObjectArgument(object_uid=given) if uid == given:
                continue
            case Constant(value=value), StoredArgument(value=kept) if _digest(value) == kept.digest:
                continue
            case Given() | Handed(), StoredArgument():
                continue
            case OfType(type_name=wanted), StoredArgument(value=kept):
                found = type_of(kept)
                if found != wanted:
                    raise InvalidInput(f"'{name}' takes a value of type {wanted}; this is {found}.")
            case _:
                raise InvalidInput(f"'{name}' of '{submission.name}' is not what its input policy allows.")
    check_complete(submission, bound, is_final=is_final)


def inputs_key(arguments: Mapping[str, BoundArgument], plain_of: Callable[[ValueRef], Plain]) -> str:
    """The digest of what a run is on: the same objects and the same values have the same key.

    Args:
        arguments: by parameter name.
        plain_of: what can be told of a kept value without more than that being made of it.
    """
    lines = [f"{name}={_argument_key(one, plain_of)}" for name, one in sorted(arguments.items())]
    return blake3("\n".join(lines).encode()).hexdigest()


def _argument_key(argument: BoundArgument, plain_of: Callable[[ValueRef], Plain]) -> str:
    """The UID of an object; the digest of a value: of a number, text or truth value as we would write it.

    The bytes are the caller's, who can write a number in many ways: each would draw anew where a policy lets one
    result out for the same inputs. Of a list, nothing but its length can be approved, so that the caller can give
    another as easily as other bytes of this one; a policy of the author's own gives back what was written anew.
    """
    if isinstance(argument, ObjectArgument):
        return argument.object_uid.hex
    value = argument.value
    try:
        found = plain_of(value)
    except (DecodeError, TooLarge):
        return value.digest
    if found.value is None and found.type_name != type(None).__name__:
        return value.digest
    # Both zeros are one: they compare as equal.
    return _digest(encode(0.0 if type(found.value) is float and not found.value else found.value).to_bytes())


def _digest(data: bytes) -> str:
    return blake3(data).hexdigest()


def can_bind(submission: CodeSubmission, arguments: Mapping[str, Argument]) -> bool:
    """Whether `bind` would accept these arguments."""
    try:
        bind(submission, arguments)
    except InvalidInput:
        return False
    return True
