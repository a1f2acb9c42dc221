"""This module shows requests that code may run, and lets owners answer them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from syft.client.access import AnyRequest
from syft.client.evidence import Evidence, evidence_of
from syft.client.jobs import Job
from syft.client.limits import Amount, Limits, as_limits, asked_text
from syft.client.lists import ViewList
from syft.client.mockrun import MockRun, rehearse
from syft.client.policies import input_text, output_text, policy_texts
from syft.client.present import Card, Code, SyftSuccess, say, when
from syft.client.protocolview import ProtocolView, plain, protocol_of
from syft.client.results import HeldResults, deposit
from syft.client.session import Session
from syft.client.terms import Expiry, as_standing, changed_terms
from syft.client.usercode import UserCode, policy_state
from syft.model.code import MANY, OutputPolicy
from syft.model.limits import limits_text
from syft.model.messages.codes import CodeView
from syft.model.messages.requests import (
    ApproveRequest,
    GetRequest,
    RequestReply,
)
from syft.model.request import RequestState
from syft.model.terms import Terms
from syft.model.uid import UID
from syft.policy.terms import terms_text


class LoggedIn(Protocol):
    """A client: somebody at a node."""

    session: Session


class Request(AnyRequest):
    """A scientist's question whether a function may run, and the owner's answer."""

    @property
    def _code(self) -> CodeView:
        code = self._view.code
        assert code is not None
        return code

    @property
    def code(self) -> UserCode:
        """What is to run."""
        return UserCode(self._session, self._code, self.id)

    @property
    def codes(self) -> ViewList[UserCode]:
        """What is to run, and the functions it launches."""
        views = (self._code, *self._view.nested)
        return ViewList("UserCode List", [UserCode(self._session, view) for view in views])

    @property
    def evidence(self) -> Evidence:
        """What there is to know of it, for those who decide: code with findings, what has changed since it was last
        approved, data, place, the run on mocks, and what was released before. Asked of the node each time.

        Raises:
            AuthorizationException: it is your own.
        """
        return evidence_of(self._session, self.id, (self._code, *self._view.nested))

    def mock_run(self, /, *, _timeout: float | None = None, **values: Any) -> MockRun:
        """Run its code on the mocks of what it asks for, for you and nobody else, and wait for its end.

        Args:
            _timeout: how long to wait, in seconds; None for as long as it takes.
            values: for the parameters that take neither an object nor a constant.
        Raises:
            InvalidInput: a value that is missing, or for a parameter that takes none of yours.
            InvalidState: an object without a mock, a launched function that is missing, or the time is over.
            AuthorizationException: it is your own.
        """
        return rehearse(self._session, self.id, values, _timeout)

    @property
    def protocol(self) -> ProtocolView | None:
        """The protocol that it is about a step of, with the code of all its steps; None where it is about none."""
        found = protocol_of(self._view)
        return found[0] if found else None

    @property
    def results_released(self) -> int:
        """How many results have left under it."""
        return self._view.results_released

    @property
    def policy_state(self) -> Any:
        """What its output policy, where its author wrote one, shows of what it remembers; None while that is nothing.

        For the owner of the data and administrators: it is made from results, and nobody has let it go.

        Raises:
            AuthorizationException: you are neither.
        """
        return policy_state(self._session, self.id)

    @property
    def results_held(self) -> int:
        """How many results under it wait for somebody to look at them."""
        return self._view.results_held

    @property
    def deposited(self) -> bool:
        """Whether the answer was given by hand; then nothing runs under it."""
        return self._view.deposited

    @property
    def held_results(self) -> HeldResults:
        """The results under it that were held, also those that were decided about."""

        def request_of(uid: UID) -> Request:
            return Request(self._session, self._session.ask(GetRequest(uid=uid), RequestReply).request)

        return HeldResults(self._session, request_of, request_uid=self.id, waiting=False)

    def deposit_result(
        self,
        result: Any,
        log_stdout: str = "",
        log_stderr: str = "",
        approve: bool | None = None,
        reason: str = "",
    ) -> Job:
        """Give the answer by hand, in place of a run. This approves the request; its function never runs under it.

        Whatever its requester calls the function on gives this answer from now on. Runs that have begun come to
        nothing, and other requests for the same function end.

        Args:
            result: the answer, as a value or a pointer: `request.code.run().get()`, or anything else.
            log_stdout: what its requester is to read as printed.
            log_stderr: likewise, as printed to standard error.
            approve: accepted for those who knew it; False is refused, since an answer is a yes.
            reason: what its requester is told with it.
        Returns:
            The job that stands for the run, with the result.
        Raises:
            InvalidState: it was answered with no, withdrawn, or answered by hand before; or several people have to
                agree and have not.
            AuthorizationException: it is not yours to answer.
            UnsupportedType: a value that cannot travel.
        """
        return deposit(
            self._session,
            self.id,
            result,
            log_stdout=log_stdout,
            log_stderr=log_stderr,
            approve=approve,
            reason=reason,
        )

    @property
    def limits(self) -> Limits:
        """What each run may use: as approved; until then as if it were approved as asked."""
        return Limits.of(self._view.limits)

    @property
    def expires_at(self) -> datetime | None:
        """When its approval ends, in UTC; None: when it is revoked."""
        return self._view.terms.expires_at

    @property
    def conditions(self) -> str:
        """Under which it was approved; until then those that its approvers so far have made. Empty: under none."""
        return terms_text(self._view.terms)

    @property
    def runs_begun(self) -> int:
        """How many runs have been begun under it, those that wait among them."""
        return self._view.runs_begun

    @property
    def approved_by(self) -> list[str]:
        """E-mails of those whose approval counts."""
        return [one.by.email for one in self._view.approvals if one.counts]

    @property
    def approvals_needed(self) -> int:
        """How many people have to approve it, at least."""
        return self._view.needed

    @property
    def changes(self) -> str:
        """What approving it would change, in a sentence."""
        code = self._code.submission
        step = protocol_of(self._view)
        part = f"{step[0].numbered(step[1])}. " if step else ""
        asks = f"It asks for {limits_text(code.asked)}. " if code.asked.said else ""
        return (
            f"{part}Request to change {code.name} (Pool Id: {code.pool}) to permission RequestStatus.APPROVED. "
            f"{asks}{self._nested_text()}"
        )

    def _limits_text(self) -> str:
        if self._view.state is RequestState.PENDING:
            return asked_text(self._view.limits, self._code.submission.asked)
        return limits_text(self._view.limits)

    def _nested_text(self) -> str:
        nested = self._code.submission.nested
        if not nested:
            return "No nested requests."
        if self._view.state is RequestState.PENDING:
            missing = ", ".join(self.missing_nested)
            what = f"{missing} must be submitted first" if missing else "approving it approves them too"
            return f"Nested Requests not resolved: {', '.join(sorted(nested))}; {what}."
        return f"Nested requests: {', '.join(nested)}."

    @property
    def missing_nested(self) -> tuple[str, ...]:
        """Functions it launches that have not been submitted."""
        there = {view.submission.name for view in self._view.nested}
        return tuple(name for name in self._code.submission.nested if name not in there)

    def approve(
        self,
        disable_warnings: bool = False,
        approve_nested: bool = False,
        *,
        limits: Limits | Mapping[str, Amount] | None = None,
        expires: Expiry | None = None,
        runs: int | None = None,
        bounds: Mapping[str, Any] | None = None,
        review: bool | None = None,
        standing: bool = False,
        times: int | None = None,
        users: Iterable[str] | None = None,
    ) -> SyftSuccess:
        """Let it run: exactly the code that this object shows, with the functions it launches as it shows them.

        What each run may use is what this object shows under `limits`, and its conditions are those under `conditions`,
        with the changes that are given here. Where several people have to approve, it runs when enough of them have
        approved the very same: who comes after others and changes nothing agrees with them.

        Args:
            disable_warnings: accepted for those who knew it.
            approve_nested: likewise; the functions it launches are always part of what is approved.
            limits: what to change about them: `sy.Limits(memory="1 GiB")`.
            expires: from when on nothing runs or leaves under it: "30 days" from now, a timedelta, or a datetime with
                its zone.
            runs: how many runs may be begun under it, also such as fail.
            bounds: by parameter what the caller's own values may be: `sy.Bound(...)`, (least, most), or a list.
            review: whether a person looks at each result before it leaves.
            standing: approve later requests, too, that are in everything the same as this one: code with its policies,
                inputs as they are now, environment, limits and conditions.
            times: how many of these; left out: any number.
            users: e-mails of those whose requests; left out: anybody's.
        Raises:
            InvalidInput: limits or conditions that cannot be read, limits above those of its worker pool, or conditions
                that cannot be met.
            InvalidState: it was answered before, its code is not what this shows, or a launched function is missing; or
                you have approved exactly this, and it waits for others.
            AuthorizationException: it is not yours to answer.
        """
        code, nested = self._code, self._view.nested
        terms = changed_terms(self._view.terms, expires, runs, bounds, review)
        in_advance = as_standing(standing, times, users)
        say(f"Approving request on change {code.submission.name} for datasite {self._session.info.name}")
        if nested:
            names = ", ".join(f"{view.submission.name} (version {view.version})" for view in nested)
            say(f"With the functions it launches: {names}")
        changed = as_limits(limits)
        if changed.said:
            say(f"With other limits than asked for: {limits_text(changed)}")
        # Every figure as it was read here: a pool that was changed meanwhile changes nothing about what is approved.
        granted = msgspec.structs.replace(self._view.limits, **changed.said)
        if terms != Terms():
            say(f"Under these conditions: {terms_text(terms)}")
        message = ApproveRequest(
            self.id, code.digest, tuple(view.digest for view in nested), granted, terms, in_advance
        )
        done = self._answered(message, f"Request {self.id.hex} changes applied")
        if self._view.state is RequestState.PENDING:
            return SyftSuccess(f"Request {self.id.hex} has your approval. {self._waits_for()}", value=self)
        return done

    def approve_with_client(self, client: LoggedIn) -> SyftSuccess:
        """Say yes as somebody else, in their login: where several people have to approve, say.

        Args:
            client: of who says it. What is approved is what this object shows.
        Raises:
            SyftException: as `approve`.
        """
        return type(self)(client.session, self._view).approve()

    def _waits_for(self) -> str:
        """What is missing until it is approved."""
        given, needed = len(self.approved_by), self._view.needed
        if given < needed:
            return f"{given} of {needed} people have approved it; it waits for others."
        return (
            "It waits for those whose data it is about: each of them, or an administrator, has to approve it."
        )

    def _approvals_text(self) -> str:
        """Who has approved, and whose approval does not count (any more)."""
        texts = []
        for one in self._view.approvals:
            name = f"{one.by.name} ({one.by.email})"
            name = f"a standing approval of {name}" if one.standing else name
            texts.append(name if one.counts else f"{name}, for something else than it is now: does not count")
        return "; ".join(texts)

    def _card(self) -> Card:
        view, info = self._view, self._session.info
        who = f"{view.requester.name} ({view.requester.email})"
        if view.requester.institution:
            who += f" Institution: {view.requester.institution}"
        if view.requester.made_by:
            who += f" Account made by: {view.requester.made_by}"
        facts: list[tuple[str, object]] = [
            ("Id", view.uid.hex),
            ("Request time", when(view.created_at)),
            ("Status", f"RequestStatus.{view.state.name}"),
            ("Requested on", f"{info.name[:1].upper()}{info.name[1:]} of type {info.kind.capitalize()}"),
            ("Requested by", who),
        ]
        if view.reason:
            facts.append(("Reason", view.reason))
        step = protocol_of(view)
        if step is not None:
            protocol, number = step
            facts.append(("Protocol", protocol.about(number)))
            for site in protocol.sites:
                facts.append((f"Site of {plain(site.role)}", f"{site}: {site.key}"))
            facts.append(("All steps", "`request.protocol` shows what runs at every site, with the code."))
        for given, parameter in self._code.submission.renamed.items():
            facts.append(("Note", f"the policy's input '{given}' is the function's parameter '{parameter}'"))
        facts.append(("Changes", self.changes))
        facts.append(("Limits of each run", self._limits_text()))
        if self.conditions:
            facts.append(("Conditions", self.conditions))
        if view.state is RequestState.APPROVED and self.expires_at and self.expires_at <= datetime.now(UTC):
            facts.append(("Ended", "by the clock of this computer; nothing runs or leaves under it any more"))
        if view.reviewed:
            facts.append(("Results are", "looked at by a person before they leave"))
        if view.needed > 1:
            facts.append(("Approvals needed", view.needed))
        if view.needed > 1 or (view.state is RequestState.PENDING and view.approvals):
            facts.append(("Approved so far by", self._approvals_text() or "nobody"))
        # What is being asked for, where people look before they approve; `.code` has the source.
        for code in (self._code, *view.nested):
            of = "" if code is self._code else f" of {code.submission.name}"
            if code is self._code or code.submission.input_policy.rules:
                facts.append((f"Inputs{of}", input_text(code.submission.input_policy)))
            if code is not self._code and code.submission.asked.said:
                facts.append(
                    (f"Limits{of}", f"{limits_text(code.submission.asked)}, within those of each run")
                )
            if code.findings:
                facts.append((f"To look at{of}", " ".join(code.findings)))
        policy = self._code.submission.output_policy
        of_limit = "" if policy.limit >= MANY else f" of {policy.limit}"
        waiting = f", {view.results_held} held" if view.results_held else ""
        # The answer by hand has left as well, and is none of those that the output policy lets out.
        by_runs = view.results_released - (1 if view.deposited else 0)
        facts.append(("Results", f"{by_runs}{of_limit} released{waiting}"))
        if view.deposited:
            facts.append(("Deposited", "the answer was given by hand; the function does not run"))
        if view.terms.runs is not None:
            facts.append(("Runs", f"{view.runs_begun} of {view.terms.runs} begun"))
        # Where the number does not say it all.
        if output_text(policy) != output_text(OutputPolicy(limit=policy.limit)):
            facts.append(("Output policy", output_text(policy)))
        if view.state is RequestState.PENDING:
            facts.append(
                ("Code", "`request.codes` shows all that would run; `request.code` what was asked for.")
            )
            if self._session.account is None or self._session.account.uid != view.requester.uid:
                facts.append(
                    ("Evidence", "`request.evidence` shows it; `request.mock_run()` tries the code on mocks.")
                )
        if view.decided_by is not None:
            by = f"{view.decided_by.name} ({when(view.decided_at)})"
            facts.append(("Answered by", f"a standing approval of {by}" if view.by_rule else by))
        if view.decision_reason:
            facts.append(("Answer", view.decision_reason))
        return Card(
            "Request", facts, [(title, Code(text)) for title, text in policy_texts(self._code.submission)]
        )
