"""This module tries a whole protocol on this computer, on mocks: each step fenced as a run at its site would be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from syft.client import trial
from syft.client.objects import fetch
from syft.client.session import Session
from syft.code import CapturedFunction
from syft.errors import CodeFailed, InvalidInput
from syft.federation.run import drive, last_steps
from syft.model.code import CodeSubmission, Constant, MustBe, Parameter
from syft.model.limits import JobLimits
from syft.model.object import Face
from syft.model.protocol import FromRun, FromStep, Protocol
from syft.model.uid import UID
from syft.wire import codec

# A plan is data, and a stranger's all the same: a few of its steps can ask for all the memory that there is.
_COMPUTE: Final = """\
def {name}(plan, values):
    from syft.ops.plans import run_plan
    from syft.wire.codec import decode
    results = run_plan(plan, values, [decode(one) for one in plan.state])
    return results[0] if plan.single else results
"""


@dataclass(frozen=True)
class _Submitted:
    """A function of which there is the text only, as `trial` takes one."""

    submission: CodeSubmission

    @property
    def captured(self) -> CapturedFunction:
        """Its text; what it launches is not there."""
        code = self.submission
        return CapturedFunction(
            source=code.source,
            name=code.name,
            parameters=code.parameters,
            uses_datasite=code.uses_datasite,
            nested={},
            findings=(),
            file="",
            first_line=1,
        )

    @property
    def limits(self) -> JobLimits:
        """What it asks for."""
        return self.submission.asked


def rehearse(
    protocol: Protocol,
    arguments: Mapping[str, Any],
    assets: Mapping[UID, Any],
    sessions: Mapping[str, Session],
) -> list[Any]:
    """Run every step here; what the last ones return.

    Args:
        protocol: the steps.
        arguments: of the run, by name.
        assets: that steps are bound to, by UID, as far as they are known here: each knows its mock.
        sessions: by role, where others' mocks can be asked for.
    Raises:
        StepFailed: one did not end well; the text has its error in full.
    """
    results: dict[int, Any] = {}

    def run_step(number: int) -> None:
        step = protocol.steps[number]
        inputs: dict[str, Any] = {}
        for parameter in step.code.parameters:
            wire, rule = step.wires.get(parameter.name), step.code.input_policy.rules.get(parameter.name)
            if isinstance(wire, FromRun):
                if wire.name in arguments:
                    inputs[parameter.name] = arguments[wire.name]
            elif isinstance(wire, FromStep):
                inputs[parameter.name] = _output(results[wire.step], wire)
            elif isinstance(rule, Constant):
                inputs[parameter.name] = codec.decode(rule.value)
            elif isinstance(rule, MustBe):
                inputs[parameter.name] = _mock(rule, assets, sessions.get(step.role))
        results[number] = _tried(step.code, inputs)

    drive(protocol, run_step, [step.role for step in protocol.steps])
    return [results[number] for number in last_steps(protocol)]


def _tried(code: CodeSubmission, inputs: Mapping[str, Any]) -> Any:
    if isinstance(code.plan, msgspec.UnsetType):
        return trial.try_function(_Submitted(code), dict(inputs))
    plan = code.plan
    computing = msgspec.structs.replace(
        code,
        source=_COMPUTE.format(name=code.name),
        parameters=(Parameter(name="plan"), Parameter(name="values")),
        plan=msgspec.UNSET,
    )
    values = [inputs[name] for name in plan.inputs]
    return trial.try_function(_Submitted(computing), {"plan": plan, "values": values})


def _output(result: Any, wire: FromStep) -> Any:
    """What goes over a wire.

    Raises:
        CodeFailed: the step did not return so many values.
    """
    if wire.output is None:
        return result
    if not isinstance(result, tuple | list) or wire.output >= len(result):
        raise CodeFailed(
            f"Step {wire.step + 1} did not return a tuple with a value number {wire.output + 1}."
        )
    return result[wire.output]


def _mock(rule: MustBe, assets: Mapping[UID, Any], session: Session | None) -> Any:
    """The mock of what a step is bound to.

    Raises:
        InvalidInput: nobody here knows where it is.
    """
    if rule.object_uid in assets:
        return assets[rule.object_uid].mock
    if session is None:
        name = rule.label or rule.object_uid.hex
        raise InvalidInput(f"The mock of {name} is at its site: deploy the protocol first.")
    return fetch(session, rule.object_uid, Face.MOCK).value
