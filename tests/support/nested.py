"""A host that runs what it is asked for on a runner, by its source alone."""

from __future__ import annotations

import io
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import BinaryIO

from syft.errors import InvalidState, NotFound
from syft.sandbox.contract import Execution, Host, Input, Reference, Runner, Status, Stream
from syft.sandbox.tree import Tree

MADE: list[Nested] = []
"""Those that a test has not closed; see `close_all`."""


def close_all() -> None:
    """Close every host that was made."""
    while MADE:
        MADE.pop().close()


class Nested:
    """The node as one run sees it.

    Args:
        runner: where launched functions run.
        sources: of the functions, by name.
        inputs: of the run.
        at_once: how many run at once.
    """

    def __init__(
        self,
        runner: Runner,
        sources: Mapping[str, str],
        inputs: Mapping[str, Input] | None = None,
        at_once: int = 0,
    ) -> None:
        self.runner = runner
        self.sources = dict(sources)
        self.told: list[tuple[int, int | None]] = []
        self.heard: list[tuple[Stream, str]] = []
        self.in_files = False
        self.tree = Tree(self, inputs or {}, at_once=at_once)
        MADE.append(self)

    def launch_job(
        self, call: int, name: str, inputs: Mapping[str, bytes], references: Sequence[Reference] = ()
    ) -> None:
        self.tree.host.launch_job(call, name, inputs, references)

    def collect(self, call: int) -> bytes | BinaryIO:
        value = self.tree.host.collect(call)
        if isinstance(value, bytes):
            return io.BytesIO(value) if self.in_files else value
        return value

    def progress(self, current: int, total: int | None) -> None:
        self.told.append((current, total))

    def printed(self, stream: Stream, text: str) -> None:
        self.heard.append((stream, text))

    def close(self) -> None:
        self.tree.close()

    # --- as what may be launched

    def admit(self, name: str, given: Collection[str]) -> Launched:
        if name not in self.sources:
            raise NotFound(f"no function called {name}")
        return Launched(self, name)

    def tell(self, current: int, total: int | None) -> None:
        raise AssertionError("the host is asked first")

    def hear(self, stream: Stream, text: str) -> None:
        raise AssertionError("the host is asked first")


class Launched:
    """A launched function."""

    def __init__(self, host: Nested, name: str) -> None:
        self.host = host
        self.name = name
        self.uid = uuid.uuid4().hex

    def admit(self, name: str, given: Collection[str]) -> Launched:
        return self.host.admit(name, given)

    def tell(self, current: int, total: int | None) -> None:
        pass

    def hear(self, stream: Stream, text: str) -> None:
        pass

    def stop(self, reason: str) -> bool:
        return self.host.runner.kill(self.uid, reason)

    def run(
        self, inputs: Mapping[str, Input], references: tuple[Input, ...], host: Host, result: BinaryIO
    ) -> None:
        source = self.host.sources[self.name]
        work = Execution(
            uid=self.uid,
            source=source,
            entry=self.name,
            inputs=inputs,
            references=references,
            links=frozenset(self.host.sources),
            datasite_parameter="datasite" if "datasite" in source else None,
        )
        outcome = self.host.runner.run(work, result=result, host=host)
        if outcome.status is not Status.FINISHED:
            raise InvalidState(outcome.reason)
