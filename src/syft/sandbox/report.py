"""This module examines the fence: each forbidden act outside, where it must work, and inside, where it must not."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from syft.sandbox import advice, canary, landlock
from syft.sandbox.acts.every import ACTS, Act
from syft.sandbox.acts.stage import Stage
from syft.sandbox.levels import NAMESPACES, NOT_PROMISED, PROMISES, promises

# What an act does to others is seen a moment later; outside, where it must be seen, on a busy machine much later.
_SETTLE_S: Final = 0.02
_PATIENCE_S: Final = 2.0


class Finding(msgspec.Struct, frozen=True):
    """What became of one act.

    Args:
        name: of the act.
        area: what it is aimed at.
        outside: why it fails without a fence; empty if it works there, as it must for the test to say anything.
        inside: why it fails behind the fence; empty if it works there.
        promised: whether the level promises that it fails.
    """

    name: str
    area: str
    outside: str
    inside: str
    promised: bool

    @property
    def verdict(self) -> str:
        """One word: what this says of the fence."""
        if not self.inside:
            return "BREACH" if self.promised else "not promised"
        return "not tested" if self.outside else "held"


class Examined(msgspec.Struct, frozen=True):
    """What was found of a level on this machine.

    Args:
        level: that was examined.
        landlock: version of Landlock; 0 where there is none.
        control_groups: where each run gets one; empty if runs have none.
        weaknesses: what the level lacks here.
        passed_over: why stronger levels were not chosen.
        findings: one for each act.
        to_do: for the strongest level, if it was passed over.
        profile: of AppArmor, if that is missing; else empty.
    """

    level: str
    landlock: int
    control_groups: str
    weaknesses: tuple[str, ...]
    passed_over: tuple[str, ...]
    findings: tuple[Finding, ...]
    to_do: tuple[str, ...] = ()
    profile: str = ""

    @property
    def breaches(self) -> list[Finding]:
        """What works inside although the level promises otherwise."""
        return [one for one in self.findings if one.verdict == "BREACH"]

    def count(self, verdict: str) -> int:
        """How many acts came out so."""
        return sum(one.verdict == verdict for one in self.findings)


class Examinable(canary.Runs, Protocol):
    """A runner that knows its level."""

    @property
    def level(self) -> str:
        """The isolation level in force."""
        ...

    @property
    def weaknesses(self) -> tuple[str, ...]:
        """What it lacks on this machine."""
        ...

    @property
    def control_groups(self) -> str:
        """Where each run gets its control group; empty if runs have none."""
        ...

    @property
    def passed_over(self) -> tuple[str, ...]:
        """Why stronger levels are not in force."""
        ...


def examine(runner: Examinable) -> Examined:
    """Try every act outside and inside.

    Args:
        runner: ready to run.
    """
    with (
        tempfile.TemporaryDirectory(prefix="syft-doctor-") as folder,
        Stage(Path(folder, "stage"), canary.LIMITS) as stage,
    ):
        findings = tuple(_examine(runner, stage, act) for act in ACTS.values())
    to_do, profile = missing(runner.passed_over)
    return Examined(
        level=runner.level,
        landlock=landlock.version(),
        control_groups=runner.control_groups,
        weaknesses=runner.weaknesses,
        passed_over=runner.passed_over,
        findings=findings,
        to_do=to_do,
        profile=profile,
    )


def missing(passed_over: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """What to do for the strongest level, and the profile of AppArmor if one is missing.

    Args:
        passed_over: levels that are not available, each with the reason.
    """
    why = next((one for one in passed_over if one.startswith(f"{NAMESPACES}:")), "")
    if not why:
        return (), ""
    machine = advice.look()
    return advice.how_to_raise(machine, why), advice.apparmor_profile() if machine.apparmor else ""


def _examine(runner: Examinable, stage: Stage, act: Act) -> Finding:
    stage.restore()
    # Harm that shows only when the act has been tried inside, too, would be taken for a hole in the fence.
    outside = _judge(act, stage.outside(act.name), stage, _PATIENCE_S)
    stage.restore()
    inside = _judge(act, canary.attempt_inside(runner, stage, act.name), stage, _SETTLE_S)
    return Finding(act.name, act.area, outside, inside, promises(runner.level, act.name))


def _judge(act: Act, prevented: str, stage: Stage, patience_s: float) -> str:
    """Why an act failed; empty if it worked. What has been done to the props counts, whatever the act says."""
    until = time.monotonic() + (_SETTLE_S if prevented else patience_s)
    harm = stage.harm()
    while act.proven_outside and not harm and time.monotonic() < until:
        time.sleep(_SETTLE_S)
        harm = stage.harm()
    if harm:
        return ""
    return prevented or ("it had no effect" if act.proven_outside else "")


def as_text(examined: Examined) -> str:
    """The report for a person."""
    lines = [f"Isolation level: {examined.level} ({PROMISES[examined.level]})"]
    lines.append(f"Landlock: version {examined.landlock}" if examined.landlock else "Landlock: not there")
    if examined.control_groups:
        lines.append(f"Control groups: each run has its own, below {examined.control_groups}")
    else:
        lines.append("Control groups: none")
    lines += [f"A stronger level is not available: {why}" for why in examined.passed_over]
    lines += [f"For `{NAMESPACES}`: {one}" for one in examined.to_do]
    if examined.profile:
        lines += ["", examined.profile, ""]
    lines += [f"On this machine: {weakness}" for weakness in examined.weaknesses]
    area = ""
    for one in examined.findings:
        if one.area != area:
            area = one.area
            lines += ["", f"{area:<64}{'outside':<14}inside"]
        outside = "fails" if one.outside else "works"
        inside = "fails" if one.inside else "WORKS" if one.promised else "works"
        note = "" if one.verdict == "held" else f"  {one.verdict}"
        lines.append(f"  {one.name:<62}{outside:<14}{inside}{note}".rstrip())
    lines.append("")
    lines += [
        f"Not promised here: {name}: {why}" for name, why in NOT_PROMISED.get(examined.level, {}).items()
    ]
    tested = len(examined.findings) - examined.count("not tested")
    lines.append(
        f"{len(examined.findings)} acts; {tested} could be tested here; {examined.count('held')} held, "
        f"{examined.count('not promised')} not promised, {len(examined.breaches)} BREACHES"
    )
    return "\n".join(lines)
