"""This module asks the policies of a function that is tried on mocks: here, behind the fence, as a node would.

Each try begins anew: what a policy remembers of one is not there in the next.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import Any

from syft.client import trial
from syft.code.policies import INPUT, OUTPUT, policies_of
from syft.errors import CodeFailed, InvalidInput, LimitExceeded, PolicyExhausted
from syft.model.code import CodeSubmission, Constant, CustomPolicy, Mode, MustBe
from syft.model.limits import JobLimits
from syft.model.uid import UID
from syft.policy.inputs import check_complete
from syft.policy.limits import filled
from syft.sandbox.contract import Execution, InlineInput, Status
from syft.sandbox.limits import limits_of
from syft.sandbox.policies import (
    LET_OUT,
    Called,
    Subject,
    admitted,
    admitting,
    let_out,
    letting_out,
    pieces_of,
)
from syft.wire import codec
from syft.wire.several import One, apart


class TriedPolicies:
    """The policies of one function that its author wrote; without any, everything is as it is.

    Args:
        submission: the function.
        limits: what it asks that a run of it may use.
    """

    def __init__(self, submission: CodeSubmission, limits: JobLimits) -> None:
        self._submission = submission
        self._policies = policies_of(submission)
        self._limits = limits_of(filled(limits, trial.DEFAULTS))
        self._subject = Subject(submission.name, Mode.MOCK.value)

    def admit(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What the function gets in place of these inputs.

        Raises:
            InvalidInput: the policy does not allow them.
            CodeFailed: it failed; the text has its traceback, since all it saw is the caller's own.
        """
        policy = self._policies.get(INPUT)
        if policy is None:
            return dict(inputs)
        rules = self._submission.input_policy.rules
        objects = {name: rule for name, rule in rules.items() if isinstance(rule, MustBe) and name in inputs}
        constants = frozenset(name for name, rule in rules.items() if isinstance(rule, Constant))
        called = Called(
            objects={name: rule.object_uid for name, rule in objects.items()},
            labels={name: rule.label for name, rule in objects.items()},
            values={
                name: InlineInput(codec.encode(value, name=name).to_bytes())
                for name, value in inputs.items()
                if name not in objects
            },
            fixed=constants,
            free=tuple(
                one.name
                for one in self._submission.parameters
                if one.name not in objects and one.name not in constants
            ),
        )
        question = admitting(UID().hex, policy, self._subject, called, self._limits)
        values = admitted(called, self._answer(INPUT, policy, question, pieces_of(called)))
        if values is None:
            raise InvalidInput(
                f"The input policy '{policy.name}' of '{self._submission.name}' does not allow these inputs."
            )
        given = {name: value for name, value in inputs.items() if name not in called.free}
        given |= {name: codec.decode(data) for name, data in values.items()}
        check_complete(self._submission, given)
        return given

    def let_out(self, result: Any) -> Any:
        """What would leave of a result.

        Raises:
            PolicyExhausted: nothing.
            CodeFailed: the policy failed; the text has its traceback.
        """
        policy = self._policies.get(OUTPUT)
        if policy is None:
            return result
        outputs = InlineInput(codec.encode(result).to_bytes())
        question = letting_out(UID().hex, policy, self._subject, None, outputs, self._limits, update=False)
        found = let_out(self._answer(OUTPUT, policy, question, LET_OUT))
        if found is None:
            raise PolicyExhausted(
                f"The output policy '{policy.name}' of '{self._submission.name}' lets no result out."
            )
        return codec.decode(found.output)

    def _answer(self, where: str, policy: CustomPolicy, question: Execution, count: int) -> list[One]:
        with tempfile.TemporaryFile() as result:
            outcome = trial.shared.get().run(question, result=result)
            trial.print_output(outcome)
            if outcome.status is Status.KILLED:
                raise LimitExceeded(f"The {where} '{policy.name}' was stopped: {outcome.reason}.")
            if outcome.status is not Status.FINISHED:
                said = (outcome.traceback or outcome.error_text or outcome.reason).rstrip()
                raise CodeFailed(
                    f"The {where} '{policy.name}' of '{self._submission.name}' failed (lines are counted from its "
                    f"`class`):\n{said}"
                )
            result.flush()
            result.seek(0)
            return apart(memoryview(result.read()), count)
