"""This module puts protocols together: steps at roles, and where each of their parameters comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from syft.client.assets import Asset
from syft.client.datasets import AssetView
from syft.client.plans import Plan, submission_of
from syft.client.pointer import Pointer
from syft.errors import InvalidInput
from syft.model import protocol as words
from syft.model.code import (
    CodeSubmission,
    Constant,
    Given,
    Handed,
    InputPolicy,
    MustBe,
    OfType,
    Rule,
)
from syft.model.uid import UID
from syft.wire import codec

_NOTHING: Final = object()


@dataclass(frozen=True)
class Output:
    """One of the values that a step returns.

    Args:
        step: whose.
        number: which, from 0.
    """

    step: Step
    number: int


class Step:
    """One step of a protocol: code at a role.

    What a parameter gets is given by name: another step, or `step[i]` for one of its several results; an asset or
    pointer at the role's site; any other value, as a constant that owners read. A parameter that is not spoken of is
    passed by whoever runs the protocol, under its name.

    Args:
        role: a name for the site.
        code: a plan or a Syft function.
        inputs: by parameter.
    Raises:
        InvalidInput: no such code, or no such parameter.
    """

    def __init__(self, role: str, code: Any, /, **inputs: Any) -> None:
        self.role = role
        self.code = code
        self.inputs = inputs
        submission = code if isinstance(code, CodeSubmission) else submission_of(code)
        known = [parameter.name for parameter in submission.parameters]
        unknown = [name for name in inputs if name not in known]
        if unknown:
            raise InvalidInput(
                f"'{submission.name}' has no parameter {', '.join(map(repr, unknown))}; it takes ({', '.join(known)})."
            )
        self.submission = submission
        self.optional = set(code.defaults) if isinstance(code, Plan) else set()
        self.optional |= {parameter.name for parameter in submission.parameters if parameter.has_default}

    def __getitem__(self, number: int) -> Output:
        if type(number) is not int or number < 0:
            raise InvalidInput("A step's results are counted from 0: `step[0]`, `step[1]`.")
        return Output(self, number)

    # Without this, `for x in step` would go on for ever.
    __iter__ = None

    def __repr__(self) -> str:
        return f"<Step {self.submission.name} at {self.role}>"


def chain(pairs: Iterable[tuple[str, Any]], *, after: Step | None = None) -> list[Step]:
    """Steps in a row: what the one before returns is what the next one takes, in order.

    Args:
        pairs: role and code.
        after: the step before them.
    Raises:
        InvalidInput: one returns another number of values than the next one takes.
    """
    steps: list[Step] = []
    for role, code in pairs:
        step = Step(role, code)
        before = steps[-1] if steps else after
        if before is not None:
            step.inputs.update(_taken_from(before, step))
        steps.append(step)
    return steps


def _taken_from(before: Step, step: Step) -> dict[str, Any]:
    """What each parameter of a step gets of what the one before it returns."""
    free = [one for one in step.submission.parameters if one.name not in step.submission.input_policy.rules]
    needed = [one for one in free if one.name not in step.optional]
    returned = _count_outputs(before.submission)
    for takers in (free, needed):
        if len(takers) == 1 and returned in (1, None):
            return {takers[0].name: before}
        if takers and returned in (len(takers), None):
            return {one.name: before[number] for number, one in enumerate(takers)}
    raise InvalidInput(
        f"'{before.submission.name}' returns {returned} values, but '{step.submission.name}' takes "
        f"({', '.join(one.name for one in free)}). Say which goes where with `sy.Step`."
    )


def _count_outputs(submission: CodeSubmission) -> int | None:
    """How many values it returns; None where that is not known before it runs."""
    plan = submission.plan
    if isinstance(plan, msgspec.UnsetType):
        return None
    return len(plan.outputs)


def with_sources(plans: Iterable[Any]) -> list[Any]:
    """Before each step those that it takes values from, where they are not there yet; each once, all else as it is."""
    found: list[Any] = []
    there: set[int] = set()

    def add(step: Step) -> None:
        if id(step) in there:
            return
        there.add(id(step))
        for value in step.inputs.values():
            if isinstance(value, Step | Output):
                add(value if isinstance(value, Step) else value.step)
        found.append(step)

    for one in plans:
        if isinstance(one, Step):
            add(one)
        else:
            found.append(one)
    return found


def design(
    steps: Sequence[Step], *, name: str = "", tags: Iterable[str] = (), description: str = ""
) -> words.Protocol:
    """The protocol as data.

    Raises:
        InvalidInput: a step takes a value from one that is not there before it.
    """
    numbers = {id(step): number for number, step in enumerate(steps)}
    return words.Protocol(
        name=name,
        steps=tuple(_as_data(step, numbers) for step in steps),
        tags=tuple(tags),
        description=description,
    )


def _as_data(step: Step, numbers: Mapping[int, int]) -> words.ProtocolStep:
    wires: dict[str, words.Wire] = {}
    rules: dict[str, Rule] = dict(step.submission.input_policy.rules)
    for parameter in step.submission.parameters:
        value = step.inputs.get(parameter.name, _NOTHING)
        known = rules.get(parameter.name)
        if isinstance(value, Step | Output):
            source = value if isinstance(value, Step) else value.step
            if id(source) not in numbers:
                raise InvalidInput(
                    f"{step!r} takes a value from {source!r}, which is no step of this protocol."
                )
            output = value.number if isinstance(value, Output) else None
            wires[parameter.name] = words.FromStep(numbers[id(source)], output)
            rules[parameter.name] = Handed()
        elif value is not _NOTHING:
            rules[parameter.name] = _fixed(value)
        elif known is None or isinstance(known, OfType | Given):
            wires[parameter.name] = words.FromRun(parameter.name)
            rules[parameter.name] = known or Given()
    kind = "mixed" if rules else "empty"
    if step.submission.custom_policies:
        raise InvalidInput(
            f"'{step.submission.name}' has a policy of its author's own: it cannot be a step of a protocol, whose "
            "results go on to other sites."
        )
    code = msgspec.structs.replace(
        step.submission, input_policy=InputPolicy(kind=kind, rules=rules), renamed={}
    )
    return words.ProtocolStep(role=step.role, code=code, wires=wires)


def _fixed(value: Any) -> Rule:
    if isinstance(value, AssetView):
        return MustBe(value.action_id, value.label)
    if isinstance(value, Pointer):
        return MustBe(value.id)
    if isinstance(value, UID):
        return MustBe(value)
    if isinstance(value, Asset):
        raise InvalidInput(
            "This asset is not on a node yet: upload its dataset, and use `client.datasets[...].assets[...]`."
        )
    return Constant(codec.encode(value).to_bytes())


def fixed_at(protocol: words.Protocol, bind: Mapping[str, Mapping[str, Any]]) -> words.Protocol:
    """The protocol with more of its parameters fixed.

    Args:
        protocol: as it was put together.
        bind: by role and parameter: an asset or pointer at that site, or a constant. It holds for every step of the
            role that has such a parameter.
    Raises:
        InvalidInput: no such role, or no step of it has such a parameter to be passed.
    """
    steps = list(protocol.steps)
    for role, values in bind.items():
        for parameter, value in values.items():
            rule, fits = _fixed(value), False
            for number, step in enumerate(steps):
                if step.role == role and isinstance(step.wires.get(parameter), words.FromRun):
                    fits = True
                    policy = InputPolicy(kind="mixed", rules=step.code.input_policy.rules | {parameter: rule})
                    code = msgspec.structs.replace(step.code, input_policy=policy)
                    wires = {name: wire for name, wire in step.wires.items() if name != parameter}
                    steps[number] = msgspec.structs.replace(step, code=code, wires=wires)
            if not fits:
                raise InvalidInput(
                    f"No step at '{role}' has a parameter '{parameter}' that is passed when the protocol is run."
                )
    return msgspec.structs.replace(protocol, steps=tuple(steps))


def with_runs(protocol: words.Protocol, runs: int) -> words.Protocol:
    """The protocol whose every step asks for that many results, where it asked for one.

    Args:
        protocol: as it was put together.
        runs: how often it is to be run.
    Raises:
        InvalidInput: not at least once.
    """
    if type(runs) is not int or runs < 1:
        raise InvalidInput("A protocol is deployed for a number of runs, 1 or more.")
    steps = tuple(
        msgspec.structs.replace(
            step,
            code=msgspec.structs.replace(
                step.code,
                output_policy=msgspec.structs.replace(
                    step.code.output_policy, limit=max(runs, step.code.output_policy.limit)
                ),
            ),
        )
        for step in protocol.steps
    )
    return msgspec.structs.replace(protocol, steps=steps)


def argument_names(protocol: words.Protocol) -> tuple[str, ...]:
    """What whoever runs it passes, in the order in which the steps name it."""
    names = (
        wire.name
        for step in protocol.steps
        for parameter in step.code.parameters
        if isinstance(wire := step.wires.get(parameter.name), words.FromRun)
    )
    return tuple(dict.fromkeys(names))


def bind_arguments(
    protocol: words.Protocol,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    defaults: Mapping[str, Any],
) -> dict[str, Any]:
    """The values of a run by name.

    Args:
        protocol: the steps.
        args: in the order in which the steps name them.
        kwargs: by name.
        defaults: of those that need not be passed, as far as they are known here.
    Raises:
        TypeError: too many, unknown, given twice, or missing: nobody's earlier values are taken in their place.
    """
    names = argument_names(protocol)
    takes = f"It takes ({', '.join(names)})."
    if len(args) > len(names):
        raise TypeError(f"This protocol was given {len(args)} values; that is too many. {takes}")
    bound = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name not in names:
            raise TypeError(f"This protocol takes no '{name}'. {takes}")
        if name in bound:
            raise TypeError(f"This protocol was given '{name}' twice. {takes}")
        bound[name] = value
    for name in names:
        if name not in bound and name in defaults:
            bound[name] = defaults[name]
    missing = [name for name in names if name not in bound and name not in _optional(protocol)]
    if missing:
        raise TypeError(f"This protocol was not given {', '.join(map(repr, missing))}. {takes}")
    return bound


def _optional(protocol: words.Protocol) -> frozenset[str]:
    """What need not be passed: no step that takes it is without a default for it."""
    needed = {
        wire.name
        for step in protocol.steps
        for parameter in step.code.parameters
        if isinstance(wire := step.wires.get(parameter.name), words.FromRun) and not parameter.has_default
    }
    return frozenset(argument_names(protocol)) - needed
