"""This module shows a function that a node keeps, and calls it there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from syft.client import trial
from syft.client.datasets import AssetView, DatasetView
from syft.client.following import SHORT_S
from syft.client.function import bind_names
from syft.client.jobs import Job, Jobs
from syft.client.limits import Limits
from syft.client.objects import as_argument, fetch
from syft.client.pointer import Pointer
from syft.client.policies import input_text, output_text, policy_texts
from syft.client.present import Block, Card, Code, Shown, Text, somebody_looks, when
from syft.client.session import Session
from syft.client.waiting import WAIT_S
from syft.code import CapturedFunction
from syft.errors import InvalidInput, InvalidState
from syft.model.code import CodeSubmission, Constant, InputPolicy, MustBe, OutputPolicy
from syft.model.job import Argument, ObjectArgument
from syft.model.limits import limits_text
from syft.model.messages.codes import CodeReply, CodeView, GetCode
from syft.model.messages.jobs import CallCode, JobReply
from syft.model.messages.policies import GetPolicyState, PolicyStateReply
from syft.model.request import RequestState
from syft.model.uid import UID
from syft.wire import codec


class UserCode(Shown):
    """A function at a node. Calling it runs it there.

    Args:
        session: through which to call it.
        view: what the node says of it.
        request_uid: of the request by which one came to it; None where one did not.
    """

    def __init__(self, session: Session, view: CodeView, request_uid: UID | None = None) -> None:
        self._session = session
        self._view = view
        self._request_uid = request_uid
        self.__name__ = view.submission.name

    @property
    def id(self) -> UID:
        """Its UID."""
        return self._view.uid

    @property
    def name(self) -> str:
        """By which its author calls it."""
        return self._view.submission.name

    service_func_name = name

    @property
    def version(self) -> int:
        """Among its author's functions of this name, from 1."""
        return self._view.version

    @property
    def digest(self) -> str:
        """Of everything about it; what an approval is for."""
        return self._view.digest

    @property
    def submission(self) -> CodeSubmission:
        """The function as its author handed it in."""
        return self._view.submission

    @property
    def raw_code(self) -> str:
        """Its text."""
        return self._view.submission.source

    @property
    def show_code(self) -> Card:
        """Its text, for reading."""
        return Card(self.name, [], [("", Code(self.raw_code))])

    @property
    def findings(self) -> tuple[str, ...]:
        """What a reviewer should look at."""
        return self._view.findings

    @property
    def input_policy(self) -> InputPolicy:
        """What it may be run on."""
        return self._view.submission.input_policy

    @property
    def output_policy(self) -> OutputPolicy:
        """How many results may leave."""
        return self._view.submission.output_policy

    @property
    def output_policy_state(self) -> Any:
        """What its output policy shows of what it remembers under that request: `request.code.output_policy_state`.

        Raises:
            InvalidInput: this came from no request; each approval has a state of its own.
            AuthorizationException: it is for the owner of the data and for administrators.
        """
        if self._request_uid is None:
            raise InvalidInput(
                "What a policy remembers belongs to one approval. Ask the request: `client.requests[...].policy_state`."
            )
        return policy_state(self._session, self._request_uid)

    @property
    def limits(self) -> Limits:
        """What its author asks that a run of it may use; the rest is as its worker pool says."""
        return Limits.of(self._view.submission.asked)

    @property
    def worker_pool_name(self) -> str:
        """Where it runs."""
        return self._view.submission.pool

    @property
    def author(self) -> str:
        """Name and e-mail of who wrote it."""
        return f"{self._view.author.name} ({self._view.author.email})"

    @property
    def submit_time(self) -> datetime:
        """When it came, in UTC."""
        return self._view.created_at

    @property
    def status(self) -> RequestState | None:
        """Where its latest request stands now; None when nobody was asked."""
        self._view = self._session.ask(GetCode(uid=self.id), CodeReply).code
        return self._view.status

    @property
    def jobs(self) -> Jobs:
        """Its runs."""
        return Jobs(self._session, self.id)

    def __call__(self, *args: Any, blocking: bool = True, **kwargs: Any) -> Any:
        """Run it at the node.

        Args:
            args: inputs in the order of the parameters.
            blocking: wait for the end.
            kwargs: inputs by name: assets for a run on the real data, values of your own for a try.
        Returns:
            A pointer to the result; `.get()` gives the value. With `blocking=False` the job.
        Raises:
            NotApproved: nobody has approved it yet.
            Denied: it was denied; the text has the reason.
            PolicyExhausted: it was used as often as it was approved for.
            CodeFailed: it raised.
            InvalidInput: inputs that it does not take.
        """
        inputs = bind_names(self._view.submission, args, kwargs)
        arguments = {name: _argument(self._session, name, value) for name, value in inputs.items()}
        # Where it may say how far it is and somebody looks, the waiting with its bar is the job's own.
        bar = self._view.submission.uses_datasite and somebody_looks()
        wait_s = (SHORT_S if bar else WAIT_S) if blocking else 0.0
        message = CallCode(arguments, code_uid=self.id, wait_s=wait_s)
        job = Job(self._session, self._session.ask(message, JobReply).job)
        return job.wait() if blocking else job

    def run(self, *args: Any, **kwargs: Any) -> Pointer:
        """Run it on this computer, behind the fence: for an owner who looks at it, or answers by hand.

        What it asks for is taken from the node, as far as you may read it: the real values, where you do not pass
        others, such as `asset.mock`. What it prints is printed here. Nothing of it is told to its author; hand the
        result over with `request.deposit_result(...)`.

        Args:
            args: inputs in the order of the parameters.
            kwargs: inputs by name: assets, of which the real value is taken, or values.
        Returns:
            A pointer; `.get()` gives the value.
        Raises:
            NotFound: an input that you may not read.
            InvalidState: this computer has no fence for it, or it is nothing that can be run by itself.
            CodeFailed: it raised; the text has its traceback.
        """
        submission = self._view.submission
        if submission.nested or not isinstance(submission.plan, msgspec.UnsetType):
            raise InvalidState(
                f"'{self.name}' launches other functions, or is a traced plan: it runs at the node only. Approve it, "
                "with a review of its result."
            )
        inputs = bind_names(submission, args, kwargs)
        for name, rule in submission.input_policy.rules.items():
            if isinstance(rule, Constant):
                inputs[name] = codec.decode(rule.value)
            elif isinstance(rule, MustBe) and name not in inputs:
                inputs[name] = rule.object_uid
        given = {name: _real_value(self._session, value) for name, value in inputs.items()}
        return Pointer.to_value(trial.run_strangers(_Strangers(submission), given), note="computed here")

    def row(self) -> Mapping[str, object]:
        """Its line in a list."""
        submission = self._view.submission
        return {
            "id": self.id.hex,
            "Input Policy": input_text(submission.input_policy),
            "Output Policy": output_text(submission.output_policy),
            "Function name": submission.name,
            "Version": self.version,
            "Author": self._view.author.name,
            "Status": status_text(self._view.status),
            "Submit time": when(self._view.created_at),
        }

    def _card(self) -> Card:
        view = self._view
        submission = view.submission
        facts: list[tuple[str, object]] = [
            ("id", view.uid.hex),
            ("Author", self.author),
            ("Version", view.version),
            ("Status", status_text(view.status)),
            ("Input policy", input_text(submission.input_policy)),
            ("Output policy", output_text(submission.output_policy)),
        ]
        if submission.asked.said:
            facts.append(("Asks for", limits_text(submission.asked)))
        if view.status_reason:
            facts.append(("Reason", view.status_reason))
        if submission.share_results_with_owners:
            facts.append(("Results", "shared with the owners of its inputs"))
        if submission.nested:
            facts.append(("Launches", ", ".join(submission.nested)))
        for given, parameter in submission.renamed.items():
            facts.append(
                (
                    "Note",
                    f"its policy calls the input '{given}', its code calls it '{parameter}': they are the same",
                )
            )
        blocks: list[tuple[str, Block]] = []
        if view.findings:
            blocks.append(("To look at", Text("\n".join(f"- {finding}" for finding in view.findings))))
        blocks.append(("Code", Code(submission.source)))
        blocks += [(title, Code(text)) for title, text in policy_texts(submission)]
        return Card(f"UserCode {submission.name}", facts, blocks)


def policy_state(session: Session, request_uid: UID) -> Any:
    """What the output policy of a request shows of what it remembers; None while that is nothing.

    Raises:
        AuthorizationException: it is not for the caller.
        NotFound: no such request, or not for the caller.
    """
    reply = session.ask(GetPolicyState(request_uid), PolicyStateReply)
    return codec.decode(reply.shown) if reply.shown else None


def status_text(status: RequestState | None) -> str:
    """Where a request stands, as people read it."""
    return "not requested" if status is None else status.name.lower()


class _Strangers:
    """A function from a node, as `trial` runs it."""

    def __init__(self, submission: CodeSubmission) -> None:
        self.captured = CapturedFunction(
            source=submission.source,
            name=submission.name,
            parameters=submission.parameters,
            uses_datasite=submission.uses_datasite,
            nested={},
            findings=(),
            file="<function>",
            first_line=1,
        )
        self.limits = submission.asked


def _real_value(session: Session, value: Any) -> Any:
    """An input as its owner runs the function on it: of what is at the node, the private value."""
    if isinstance(value, AssetView):
        return fetch(session, value.action_id).value
    if isinstance(value, UID):
        return fetch(session, value).value
    return value.get() if isinstance(value, Pointer) else value


def _argument(session: Session, name: str, value: Any) -> Argument:
    """An input as it travels: objects of the node by their UID, values encoded.

    Raises:
        UnsupportedType: a value that cannot travel.
        InvalidInput: a whole dataset, or a pointer that has nothing at this node.
    """
    if isinstance(value, AssetView):
        return ObjectArgument(value.action_id)
    if isinstance(value, Pointer):
        return ObjectArgument(value.id)
    if isinstance(value, UID):
        return ObjectArgument(value)
    if isinstance(value, DatasetView):
        raise InvalidInput(f"'{name}' takes one asset, not a whole dataset: choose one of `dataset.assets`.")
    return as_argument(session, value, name)
