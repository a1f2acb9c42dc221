"""This module holds a protocol as a person does: put together, deployed, tried on mocks, run, shared."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from blake3 import blake3

from syft.client.coderequests import Request
from syft.client.datasets import AssetView
from syft.client.deploying import Deployed, Place, ask_owners, site_of
from syft.client.lists import ViewList
from syft.client.owned import OwnedRun, StepPlace
from syft.client.placement import by_role, in_order, is_worker, same_node
from syft.client.plans import Plan, PointerPlan, pointer_to
from syft.client.pointer import HasSession, Pointer, id_of
from syft.client.present import Card, Shown, Table, cell
from syft.client.rehearsal import rehearse
from syft.client.session import Session
from syft.client.steps import Step, bind_arguments, chain, design, fixed_at, with_runs, with_sources
from syft.errors import AuthorizationException, InvalidInput, NotDeployed, SyftException
from syft.model import protocol as words
from syft.model.code import CodeSubmission, MustBe
from syft.model.messages.objects import GetObject, ObjectReply, ObjectView
from syft.model.object import ObjectKind
from syft.model.permission import Role
from syft.model.plan import Plan as Traced
from syft.model.uid import UID
from syft.wire import codec


class Protocol(Shown):
    """Steps at roles; once it is deployed, at sites.

    Args:
        plans: pairs of a role, or a worker, and a plan or Syft function: each takes what the one before returns. Or
            `Step`s, which say where each parameter comes from.
        name: for people.
        tags: to find it by.
        description: for people.
    """

    def __init__(
        self,
        plans: Iterable[Any] | None = None,
        *,
        name: str = "",
        tags: Iterable[str] | None = None,
        description: str | None = None,
    ) -> None:
        self.name = name
        self._tags = set(tags or ())
        self._description = description or ""
        self._workers: dict[str, HasSession] = {}
        self._steps, self._roles = self._put_together(list(plans or ()))
        self._fixed: words.Protocol | None = None
        self._deployed: Deployed | None = None
        self._pointers: dict[int, PointerPlan] = {}
        self._large: set[int] = set()

    def _put_together(self, plans: list[Any]) -> tuple[list[Any], list[str]]:
        """What was given, and the role of each."""
        plans = with_sources(plans)
        roles: list[str] = []
        for one in plans:
            if isinstance(one, Step):
                roles.append(one.role)
                continue
            where, _ = _pair(one)
            if is_worker(where):
                self._add_worker(where)
                roles.append(id_of(where))
            else:
                roles.append(str(where))
        return plans, roles

    def _add_worker(self, worker: HasSession) -> None:
        """Have a role by the worker's own name.

        Raises:
            InvalidInput: another has that name. Nodes name themselves: one would get what is meant for the other.
        """
        name = id_of(worker)
        if not same_node(self._workers.setdefault(name, worker), worker):
            raise InvalidInput(
                f"Two of the workers are called '{name}', and are two nodes. Give the roles names of your own, and say "
                "who is who: `protocol.deploy(role=worker, ...)`."
            )

    # --- what it is

    @property
    def workers_resolved(self) -> bool:
        """Whether every role has a worker."""
        return bool(self._roles) and all(role in self._workers for role in self._roles)

    @property
    def plans(self) -> list[tuple[Any, Any]]:
        """Each step's worker, or role where it has none, and what runs there."""
        return [
            (self._workers.get(role, role), self._pointers.get(number, _code_of(one)))
            for number, (role, one) in enumerate(zip(self._roles, self._steps, strict=True))
        ]

    @property
    def design(self) -> words.Protocol:
        """The steps as data.

        Raises:
            InvalidInput: the steps do not fit each other.
        """
        if self._fixed is not None:
            return self._fixed
        steps: list[Step] = []
        for role, one in zip(self._roles, self._steps, strict=True):
            if isinstance(one, Step):
                steps.append(one)
            else:
                steps.extend(chain([(role, _plain(one[1]))], after=steps[-1] if steps else None))
        # What owners and finders see of it: what its author says it is.
        name = self.name or cell(self._description or " ".join(sorted(self._tags)))
        made = design(steps, name=name, tags=sorted(self._tags), description=self._description)
        roles = zip(made.steps, self._roles, strict=True)
        at = tuple(msgspec.structs.replace(step, role=role) for step, role in roles)
        return msgspec.structs.replace(made, steps=at)

    # --- deployed

    def deploy(
        self,
        *workers: HasSession,
        runs: int = 1,
        reason: str = "",
        bind: Mapping[str, Mapping[str, Any]] | None = None,
        **roles: HasSession,
    ) -> Protocol:
        """Give each role its worker, and each worker its steps.

        Where all workers are the caller's own, it can be run at once. Elsewhere each owner is asked, for all of it,
        and it runs when all have agreed; where one site does not take the request, none is left asked.

        Args:
            workers: one for each role, or one for each step; by their ids where these are the roles' names, else in
                the order in which the roles first appear.
            runs: how often it is to be run.
            reason: why, for the owners.
            bind: by role and parameter, what is fixed at that site: an asset, or a constant.
            roles: workers by role, in place of `workers`.
        Returns:
            This protocol.
        Raises:
            NotDeployed: it is deployed, or the workers are too few or too many; a RuntimeError.
            StepFailed: a site refused.
        """
        if self.workers_resolved and (workers or roles or self._is_placed):
            raise NotDeployed(
                f"This protocol is already deployed to {self._where()}. To ask again, or elsewhere, put its steps into "
                "a new one."
            )
        if self._fixed is None:
            self._fixed = self.design
        before = (dict(self._workers), list(self._roles), self._fixed)
        try:
            if bind:
                self._fixed = fixed_at(self._fixed, bind)
            if roles and workers:
                raise NotDeployed("Give the workers in order, or by role, not both.")
            if roles:
                self._workers = by_role(self._roles, self._workers, roles)
            elif not self.workers_resolved:
                self._resolve_workers(workers)
            self._place(runs, reason)
        except BaseException:
            # As if nothing had been asked: half a deployment could neither be run nor deployed again.
            self._workers, self._roles, self._fixed = before
            self._pointers, self._deployed = {}, None
            raise
        return self

    @property
    def _is_placed(self) -> bool:
        return self._deployed is not None or len(self._pointers) == len(self._roles) > 0

    def _where(self) -> str:
        return ", ".join(id_of(self._workers[role]) for role in self._roles)

    def _resolve_workers(self, workers: Sequence[HasSession]) -> None:
        """Map the roles to the workers provided, and update the steps accordingly.

        Raises:
            NotDeployed: too few or too many.
        """
        made = self._fixed or self.design
        self._roles, self._workers = in_order(self._roles, self._workers, workers)
        steps = zip(made.steps, self._roles, strict=True)
        self._fixed = msgspec.structs.replace(
            made, steps=tuple(msgspec.structs.replace(step, role=role) for step, role in steps)
        )

    def _place(self, runs: int, reason: str) -> None:
        """Bring the code to the sites: as plans where they are the caller's own, else as requests."""
        assert self._fixed is not None
        if self._is_own:
            self._send_plans()
            return
        places = {role: _place_at(worker) for role, worker in self._workers.items()}
        self._deployed = ask_owners(with_runs(self._fixed, runs), places, reason)

    def _send_plans(self) -> None:
        assert self._fixed is not None
        sent: list[PointerPlan] = []
        try:
            for number, role in enumerate(self._roles):
                code = _code_of(self._steps[number])
                if isinstance(code, PointerPlan):
                    self._pointers[number] = code
                    continue
                plan = (
                    code if isinstance(code, Plan) else Plan(traced=_plan_in(self._fixed.steps[number].code))
                )
                before = list(plan.pointers.values())
                self._pointers[number] = pointer = plan.send(self._workers[role])
                if pointer not in before:
                    sent.append(pointer)
        except BaseException:
            for pointer in sent:
                with contextlib.suppress(SyftException):
                    pointer.delete()
            raise

    @property
    def _is_own(self) -> bool:
        """Whether nobody has to be asked: the caller administers every site, and every step is a plan."""
        assert self._fixed is not None
        return all(worker.session.role is Role.ADMIN for worker in self._workers.values()) and all(
            not isinstance(step.code.plan, msgspec.UnsetType) for step in self._fixed.steps
        )

    @property
    def deployed(self) -> Deployed:
        """What was asked of the owners, and how it stands.

        Raises:
            NotDeployed: nobody has been asked.
        """
        if self._deployed is None:
            raise NotDeployed(
                "Nobody has been asked: this protocol is not deployed, or all its sites are your own."
            )
        return self._deployed

    @property
    def requests(self) -> ViewList[Request]:
        """The requests at the sites, one a step; none where nobody had to be asked."""
        return ViewList("Request List", list(self._deployed.requests) if self._deployed else [])

    def wait_for_approval(self, timeout: float | None = None) -> Protocol:
        """Wait until every owner has answered; returns the protocol.

        Args:
            timeout: seconds; None for as long as it takes.
        Raises:
            NotDeployed: nobody has been asked, for it has no sites yet; a RuntimeError.
            NotApproved: one has denied, or has not answered in that time; the text says which.
        """
        self._assert_is_resolved()
        if self._deployed is not None:
            self._deployed.wait_for_approval(timeout)
        return self

    # --- run

    def _assert_is_resolved(self) -> None:
        """Raise unless every step has its worker.

        Raises:
            NotDeployed: it is not deployed; a RuntimeError.
        """
        if not self.workers_resolved:
            raise NotDeployed(
                "Plans have not been allocated to existing workers. Call deploy(*workers) to do so."
            )

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Run the steps, each on what the one before returned, or what it was wired to.

        Args:
            args: what the first steps take, in order: values, or pointers to objects at sites of the caller's own.
            kwargs: likewise, by name.
        Returns:
            A pointer to what the last step returned, at its site; a list where there are several.
        Raises:
            NotDeployed: it has no sites yet; a RuntimeError.
            NotApproved: a site has not agreed.
            StepFailed: a step did not end well: which, where, and why.
            TypeError: the values are not what it takes.
        """
        self._assert_is_resolved()
        if not self._is_placed:
            self.deploy()
        assert self._fixed is not None
        arguments = bind_arguments(self._fixed, args, kwargs, self._defaults())
        if self._deployed is not None:
            results: list[Any] = list(self._deployed.run(arguments))
        else:
            places = [
                StepPlace(self._workers[role].session, self._pointers[number].id_at_location)
                for number, role in enumerate(self._roles)
            ]
            run = OwnedRun(self._fixed, places, arguments, self._large)
            results = [self._pointer(self._workers[self._roles[number]], view) for number, view in run.run()]
        return results[0] if len(results) == 1 else results

    __call__ = run

    def _pointer(self, worker: HasSession, view: ObjectView) -> Pointer:
        """A pointer to a result at a worker, which goes when nobody points to it."""
        pointer = Pointer(view.uid, client=worker, view=view)
        pointer.let_die()
        return pointer

    def dry_run(self, *args: Any, **kwargs: Any) -> Any:
        """Try all of it here, on the mocks of what its steps are bound to; nothing is sent, nobody is asked.

        Args:
            args: as for `run`; of an asset its mock is taken.
            kwargs: likewise.
        Returns:
            What the last step returns; a list where there are several.
        Raises:
            StepFailed: a step did not end well, with its error in full.
            TypeError: the values are not what it takes.
        """
        made = self._fixed or self.design
        sessions = {role: worker.session for role, worker in self._workers.items()}
        given = bind_arguments(made, args, kwargs, self._defaults())
        arguments = {
            name: value.mock if isinstance(value, AssetView) else value for name, value in given.items()
        }
        results = rehearse(made, arguments, self._mocks(), sessions)
        return results[0] if len(results) == 1 else results

    def _defaults(self) -> dict[str, Any]:
        """What need not be passed to `run`, by name."""
        return {
            name: value
            for one in reversed(self._steps)
            for name, value in _defaults_in(_code_of(one)).items()
        }

    def _mocks(self) -> dict[UID, Any]:
        """The assets that steps were given, by UID: each knows its mock."""
        return {
            value.action_id: value
            for one in self._steps
            if isinstance(one, Step)
            for value in one.inputs.values()
            if hasattr(value, "action_id")
        }

    # --- shared

    def shared(self) -> words.SharedProtocol:
        """As it is kept for others: with its sites, where these are all the caller's own."""
        made = self._fixed or self.design
        if len(self._pointers) != len(self._roles) or not self.workers_resolved:
            return words.SharedProtocol(protocol=made)
        return words.SharedProtocol(
            protocol=made,
            sites={role: site_of(worker.session) for role, worker in self._workers.items()},
            plans=tuple(self._pointers[number].id_at_location for number in range(len(self._roles))),
        )

    def take_over(self, shared: words.SharedProtocol, workers: Mapping[UID, HasSession]) -> None:
        """Become what another has put together.

        Args:
            shared: as it was kept.
            workers: that are known here, by their nodes. Where they are all those it was deployed on, by their keys,
                all of them the caller's own, and have the plans that it says, it is deployed on them here, too. Not
                where a step names objects: the caller has chosen neither them nor the sites that they would go to.
        """
        made = shared.protocol
        self._fixed, self.name = made, made.name
        self._roles = [step.role for step in made.steps]
        self._steps = [(step.role, _shown_code(step)) for step in made.steps]
        here = {role: workers.get(site.node_uid) for role, site in shared.sites.items()}
        there = {
            role: worker
            for role, worker in here.items()
            if worker is not None
            and site_of(worker.session).key == shared.sites[role].key
            and worker.session.role is Role.ADMIN
        }
        if not shared.plans or len(there) != len(shared.sites) or _is_bound(made):
            return
        views = [_view(there[role], uid) for role, uid in zip(self._roles, shared.plans, strict=True)]
        if all(_is_plan_of(view, step) for view, step in zip(views, made.steps, strict=True)):
            self._workers = there
            self._pointers = {
                number: pointer_to(there[role], view)
                for number, (role, view) in enumerate(zip(self._roles, views, strict=True))
            }

    def _card(self) -> Card:
        rows = [
            (
                number + 1,
                getattr(code, "name", type(code).__name__),
                role if isinstance(role, str) else id_of(role),
            )
            for number, (role, code) in enumerate(self.plans)
        ]
        facts: list[tuple[str, object]] = [("Tags", ", ".join(sorted(self._tags)))] if self._tags else []
        if self._description:
            facts.append(("Description", self._description))
        return Card(f"Protocol {self.name}".strip(), facts, [("", Table(("Step", "Code", "Role"), rows))])


def _pair(one: Any) -> tuple[Any, Any]:
    """A worker, or role, and its code, from what somebody has put into a protocol.

    Raises:
        InvalidInput: it is something else.
    """
    if not isinstance(one, tuple | list) or len(one) != 2:
        raise InvalidInput(
            "A protocol is made of pairs of a worker and a plan, or of steps: "
            f"`sy.Protocol([('alice', plan), ...])`. This is no pair: {cell(repr(one))}."
        )
    where, code = one
    if not is_worker(where) and not (isinstance(where, str) and where):
        raise InvalidInput(
            f"The first of a pair is a worker, or a name for one, not {type(where).__name__} {cell(repr(where))}."
        )
    return where, code


def _code_of(one: Any) -> Any:
    return one.code if isinstance(one, Step) else one[1]


def _plain(code: Any) -> Any:
    """A plan itself, where a pointer to one was given."""
    return code.get() if isinstance(code, PointerPlan) else code


def _view(worker: HasSession, uid: UID) -> ObjectView:
    return worker.session.ask(GetObject(uid=uid), ObjectReply).object


def _is_bound(protocol: words.Protocol) -> bool:
    """Whether a step takes an object that its author has named."""
    return any(
        isinstance(rule, MustBe) for step in protocol.steps for rule in step.code.input_policy.rules.values()
    )


def _is_plan_of(view: ObjectView, step: words.ProtocolStep) -> bool:
    """Whether an object is the plan that is read in the protocol, and no other in its place."""
    plan = step.code.plan
    if isinstance(plan, msgspec.UnsetType) or view.kind is not ObjectKind.PLAN:
        return False
    return view.digest == blake3(codec.encode(plan).to_bytes()).hexdigest()


def _shown_code(step: words.ProtocolStep) -> Any:
    plan = step.code.plan
    return step.code if isinstance(plan, msgspec.UnsetType) else Plan(traced=plan)


def _plan_in(code: CodeSubmission) -> Traced:
    assert not isinstance(code.plan, msgspec.UnsetType)
    return code.plan


def _defaults_in(code: Any) -> Mapping[str, Any]:
    """What a plan's function has for inputs that nobody passes: known where the function is."""
    return code.defaults if isinstance(code, Plan) else {}


def _place_at(worker: Any) -> Place:
    """Where an account of the caller's asks; in the caller's own node it answers, too.

    Raises:
        AuthorizationException: a guest cannot ask for anything.
    """
    session: Session = worker.session
    own = getattr(worker, "asking", None)
    if isinstance(own, Session):
        # Who wrote code never approves it: in one's own node, two keys are two people.
        return Place(own, session)
    if session.account is None:
        raise AuthorizationException(
            f"As a guest you cannot ask for anything at '{session.info.name}'. Log in first."
        )
    return Place(session)
