"""This module shows a function that a node keeps, and calls it there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from syft.client.datasets import AssetView, DatasetView
from syft.client.following import SHORT_S
from syft.client.function import bind_names
from syft.client.jobs import Job, Jobs
from syft.client.limits import Limits
from syft.client.objects import as_argument
from syft.client.pointer import Pointer
from syft.client.policies import input_text, output_text
from syft.client.present import Block, Card, Code, Shown, Text, somebody_looks, when
from syft.client.session import Session
from syft.client.waiting import WAIT_S
from syft.errors import InvalidInput
from syft.model.code import CodeSubmission, InputPolicy, OutputPolicy
from syft.model.job import Argument, ObjectArgument
from syft.model.limits import limits_text
from syft.model.messages.codes import CodeReply, CodeView, GetCode
from syft.model.messages.jobs import CallCode, JobReply
from syft.model.request import RequestState
from syft.model.uid import UID


class UserCode(Shown):
    """A function at a node. Calling it runs it there.

    Args:
        session: through which to call it.
        view: what the node says of it.
    """

    def __init__(self, session: Session, view: CodeView) -> None:
        self._session = session
        self._view = view
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
        return Card(f"UserCode {submission.name}", facts, [*blocks, ("Code", Code(submission.source))])


def status_text(status: RequestState | None) -> str:
    """Where a request stands, as people read it."""
    return "not requested" if status is None else status.name.lower()


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
