"""This module is a run with all that it launches, and what those launch: who waits, who runs, who gets what.

So many launched runs go on at once as the machine has processors; any number waits, and what they are to be given
waits on disk (`held`). A run that waits for another one's result does not count as going on. Of those that are ready
the deepest is the next: what a run waits for comes before what others have yet to begin. So neither a tree that is
wider nor one that is deeper than what may go on at once can stand still, and few runs are there at any time.

It knows nothing of jobs and approvals: what may be launched, and what a launch is, says whoever makes the tree.
"""

from __future__ import annotations

import heapq
import logging
import mmap
import os
import threading
from collections.abc import Collection, Mapping, Sequence
from enum import Enum, auto
from typing import BinaryIO, Final, Protocol, cast

from syft.errors import CodeFailed, InternalError, InvalidInput, InvalidState, LimitExceeded, SyftException
from syft.policy.limits import MAX_DEPTH
from syft.sandbox.contract import FileInput, Host, InlineInput, Input, OfInput, OfLaunched, Reference, Stream
from syft.sandbox.hold import Hold
from syft.wire.codec import placeholder_in
from syft.wire.types_partitioned import Range, places_of_parts

# One approval, one budget: a tree that launches more than this is a loop, not a map.
LAUNCHED_MAX: Final = 10_000
# References of all launches that have not ended: a list of them for each would be memory without end.
REFERENCES_MAX: Final = 200_000
WITH_PARENT: Final = "the job that launched it has ended"
_AGAIN_S: Final = 0.005
# A launched run that the sandbox lost is begun again so often; what breaks the sandbox each time must end.
ATTEMPTS: Final = 3

_log = logging.getLogger(__name__)


class Launching(Protocol):
    """What may be launched by one run; and, of a launched one, what it is to run it."""

    def admit(self, name: str, given: Collection[str]) -> Launchable:
        """A launch by this run, before it waits for its turn. Quick.

        Args:
            name: of the function.
            given: names of the values it would be called with; hostile.
        Raises:
            SyftException: it may not be launched.
        """
        ...

    def tell(self, current: int, total: int | None) -> None:
        """Note how far the run says it has come."""
        ...

    def hear(self, stream: Stream, text: str) -> None:
        """Note what it prints, as it comes."""
        ...


class Launchable(Launching, Protocol):
    """A launched run, as whoever made the tree has it run."""

    def run(
        self, inputs: Mapping[str, Input], references: tuple[Input, ...], host: Host, result: BinaryIO
    ) -> None:
        """Run it to its end. Called once, in a thread of the tree's, or never; and again after `Lost`.

        Raises:
            Lost: the sandbox broke under it.
            SyftException: it did not end well; what the launching code is told is the public message.
        """
        ...

    def stop(self, reason: str) -> bool:
        """End it; False while it has not come so far that it could be."""
        ...


def at_once_here() -> int:
    """How many launched runs of one tree should go on at once on this machine."""
    return max(2, len(os.sched_getaffinity(0)))


class Tree:
    """A run, which is not the tree's own to start or end, and all that comes of it.

    Args:
        top: what it may launch.
        inputs: of that run.
        at_once: how many launched runs go on at once.
        hold: where values wait; the tree closes it.
    """

    def __init__(
        self, top: Launching, inputs: Mapping[str, Input], *, at_once: int = 0, hold: Hold | None = None
    ) -> None:
        self._at_once = at_once or at_once_here()
        self.hold = hold or Hold()
        self._lock = threading.Lock()
        self._launched = 0
        self._references = 0
        self._going_on = 0
        self._ready: list[tuple[int, int, Branch]] = []
        self.host = Branch(self, None, top, inputs)

    @property
    def launched(self) -> int:
        """How many runs were launched so far."""
        return self._launched

    def close(self) -> None:
        """End everything, wait for its end, and forget what is held. May be called twice, from any thread."""
        self._end_children(self.host)
        self.hold.close()

    # --- called by branches

    def launch(
        self,
        parent: Branch,
        call: int,
        launchable: Launchable,
        inputs: Mapping[str, bytes],
        given: list[Input | Branch],
    ) -> None:
        """Have a run wait for its turn."""
        with self._lock:
            parent.check_open()
            if self._launched >= LAUNCHED_MAX:
                raise LimitExceeded(f"A job may launch at most {LAUNCHED_MAX:,} others.")
            if self._references + len(given) > REFERENCES_MAX:
                raise LimitExceeded(
                    f"What waits of one job may be given {REFERENCES_MAX:,} results and parts together."
                )
            self._launched += 1
            number = self._launched
        held: dict[str, Input] = {}
        try:
            for name, data in inputs.items():
                held[name] = self.hold.put(data)
            branch = Branch(self, parent, launchable, held, number=number, given=given)
            with self._lock:
                parent.check_open()
                parent.children[call] = branch
                self._references += len(given)
                waited_for = {one for one in given if isinstance(one, Branch) and not one.over}
                branch.missing = len(waited_for)
                for one in waited_for:
                    one.awaited_by.append(branch)
                if not branch.missing:
                    self._make_ready(branch)
        except BaseException:
            for value in held.values():
                self.hold.let_go(value)
            raise
        self._begin()

    def wait(self, parent: Branch, branch: Branch) -> None:
        """Wait for the end of a launched run; its parent does not count as going on meanwhile."""
        with self._lock:
            if branch.over:
                return
            branch.collectors.append(parent)
            parent.blocked += 1
            if parent.blocked == 1 and parent.state is State.RUNNING:
                self._going_on -= 1
            ended = branch.ended
        self._begin()
        ended.wait()

    # --- the turns

    def _make_ready(self, branch: Branch) -> None:
        branch.state = State.READY
        heapq.heappush(self._ready, (-branch.depth, branch.number, branch))

    def _next(self) -> Branch | None:
        """The next whose turn it is, if there is room; it counts as going on from here."""
        while self._ready and self._going_on < self._at_once:
            branch = heapq.heappop(self._ready)[2]
            if branch.state is State.READY:
                branch.state = State.RUNNING
                self._going_on += 1
                return branch
        return None

    def _begin(self) -> None:
        """Have threads run those whose turn it is."""
        while True:
            with self._lock:
                branch = self._next()
            if branch is None:
                return
            threading.Thread(target=self._work, args=(branch,), daemon=True, name="syft-launch").start()

    def _work(self, first: Branch) -> None:
        """Run one, and then whichever is next: a thread for each would cost as much as the record of a run."""
        branch: Branch | None = first
        while branch is not None:
            self._run(branch)
            with self._lock:
                branch = self._next()
            self._begin()

    def _run(self, branch: Branch) -> None:
        result: Input | None = None
        error: SyftException | None = None
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.hold.sink() as sink:
                    branch.run(cast(BinaryIO, sink))
                    result = sink.keep()
            except Lost as lost:
                error = lost.told
                self._end_children(branch)
                if attempt < ATTEMPTS and self._reopened(branch):
                    error = None
                    continue
            except SyftException as refused:
                error = refused
            except Exception as fault:
                # Whatever broke in the node, those who wait must be told; what it was is not their business.
                _log.exception("a launched run failed by our fault")
                error = InternalError("The node could not run it.", type(fault).__name__)
            break
        self._end_children(branch)
        with self._lock:
            self._ended(branch, result, error)
        for one in branch.held:
            self.hold.let_go(one)

    def _reopened(self, branch: Branch) -> bool:
        """Let a run that was lost launch anew; whether whoever launched it still wants it."""
        with self._lock:
            parent = branch.parent
            if parent is None or parent.closed:
                return False
            branch.closed = False
            return True

    def _ended(self, branch: Branch, result: Input | None, error: SyftException | None) -> None:
        if branch.state is State.RUNNING and not branch.blocked:
            self._going_on -= 1
        branch.state = State.OVER
        self._references -= len(branch.given)
        branch.given = ()
        branch.result, branch.error = result, error
        for parent in branch.collectors:
            parent.blocked -= 1
            if not parent.blocked and parent.state is State.RUNNING:
                self._going_on += 1
        for other in branch.awaited_by:
            other.missing -= 1
            if not other.missing and other.state is State.WAITING:
                self._make_ready(other)
        branch.ended.set()

    def _end_children(self, branch: Branch) -> None:
        """End what a run launched, and forget what it returned: the run itself has ended, or is not wanted."""
        with self._lock:
            branch.closed = True
            children = list(branch.children.values())
            stopped = InvalidState(f"It was stopped: {WITH_PARENT}.")
            waiting = [one for one in children if one.state in (State.WAITING, State.READY)]
            for one in waiting:
                self._ended(one, None, stopped)
        for one in waiting:
            for held in one.held:
                self.hold.let_go(held)
        running = [one for one in children if not one.over]
        while running:
            # One that is just being begun is not known to its runner yet, and would go on without its parent.
            left = [one for one in running if not one.stop(WITH_PARENT)]
            running = [one for one in left if not one.ended.wait(_AGAIN_S)]
        for one in children:
            one.ended.wait()
        with self._lock:
            results, branch.children = [one.result for one in branch.children.values()], {}
        for result in results:
            if result is not None:
                self.hold.let_go(result)


class Lost(Exception):
    """The sandbox broke under a launched run, which is not to blame and may be run again.

    Args:
        told: to whoever launched it, where it was lost too often.
    """

    def __init__(self, told: SyftException) -> None:
        super().__init__(told.public_message)
        self.told = told


class State(Enum):
    """Where a run of a tree stands."""

    WAITING = auto()
    """For results of others that it is to be given."""
    READY = auto()
    """For its turn."""
    RUNNING = auto()
    OVER = auto()


class Branch:
    """One run of a tree, and the node as that run sees it. See `contract.Host`.

    What is not private belongs to the tree, which holds its lock when it looks.

    Args:
        tree: of which.
        parent: who launched it; None for the run at the top.
        what: it is; a `Launchable`, unless it is at the top.
        inputs: what it is called with.
        number: in the order of launches.
        given: what placeholders in its inputs stand for: values, or runs whose results those will be.
    """

    def __init__(
        self,
        tree: Tree,
        parent: Branch | None,
        what: Launching,
        inputs: Mapping[str, Input],
        *,
        number: int = 0,
        given: Sequence[Input | Branch] = (),
    ) -> None:
        self._tree = tree
        self._what = what
        self.parent = parent
        self._inputs = inputs
        self.given = given
        self._references: tuple[Input, ...] = ()
        self._places: dict[str, Sequence[Range]] = {}
        self.depth: int = parent.depth + 1 if parent else 0
        self.number = number
        self.state = State.WAITING
        self.missing = 0
        self.blocked = 0
        self.closed = False
        self.children: dict[int, Branch] = {}
        self.collectors: list[Branch] = []
        self.awaited_by: list[Branch] = []
        self.ended = threading.Event()
        self.result: Input | None = None
        self.error: SyftException | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state is State.OVER

    @property
    def held(self) -> Collection[Input]:
        """What the tree holds for it alone."""
        return self._inputs.values()

    def check_open(self) -> None:
        """Raise unless it may still launch others."""
        if self.closed:
            raise InvalidState("The job that launched this is being cancelled.")

    def run(self, result: BinaryIO) -> None:
        """Run it. Raises whatever it ended with."""
        references: list[Input] = []
        for one in self.given:
            if not isinstance(one, Branch):
                references.append(one)
            elif one.result is not None:
                references.append(one.result)
            else:
                why = one.error.public_message if one.error else ""
                raise CodeFailed(f"It was not run, for want of what it was to be given. {why}")
        self._references = tuple(references)
        cast(Launchable, self._what).run(self._inputs, self._references, self, result)

    def stop(self, reason: str) -> bool:
        """End it; False while that cannot be done yet."""
        return self.over or cast(Launchable, self._what).stop(reason)

    # --- as a `Host`

    def launch_job(
        self, call: int, name: str, inputs: Mapping[str, bytes], references: Sequence[Reference] = ()
    ) -> None:
        """Have another function run in its turn."""
        if self.depth >= MAX_DEPTH:
            raise LimitExceeded(f"Launched functions launch others at most {MAX_DEPTH} deep.")
        if call in self.children:
            raise InvalidInput("There is such a launch already.")
        launchable = self._what.admit(name, inputs.keys())
        self._tree.launch(self, call, launchable, inputs, [self._own(one) for one in references])

    def collect(self, call: int) -> bytes | BinaryIO:
        """Wait for a launched run to end; its result."""
        child = self.children.get(call)
        if child is None:
            raise InvalidInput("There is no such launch, or the run that made it has ended.")
        self._tree.wait(self, child)
        if child.error is not None:
            raise child.error.with_traceback(None)
        assert child.result is not None
        return cast("bytes | BinaryIO", self._tree.hold.open(child.result))

    def progress(self, current: int, total: int | None) -> None:
        """Note how far it is."""
        self._what.tell(current, total)

    def printed(self, stream: Stream, text: str) -> None:
        """Note what it prints."""
        self._what.hear(stream, text)

    # --- what is its own

    def _own(self, reference: Reference) -> Input | Branch:
        """What a reference of this run's stands for: found among what is its own, so that nothing else can be named.

        Raises:
            InvalidInput: it is of nothing that is the run's.
        """
        match reference:
            case OfLaunched(call):
                child = self.children.get(call)
                if child is None:
                    raise InvalidInput("It was to be given the result of a launch that was not made.")
                return child
            case OfInput(name, part):
                whole = self._input(name)
                return whole if part is None else self._part(name, whole, part)

    def _input(self, name: str) -> Input:
        found = self._inputs.get(name)
        if found is None:
            raise InvalidInput(f"There is no input '{name[:100]}' to hand on.")
        # One that is nothing but a placeholder is what that stands for. What it stands for has none itself.
        number = placeholder_in(found.data) if isinstance(found, InlineInput) else None
        if number is None:
            return found
        if number >= len(self._references):
            raise InvalidInput(f"The input '{name[:100]}' stands for nothing.")
        return self._references[number]

    def _part(self, name: str, whole: Input, number: int) -> Input:
        places = self._places.get(name)
        if places is None:
            places = self._places[name] = _places(whole)
        if not 0 <= number < len(places):
            raise InvalidInput(f"The input '{name[:100]}' has no part {number}.")
        place = places[number]
        if isinstance(whole, FileInput):
            return FileInput(whole.path, whole.offset + place.offset, place.size)
        return InlineInput(whole.data[place.offset : place.offset + place.size])


def _places(whole: Input) -> Sequence[Range]:
    """Where the parts of an input lie in it."""
    if isinstance(whole, InlineInput):
        return places_of_parts(memoryview(whole.data))
    with whole.path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size if whole.size is None else whole.offset + whole.size
        with (
            mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as view,
            view[whole.offset :] as value,
        ):
            return places_of_parts(value)
