"""This module makes Syft functions: a Python function as data, with the policies under which it is to run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from syft.client import trial, trypolicies
from syft.client.datasets import AssetView, DatasetView
from syft.client.limits import Amount, Limits, as_limits
from syft.client.pointer import Pointer
from syft.client.policies import (
    ExactMatch,
    SingleExecutionExactOutput,
    as_input_policy,
    as_output_policy,
    fit_custom,
    input_text,
    output_text,
    policy_texts,
)
from syft.client.present import Card, Code, Shown, SyftWarning, say
from syft.code import CapturedFunction, Kind, capture
from syft.errors import InvalidInput
from syft.model.code import CodeSubmission, Constant, InputPolicy
from syft.model.limits import JobLimits, limits_text
from syft.model.pool import DEFAULT_POOL
from syft.model.uid import UID
from syft.policy.inputs import check_complete
from syft.wire import codec


class SyftFunction(Shown):
    """A function that can be submitted, and tried by calling it.

    Args:
        function: as written.
        input_policy: what it may be run on.
        output_policy: how many results may leave.
        share_results_with_owners: whether the owners of its inputs may read its results.
        pool: where it wants to run.
        name: another name for it.
        limits: what a run of it is to be allowed to use; the pool's where nothing is said.
    Raises:
        InvalidCode: it cannot be sent; says why and what to do.
        InvalidInput: its policy speaks of inputs it does not have.
    """

    is_syft_function: ClassVar[bool] = True

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        input_policy: Any = None,
        output_policy: Any = None,
        share_results_with_owners: bool = False,
        pool: str | None = None,
        name: str | None = None,
        limits: Limits | Mapping[str, Amount] | None = None,
    ) -> None:
        self.captured: CapturedFunction = capture(function, name=name)
        self.local_function = function
        for launched, one in self.captured.nested.items():
            if isinstance(one, SyftFunction) and one.submission.custom_policies:
                raise InvalidInput(
                    f"'{launched}' has a policy of its own: it is called by itself, and not launched by "
                    f"'{self.captured.name}'."
                )
        asked = as_limits(limits)
        policy, renamed = _fit(as_input_policy(input_policy), self.captured)
        self.submission: CodeSubmission = CodeSubmission(
            name=self.captured.name,
            source=self.captured.source,
            parameters=self.captured.parameters,
            uses_datasite=self.captured.uses_datasite,
            input_policy=policy,
            output_policy=as_output_policy(output_policy),
            renamed=renamed,
            nested=tuple(self.captured.nested),
            pool=pool or DEFAULT_POOL,
            share_results_with_owners=share_results_with_owners,
            limits=asked if asked.said else msgspec.UNSET,
        )
        self.__doc__ = function.__doc__
        self.__name__ = self.captured.name
        self.__signature__ = inspect.signature(function)  # what `help` and completion show

    @property
    def name(self) -> str:
        """Its name."""
        return self.submission.name

    func_name = name

    @property
    def limits(self) -> JobLimits:
        """What it asks that a run of it may use; holds for a try here, too."""
        return self.submission.asked

    @property
    def code(self) -> str:
        """Its text, as it is sent."""
        return self.submission.source

    @property
    def signature(self) -> inspect.Signature:
        """Its parameters."""
        return self.__signature__

    def __call__(self, *args: Any, syft_no_server: bool = False, **kwargs: Any) -> Any:
        """Try it on mock values on this computer; nothing is sent anywhere.

        Args:
            args: inputs in the order of the parameters.
            syft_no_server: run it plainly in this process and return the value itself: for debuggers.
            kwargs: inputs by name: assets, of which the mock is taken, or values.
        Returns:
            A pointer; `.get()` gives the value.
        Raises:
            CodeFailed: it raised; the text has its traceback.
            InvalidInput: inputs that it does not take.
        """
        inputs = {name: _mock_of(name, value) for name, value in self._bind(args, kwargs).items()}
        if syft_no_server:
            say(SyftWarning("The result you see is computed on MOCK data."))
            if self.captured.uses_datasite:
                inputs["datasite"] = trial.LocalDatasite()
            return self.local_function(**inputs)
        return Pointer.to_value(self._tried(inputs), note="computed on mock values")

    def _tried(self, inputs: dict[str, Any]) -> Any:
        """What a try comes to, with the policies of its author's own as they would be asked by a node."""
        policies = trypolicies.TriedPolicies(self.submission, self.limits)
        return policies.let_out(trial.try_function(self, policies.admit(inputs)))

    def _bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs by parameter, constants filled in.

        Raises:
            InvalidInput: too many, unknown, given twice, or missing.
        """
        inputs = bind_names(self.submission, args, kwargs)
        for name, rule in self.submission.input_policy.rules.items():
            if isinstance(rule, Constant):
                inputs[name] = codec.decode(rule.value)
        check_complete(self.submission, inputs, is_final=False)
        return inputs

    def _card(self) -> Card:
        submission = self.submission
        facts: list[tuple[str, object]] = [
            ("Input policy", input_text(submission.input_policy)),
            ("Output policy", output_text(submission.output_policy)),
        ]
        if submission.asked.said:
            facts.append(("Asks for", limits_text(submission.asked)))
        if submission.nested:
            facts.append(("Launches", ", ".join(submission.nested)))
        texts = [(title, Code(text)) for title, text in policy_texts(submission)]
        return Card(f"Syft function {submission.name}", facts, [("", Code(submission.source)), *texts])


SubmitUserCode = SyftFunction


def syft_function(
    input_policy: Any = None,
    output_policy: Any = None,
    share_results_with_owners: bool = False,
    worker_pool_name: str | None = None,
    name: str | None = None,
    limits: Limits | Mapping[str, Amount] | None = None,
) -> Any:
    """Turn the function below it into a Syft function.

    Args:
        input_policy: what it may be run on; nothing when left out.
        output_policy: how many results may leave; one when left out.
        share_results_with_owners: whether the owners of its inputs may read its results.
        worker_pool_name: where it is to run: one of `client.worker_pools`.
        name: another name for it.
        limits: what a run of it is to be allowed to use: `sy.Limits(memory="2 GiB", wall="10 min")`.
    Returns:
        A decorator that gives a `SyftFunction`.
    """
    if inspect.isfunction(input_policy):  # written without brackets: `@sy.syft_function`
        return _make(input_policy)

    def decorate(function: Callable[..., Any]) -> SyftFunction:
        return _make(
            function,
            input_policy=input_policy,
            output_policy=output_policy,
            share_results_with_owners=share_results_with_owners,
            pool=worker_pool_name,
            name=name,
            limits=limits,
        )

    return decorate


def syft_function_single_use(
    *,
    share_results_with_owners: bool = False,
    worker_pool_name: str | None = None,
    limits: Limits | Mapping[str, Amount] | None = None,
    **inputs: AssetView | Pointer | UID,
) -> Callable[[Callable[..., Any]], SyftFunction]:
    """Turn the function below it into a Syft function that runs on exactly these inputs and answers once.

    Args:
        share_results_with_owners: whether the owners of its inputs may read its results.
        worker_pool_name: where it is to run: one of `client.worker_pools`.
        limits: what a run of it is to be allowed to use: `sy.Limits(memory="2 GiB", wall="10 min")`.
        inputs: by parameter: an asset, a pointer or a UID.
    Returns:
        A decorator that gives a `SyftFunction`.
    Raises:
        InvalidInput: limits that cannot be read.
    """
    if isinstance(limits, AssetView | Pointer | UID):
        raise InvalidInput(
            "`limits` says what a run may use. For an input of that name write "
            "@sy.syft_function(input_policy=sy.ExactMatch(limits=...), "
            "output_policy=sy.SingleExecutionExactOutput())."
        )

    def decorate(function: Callable[..., Any]) -> SyftFunction:
        return _make(
            function,
            input_policy=ExactMatch(**inputs),
            output_policy=SingleExecutionExactOutput(),
            share_results_with_owners=share_results_with_owners,
            pool=worker_pool_name,
            limits=limits,
        )

    return decorate


def _make(function: Callable[..., Any], **options: Any) -> SyftFunction:
    """Make it, and tell its author what a node would say."""
    made = SyftFunction(function, **options)
    captured = made.captured
    trial.shared.warm()
    say(
        f"Syft function '{made.name}' successfully created. To ask for its approval, use "
        f"`client.code.request_code_execution({made.name})`."
    )
    told = [finding for finding in captured.findings if finding.kind in (Kind.OUTSIDE_NAME, Kind.DECORATOR)]
    if told:
        lines = "".join(f"\n  line {captured.author_line(one.line)}: {one.text}" for one in told)
        outcome = "a node will refuse it" if captured.outside_names else "look whether that is meant"
        say(SyftWarning(f"'{made.name}' does not stand alone; {outcome}:{lines}"))
    for given, parameter in made.submission.renamed.items():
        say(
            SyftWarning(
                f"The input policy of '{made.name}' names '{given}', but the function's parameter is '{parameter}'. "
                f"Only one reading is possible, so '{given}' is taken to mean '{parameter}', for you and for the "
                f"reviewer. To say it yourself, name the input '{parameter}' in the policy."
            )
        )
    return made


def _fit(policy: InputPolicy, captured: CapturedFunction) -> tuple[InputPolicy, dict[str, str]]:
    """The policy in terms of the function's parameters, and which names were changed for that.

    Raises:
        InvalidInput: it names inputs that the function does not have, and more than one reading is possible.
    """
    parameters = [parameter.name for parameter in captured.parameters]
    if not isinstance(policy.custom, msgspec.UnsetType):
        return fit_custom(policy, parameters, captured.name), {}
    unknown = [name for name in policy.rules if name not in parameters]
    if not unknown:
        return policy, {}
    without_rule = [name for name in parameters if name not in policy.rules]
    if len(unknown) == len(without_rule) == 1:
        renamed = {unknown[0]: without_rule[0]}
        rules = {renamed.get(name, name): rule for name, rule in policy.rules.items()}
        return msgspec.structs.replace(policy, rules=rules), renamed
    raise InvalidInput(
        f"The input policy of '{captured.name}' names {', '.join(map(repr, unknown))}, but the function takes "
        f"({', '.join(parameters)}). Use the parameters' names in the policy."
    )


def bind_names(
    submission: CodeSubmission, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Inputs by the names of the parameters, as a call gives them.

    Args:
        submission: the function.
        args: in the order of the parameters.
        kwargs: by parameter, or by the policy's name for it.
    Raises:
        InvalidInput: too many, unknown, or given twice.
    """
    names = [parameter.name for parameter in submission.parameters]
    signature = f"({', '.join(names)})"
    if len(args) > len(names):
        raise InvalidInput(f"'{submission.name}' takes {signature}; {len(args)} inputs are too many.")
    inputs = dict(zip(names, args, strict=False))
    for given, value in kwargs.items():
        name = given if given in names else submission.renamed.get(given, given)
        if name not in names:
            raise InvalidInput(
                f"Invalid parameter: `{given}`\nValid parameter: {names}\n"
                f"Please provide the correct arguments to the method according to the following signature:\n{signature}"
            )
        if name in inputs:
            raise InvalidInput(f"'{submission.name}' got '{name}' twice.")
        inputs[name] = value
    return inputs


def _mock_of(name: str, value: Any) -> Any:
    """The value that a try runs on.

    Raises:
        InvalidInput: there is none.
    """
    if isinstance(value, AssetView):
        if not value.has_mock:
            raise InvalidInput(f"Asset '{value.name}' has no mock; pass a value of your own for '{name}'.")
        return value.mock
    if isinstance(value, Pointer):
        return value.get()
    if isinstance(value, DatasetView):
        raise InvalidInput(f"'{name}' takes one asset, not a whole dataset: choose one of `dataset.assets`.")
    return value
