"""This module tries, in a run, what a run must not be able to do."""

from __future__ import annotations

import io
import secrets
from typing import BinaryIO, Final, Protocol

import msgspec
from msgspec.structs import replace

from syft.model.limits import MIB
from syft.sandbox.acts.stage import Stage
from syft.sandbox.acts.table import Props
from syft.sandbox.contract import Execution, InlineInput, Outcome, Status
from syft.sandbox.levels import promises
from syft.sandbox.limits import Limits
from syft.wire import codec

LIMITS: Final = Limits(memory_bytes=1024 * MIB, scratch_bytes=16 * MIB, threads=20, wall_s=20.0, cpu_s=10.0)
# Of all quick acts together, on a machine that has much else to do.
_QUICK_WALL_S: Final = 120.0
# Without these a self-test has shown nothing: they work outside on any machine.
_CONTROLS: Final = ("read a file of the server's", "list a directory of the server's", "fork")
_QUICK: Final = """
import msgspec
from syft.sandbox.acts.every import Props, attempt_quick

def canary(props):
    return attempt_quick(msgspec.convert(props, Props))
"""
_SINGLE: Final = """
import msgspec
from syft.sandbox.acts.every import Props, attempt

def canary(props, name):
    return attempt(name, msgspec.convert(props, Props))
"""


class Runs(Protocol):
    """Whatever can run a function; every `Runner` can."""

    def run(self, execution: Execution, *, result: BinaryIO) -> Outcome:
        """Run one function to its end."""
        ...


class CanaryFailed(Exception):
    """It could not be told whether the fence holds; says why."""


class Breach(CanaryFailed):
    """The fence does not hold; says what it let through."""


def check(runner: Runs, stage: Stage, level: str) -> None:
    """Try every quick act outside and inside.

    Args:
        runner: to try it on.
        stage: what the acts are aimed at.
        level: whose promises must be kept.
    Raises:
        Breach: something worked inside that must not.
        CanaryFailed: the test itself did not work.
    """
    outside = stage.outside_quick()
    for name in _CONTROLS:
        if outside.get(name, "no answer"):
            raise CanaryFailed(
                f"the self-test cannot tell: outside, '{name}' fails, too: {outside.get(name)}"
            )
    inside = _run(runner, _QUICK, stage.props, replace(LIMITS, wall_s=_QUICK_WALL_S))
    if not isinstance(inside, dict) or set(inside) != set(outside):
        raise CanaryFailed(f"the self-test could not be run: {inside}")
    worked = [name for name in outside if not inside[name] and not outside[name] and promises(level, name)]
    harm = stage.harm()
    if worked or harm:
        raise Breach(f"the fence let through: {', '.join([*worked, harm]).strip(', ')}")


def attempt_inside(runner: Runs, stage: Stage, name: str) -> str:
    """Try one act in a run of its own; "" if it worked, else what prevented it."""
    answer = _run(runner, _SINGLE, stage.props, LIMITS, name=name)
    return answer if isinstance(answer, str) else f"it answered {answer!r}"


def _run(runner: Runs, source: str, props: Props, limits: Limits, **inputs: str) -> object:
    """What the source's function returns; the reason as text if it did not return."""
    values = {"props": msgspec.to_builtins(props), **inputs}
    execution = Execution(
        uid=secrets.token_hex(16),
        source=source,
        entry="canary",
        inputs={name: InlineInput(codec.encode(value).to_bytes()) for name, value in values.items()},
        limits=limits,
    )
    result = io.BytesIO()
    outcome = runner.run(execution, result=result)
    if outcome.status is not Status.FINISHED:
        return f"{outcome.reason} {outcome.error_text}".strip()
    return codec.decode(result.getvalue())
