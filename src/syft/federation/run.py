"""This module drives a protocol: each step once what it takes is there, side by side where nothing has to wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final

from syft.errors import StepFailed, SyftException
from syft.model.protocol import FromStep, Protocol

# Each waits for a site most of its time; more than this at once is no faster on the caller's side.
_AT_ONCE: Final = 16


def sources_of(protocol: Protocol, number: int) -> frozenset[int]:
    """The steps that a step takes values from; numbers from 0."""
    return frozenset(
        wire.step for wire in protocol.steps[number].wires.values() if isinstance(wire, FromStep)
    )


def last_steps(protocol: Protocol) -> tuple[int, ...]:
    """The steps whose results no other takes: what the protocol returns."""
    taken = {source for number in range(len(protocol.steps)) for source in sources_of(protocol, number)}
    return tuple(number for number in range(len(protocol.steps)) if number not in taken)


def is_chain(protocol: Protocol) -> bool:
    """Whether each step takes something from the one before it, so that nothing can run side by side."""
    return all(number - 1 in sources_of(protocol, number) for number in range(1, len(protocol.steps)))


def drive(protocol: Protocol, run_step: Callable[[int], None], sites: Sequence[str]) -> None:
    """Run every step, each after those it takes values from.

    Args:
        protocol: the steps.
        run_step: runs one, by its number from 0. Where nothing has to wait it is called from several threads.
        sites: the name of each step's site, for texts.
    Raises:
        StepFailed: one did not end well; those that had not begun did not begin.
    """

    def guarded(number: int) -> None:
        try:
            run_step(number)
        except SyftException as error:
            raise failed(protocol, number, sites[number], error) from error

    if is_chain(protocol):
        for number in range(len(protocol.steps)):
            guarded(number)
        return
    waiting = {number: set(sources_of(protocol, number)) for number in range(len(protocol.steps))}
    running: dict[Future[None], int] = {}
    with ThreadPoolExecutor(min(_AT_ONCE, len(protocol.steps)), thread_name_prefix="syft-protocol") as pool:
        try:
            while waiting or running:
                for number in [one for one, sources in waiting.items() if not sources]:
                    del waiting[number]
                    running[pool.submit(guarded, number)] = number
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    ended = running.pop(future)
                    future.result()
                    for sources in waiting.values():
                        sources.discard(ended)
        except BaseException:
            for future in running:
                future.cancel()
            raise


def failed(protocol: Protocol, number: int, site: str, error: SyftException) -> StepFailed:
    """The error that says which step did not end well, where, and why."""
    step = protocol.steps[number]
    where = f"'{step.role}'" if site == step.role else f"'{step.role}' ({site})"
    return StepFailed(
        f"Step {number + 1} of {len(protocol.steps)}, '{step.code.name}' at {where}, did not end well: "
        f"{error.public_message}",
        error.private_message,
        step=number + 1,
        role=step.role,
        site=site,
    )
