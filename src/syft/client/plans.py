"""This module holds plans as people use them: made of a function, called here, sent, called there, fetched."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn

import msgspec

from syft.client.function import SyftFunction
from syft.client.objects import bring, fetch
from syft.client.pointer import HasSession, Pointer, id_of
from syft.client.present import Card, Code, Shown, cell
from syft.client.runplan import keep_results
from syft.client.session import Session
from syft.code import (
    State,
    called_with,
    defaults_of,
    digest_of,
    inlined,
    input_names,
    is_traced,
    lines_of,
    parameters_of,
    source_of,
    trace,
)
from syft.errors import InvalidInput, NotFound, PlanNotReady
from syft.model.code import CodeSubmission
from syft.model.messages.objects import ObjectReply, ObjectView, PutObject
from syft.model.object import check_tags
from syft.model.plan import Plan as Traced
from syft.model.plan import place
from syft.model.uid import UID
from syft.ops.kinds import Kind, kind_of
from syft.ops.plans import run_plan
from syft.wire import codec

Shapes = Sequence[Sequence[int]]
ME: Final = "me"
NOT_BUILT: Final = "A plan needs to be built before being sent to a worker."
_ARRAYS: Final = frozenset({Kind.ARRAY, Kind.TABLE, Kind.COLUMN, Kind.TENSOR})


class Plan(Shown):
    """A function as steps: called here it is the function, called with pointers it runs where they are, in one message.

    Made by `func2plan`, or by a subclass that sets what it needs in `__init__` and does it in `forward`.

    Args:
        name: of it; the function's, or the class's, where left out.
        function: what it does; `forward` where left out.
        state: values that it brings along, which the function takes as its last parameter.
        id: to know it by; one is chosen where it is left out.
        owner: who holds it.
        tags: to find it by, once it is sent.
        description: for people.
        traced: the steps, where they are known; without a function it is these that are called.
    """

    def __init__(
        self,
        name: str | None = None,
        function: Callable[..., Any] | None = None,
        *,
        state: Any = None,
        id: UID | None = None,
        owner: Any = None,
        tags: Iterable[str] | None = None,
        description: str | None = None,
        traced: Traced | None = None,
    ) -> None:
        self._function = function
        self._given = _values_of(state)
        self._takes_state = bool(self._given)
        self._traced = traced
        self._name = name or (traced.name if traced is not None else _name_of(function, self))
        self.id = id or UID()
        self.owner = ME if owner is None else owner
        self._tags: set[str] = set()
        self._description = description or ""
        self._pointers: dict[tuple[UID, str], PointerPlan] = {}
        self.tag(*(tags or ()))

    def __getattr__(self, name: str) -> Any:
        # Called for what is not there. A subclass's `__init__` may have forgotten the one above it.
        if name in {"_function", "_traced", "_name"}:
            raise AttributeError(
                f"`{type(self).__name__}.__init__` has to begin with `super().__init__()`.",
                name=name,
                obj=self,
            )
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'", name=name, obj=self)

    # --- what is said of it

    @property
    def name(self) -> str:
        """The function's."""
        return self._name

    @property
    def tags(self) -> set[str]:
        """To find it by."""
        return set(self._tags)

    @property
    def description(self) -> str:
        """What it is, for people."""
        return self._description

    def tag(self, *tags: str) -> Plan:
        """Add to its tags; returns the plan. What has been sent keeps the tags it had."""
        check_tags(tuple(dict.fromkeys(tags)))
        self._tags |= set(tags)
        return self

    def describe(self, description: str) -> Plan:
        """Say what it is, for people; returns the plan."""
        self._description = description
        return self

    @property
    def is_built(self) -> bool:
        """Whether its steps are known."""
        return self._traced is not None

    @property
    def pointers(self) -> dict[str, PointerPlan]:
        """Where it has been sent, by the name of the place."""
        return {_called(pointer.location): pointer for pointer in self._pointers.values()}

    @property
    def traced(self) -> Traced:
        """The steps, as data.

        Raises:
            PlanNotReady: it is not built.
        """
        if self._traced is None:
            raise PlanNotReady(
                f"The plan '{self.name}' is not built: call `plan.build(...)` with examples first."
            )
        return self._traced

    @property
    def code(self) -> str:
        """The steps as text. It is made from them for reading, and is not what runs."""
        return source_of(self.traced)

    readable_plan = code

    @property
    def operations(self) -> tuple[str, ...]:
        """Each step as a line of text."""
        return lines_of(self.traced)

    @property
    def digest(self) -> str:
        """64 hex digits: the same for the same steps, names and constants, whoever traced them."""
        return digest_of(self.traced)

    hash = digest

    @property
    def state(self) -> State:
        """What it brings along."""
        if self._traced is None:
            return State(self._declared())
        return State([codec.decode(data) for data in self._traced.state])

    def parameters(self) -> list[Any]:
        """What it brings along, as a list."""
        return list(self.state.read())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Plan):
            return NotImplemented
        return self is other or (self.is_built and other.is_built and self.digest == other.digest)

    def __hash__(self) -> int:
        # Equal plans have equal names, and a name does not change when a plan is built.
        return hash(self._name)

    # --- made

    def build(self, *examples: Any) -> Plan:
        """Trace it; returns the plan.

        Args:
            examples: values that it is tried on besides, one for each input; without them it is only traced.
        Raises:
            InvalidInput: a trace cannot follow it; says what and what to do.
            Exception: whatever the function raises.
        """
        tried = None if not examples or any(isinstance(one, Pointer) for one in examples) else examples
        self._traced = self._trace(examples=tried)
        return self

    def _trace(self, *, shapes: Shapes | None = None, examples: Sequence[Any] | None = None) -> Traced:
        function = self._callable()
        if function is None:
            if self._traced is None:
                raise InvalidInput(
                    f"'{self.name}' has nothing to do: give it a method `forward`, or a function."
                )
            raise InvalidInput(f"There is no function to '{self.name}': it was fetched, and is built.")
        return trace(
            function,
            name=self._name,
            shapes=shapes,
            examples=examples,
            state=self._declared(),
            passes_state=self._takes_state,
        )

    def _callable(self) -> Callable[..., Any] | None:
        return self._function or getattr(self, "forward", None)

    def _declared(self) -> list[Any]:
        """What it brings along whether or not it uses it: what was given; of a subclass, what `__init__` has set."""
        if self._function is not None or not hasattr(self, "forward"):
            return list(self._given)
        own = [value for name, value in vars(self).items() if not name.startswith("_")]
        return [*self._given, *(one for value in own for one in _arrays_in(value))]

    def copy(self) -> Plan:
        """Another of the same, with an id of its own."""
        made = Plan.__new__(type(self))
        made.__dict__.update(vars(self))
        made.id, made._pointers, made._tags = UID(), {}, set(self._tags)
        return made

    get_copy = copy

    # --- called

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What it comes to: of values here, plainly; of pointers, as pointers, where they are.

        Raises:
            TypeError: not the inputs that it has.
            InvalidInput: pointers to several nodes.
            CodeFailed: it cannot be computed there.
        """
        values = [*args, *kwargs.values()]
        pointer = next((one for one in values if isinstance(one, Pointer)), None)
        if pointer is not None:
            if self._traced is None:
                self._traced = self._trace()
            inputs = self._bound(args, kwargs)
            views = keep_results(pointer._there(), self._traced, inputs)
            return _as_returned(self._traced, [pointer._made(view) for view in views])
        function = self._callable()
        if function is not None:
            if not self._takes_state:
                return function(*args, **kwargs)
            return called_with(function, self._bound(args, kwargs), State(self._given))
        inputs, state = self._bound(args, kwargs), self.state.read()
        found = (
            inlined(self.traced, inputs, state) if is_traced(inputs) else run_plan(self.traced, inputs, state)
        )
        return _as_returned(self.traced, found)

    def _bound(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        return bound(self._name, self._inputs(), self.defaults, args, kwargs)

    def _inputs(self) -> tuple[str, ...]:
        if self._traced is not None:
            return self._traced.inputs
        function = self._callable()
        assert function is not None
        return input_names(function, self._name, with_state=self._takes_state)

    @property
    def defaults(self) -> dict[str, Any]:
        """What may be left out: known where the function is; whoever fetches the plan passes every input."""
        function = self._callable()
        return {} if function is None else defaults_of(function)

    # --- sent

    def send(self, *workers: HasSession, force: bool = False, pointable: bool = True) -> PointerPlan:
        """Take it to one or several places; returns a pointer to it there.

        Args:
            workers: where to.
            force: send it again, where it has been sent before.
            pointable: whether everybody there finds it. Whoever finds a plan may read and run it.
        Raises:
            PlanNotReady: it is not built.
            AuthorizationException: guests may not.
            QuotaExceeded: you keep as much there as the node allows.
        """
        if self._traced is None:
            raise PlanNotReady(NOT_BUILT)
        if not workers:
            raise InvalidInput("Say where to: plan.send(worker).")
        for worker in workers:
            if not isinstance(getattr(worker, "session", None), Session):
                raise InvalidInput(
                    "A plan is sent to a worker itself, a sy.VirtualWorker or a client from sy.login(...), not to "
                    f"{type(worker).__name__} {cell(repr(worker))}."
                )
        sent = [self._send(worker, self._traced, force, pointable) for worker in workers]
        if len(sent) == 1:
            return sent[0]
        places = [one for pointer in sent for one in pointer._places]
        return PointerPlan(places, owner=self.owner, traced=self._traced, defaults=self.defaults)

    def _send(self, worker: HasSession, traced: Traced, force: bool, pointable: bool) -> PointerPlan:
        session = worker.session
        key = (session.info.uid, self.digest)
        if force or not self._is_there(key):
            message = PutObject(
                value=bring(session, traced),
                tags=tuple(sorted(self._tags)),
                description=self._description,
                findable=pointable,
            )
            view = session.ask(message, ObjectReply).object
            self._pointers[key] = PointerPlan(
                [(worker, view)], owner=self.owner, traced=traced, defaults=self.defaults
            )
        return self._pointers[key]

    def _is_there(self, key: tuple[UID, str]) -> bool:
        """Whether it was sent there, and nobody has deleted it since."""
        if key not in self._pointers:
            return False
        try:
            self._pointers[key].refresh()
        except NotFound:
            return False
        return True

    # --- shown

    def __repr__(self) -> str:
        built = " built" if self.is_built else ""
        tags = f" Tags: {' '.join(sorted(self._tags))}" if self._tags else ""
        return cell(f"<Plan {self._name} id:{self.id.hex} owner:{_called(self.owner)}{built}>{tags}", 5_000)

    def _card(self) -> Card:
        facts: list[tuple[str, object]] = [("ID", self.id.hex), ("Tags", " ".join(sorted(self._tags)))]
        return Card(f"Plan {self._name}", facts, [("", Code(self.code))] if self.is_built else [])


class PointerPlan(Pointer):
    """A plan that is elsewhere, at one place or several. It stays there when this pointer goes.

    Args:
        places: at least one: who leads there, and what is said of the object there.
        owner: who holds the pointer.
        traced: the plan itself, where it is known already.
        defaults: of its inputs, where they are known.
    """

    def __init__(
        self,
        places: Sequence[tuple[HasSession, ObjectView]],
        *,
        owner: Any = None,
        traced: Traced | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        client, view = places[0]
        super().__init__(view.uid, client=client, view=view)
        self._places = list(places)
        self._traced = traced
        self._defaults = dict(defaults or {})
        self.owner = ME if owner is None else owner
        self._own_id = UID()

    @property
    def location(self) -> Any:
        """Who leads to where it is; of several places, all."""
        found = [worker for worker, _ in self._places]
        return found[0] if len(found) == 1 else found

    @property
    def traced(self) -> Traced:
        """The steps, as data; fetched when they are first needed.

        Raises:
            NotFound: it is gone, or no longer yours to see.
        """
        if self._traced is None:
            found = fetch(self._there(), self.id).value
            if not isinstance(found, Traced):
                raise NotFound("The object there is no plan any more.")
            self._traced = found
        return self._traced

    @property
    def name(self) -> str:
        """The plan's."""
        return self.traced.name

    @property
    def code(self) -> str:
        """Its steps as text."""
        return source_of(self.traced)

    def get(self) -> Plan:
        """The plan itself; the one there stays.

        Raises:
            NotFound: it is gone, or no longer yours to see.
        """
        view = self.refresh()._about()
        # Anew: it may have been replaced, and what is fetched is what is there.
        self._traced = None
        return Plan(
            id=self.id, traced=self.traced, tags=view.tags, description=view.description, owner=self.owner
        )

    fetch = get_copy = get

    def parameters(self) -> list[Pointer]:
        """Pointers to what the plan brings along, there."""
        if not self.traced.state:
            return []
        only = msgspec.structs.replace(
            self.traced,
            inputs=(),
            steps=(),
            outputs=tuple(place(number) for number in range(len(self.traced.state))),
            single=False,
        )
        return [self._made(view) for view in keep_results(self._there(), only, ())]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Have it computed where it is, of pointers to there and values of your own; returns pointers.

        Raises:
            TypeError: not the inputs that it has.
            PlanNotReady: a pointer to where the plan is not.
            CodeFailed: it cannot be computed.
        """
        traced = self.traced
        inputs = bound(traced.name, traced.inputs, self._defaults, args, kwargs)
        worker, view = self._place_for(inputs)
        # An input that is elsewhere than the first is refused by where they are looked up.
        views = keep_results(worker.session, traced, inputs, plan_uid=view.uid)
        first = next((one for one in inputs if isinstance(one, Pointer)), None)
        make = first._made if first is not None else Pointer(view.uid, client=worker)._made
        return _as_returned(traced, [make(one) for one in views])

    def _place_for(self, inputs: Sequence[Any]) -> tuple[HasSession, ObjectView]:
        first = next((one for one in inputs if isinstance(one, Pointer)), None)
        if first is None:
            return self._places[0]
        session = first._there()
        for worker, view in self._places:
            if worker.session.info.uid == session.info.uid:
                return worker, view
        named = tuple(_called(worker) for worker, _ in self._places)
        there = _called(first._client) if first._client is not None else session.info.name
        raise PlanNotReady(f"Requested to run a plan on {there} but pointer location(s) is/are {named}")

    def _operate(self, op: str, *inputs: Any, **options: Any) -> NoReturn:
        raise InvalidInput("A plan is called, `plan(x)`, and not computed with.")

    # Pointers to plans are compared as what they are: nothing is asked of the node for it.
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        to = ", ".join(f"{_called(worker)}:{view.uid.hex}" for worker, view in self._places)
        return f"[PointerPlan | {cell(_called(self.owner))}:{self._own_id.hex} -> {cell(to, 500)}]"

    def _card(self) -> Card:
        return Card("Pointer to a plan", list(self.row().items()), [("", Code(self.code))])


def func2plan(args_shape: Any = None, state: Any = None) -> Any:
    """Turn the function below it into a plan.

    Args:
        args_shape: a shape for each input, -1 for any length: then it is built at once, and tried on zeros.
        state: values that it brings along, which the function takes as its last parameter.
    Returns:
        A decorator that gives a `Plan`.
    Raises:
        InvalidInput: not as many shapes as it has inputs, or a trace cannot follow it.
        ValueError: a shape with a length below -1.
    """
    if callable(args_shape):  # written without brackets: `@sy.func2plan`
        return Plan(function=args_shape)

    def decorate(function: Callable[..., Any]) -> Plan:
        plan = Plan(function=function, state=state)
        plan.__doc__ = function.__doc__
        if args_shape is not None:
            plan._traced = plan._trace(shapes=args_shape)
        return plan

    return decorate


def method2plan(*ignored: Any, **also: Any) -> NoReturn:
    """Not there any more, as in PySyft 0.2.

    Raises:
        SyntaxError: always; says what there is instead.
    """
    raise SyntaxError(
        "There is no method2plan any more. Write a subclass of sy.Plan with a method `forward`."
    )


def pointer_to(client: HasSession, view: ObjectView) -> PointerPlan:
    """A pointer to a plan that was found."""
    return PointerPlan([(client, view)])


def submission_of(code: Plan | SyftFunction) -> CodeSubmission:
    """A plan or Syft function as it is handed in for approval.

    Raises:
        PlanNotReady: the plan is not built.
    """
    if isinstance(code, SyftFunction):
        return code.submission
    if not isinstance(code, Plan):
        raise InvalidInput(
            f"A plan or a Syft function is needed here, not a {type(code).__name__}: put `@sy.func2plan()` or "
            "`@sy.syft_function()` above it."
        )
    if not code.is_built:
        raise PlanNotReady(NOT_BUILT)
    traced = code.traced
    return CodeSubmission(
        name=traced.name, source=source_of(traced), parameters=parameters_of(traced), plan=traced
    )


def bound(
    name: str,
    inputs: Sequence[str],
    defaults: Mapping[str, Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> list[Any]:
    """The inputs in order, as Python would bind them.

    Raises:
        TypeError: too many, unknown, twice, or missing.
    """
    if len(args) > len(inputs):
        raise TypeError(
            f"{name}() takes {len(inputs)} inputs ({', '.join(inputs)}) but {len(args)} were given"
        )
    found = dict(zip(inputs, args, strict=False))
    for key, value in kwargs.items():
        if key not in inputs:
            raise TypeError(f"{name}() got an unexpected keyword argument '{key}'")
        if key in found:
            raise TypeError(f"{name}() got multiple values for argument '{key}'")
        found[key] = value
    missing = [one for one in inputs if one not in found and one not in defaults]
    if missing:
        raise TypeError(f"{name}() is missing {', '.join(map(repr, missing))}")
    return [found[one] if one in found else defaults[one] for one in inputs]


def _as_returned(traced: Traced, results: Sequence[Any]) -> Any:
    return results[0] if traced.single else tuple(results)


def _values_of(state: Any) -> tuple[Any, ...]:
    if state is None:
        return ()
    return tuple(state.values() if isinstance(state, Mapping) else state)


def _arrays_in(value: Any) -> Iterator[Any]:
    """The arrays and tensors that an attribute stands for."""
    torch: Any = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.nn.Module):
        yield from value.parameters()
        yield from value.buffers()
    elif kind_of(value) in _ARRAYS or (torch is not None and isinstance(value, torch.Tensor)):
        yield value


def _name_of(function: Callable[..., Any] | None, plan: Plan) -> str:
    name = getattr(function, "__name__", None) if function is not None else type(plan).__name__
    return "plan" if not name or not name.isidentifier() else name


def _called(holder: Any) -> str:
    """What people call whoever holds something: a worker's id, or what was said."""
    return id_of(holder) if hasattr(holder, "session") else str(holder)
