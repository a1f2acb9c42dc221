"""This module tells what besides the text of the code is otherwise than it was approved before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec
from blake3 import blake3

from syft.model.code import CodeSubmission, Constant, CustomPolicy, Given, Handed, MustBe, OfType, Rule
from syft.model.limits import JobLimits, limits_text
from syft.wire.records import encode_record

_SHOWN: Final = 12


class Difference(NamedTuple):
    """One thing that is otherwise.

    Args:
        what: "pool", "limits", "data of 'x'" and so on.
        before: as it was, in words; empty where only a digest was kept.
        after: as it is.
    """

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Approved:
    """What was approved, or would be.

    Args:
        submission: the function.
        nested: the functions that it launches, with their digests.
        limits: what each run may use, every figure.
        parts: data and environment (`policy.approval.approval_parts`); empty where they were not kept.
    """

    submission: CodeSubmission
    nested: Mapping[str, str] = field(default_factory=dict)
    limits: JobLimits = field(default_factory=JobLimits)
    parts: Mapping[str, str] = field(default_factory=dict)


def differences(before: Approved, after: Approved) -> Iterator[Difference]:
    """What is otherwise: policies, inputs and their data, launched functions, limits, pool, environment.

    Args:
        before: what was approved.
        after: what would be approved now.
    """
    old, new = before.submission, after.submission
    yield from _each("input", _rules(old), _rules(new))
    yield from _each("parameter", _parameters(old), _parameters(new))
    yield from _each("policy", _policies(old), _policies(new))
    yield from _each("launched function", _short(before.nested), _short(after.nested))
    for what, was, now in (
        ("pool", old.pool, new.pool),
        ("limits", limits_text(before.limits), limits_text(after.limits)),
        ("results are shared with the owners", _yes(old), _yes(new)),
        ("plan", _digest(old.plan), _digest(new.plan)),
        ("protocol", _digest(old.part), _digest(new.part)),
    ):
        if was != now:
            yield Difference(what, was, now)
    yield from _parts(before, after)


def _parts(before: Approved, after: Approved) -> Iterator[Difference]:
    for name, digest in after.parts.items():
        was = before.parts.get(name)
        if was is None or was == digest:
            continue
        kind, _, parameter = name.partition(" ")
        if kind == "environment":
            yield Difference("environment", was[:_SHOWN], digest[:_SHOWN])
        elif _same_object(before.submission, after.submission, parameter):
            # The same object with another value; another object is told as another input.
            yield Difference(f"data of '{parameter}'", was[:_SHOWN], digest[:_SHOWN])


def _same_object(old: CodeSubmission, new: CodeSubmission, parameter: str) -> bool:
    one, other = old.input_policy.objects.get(parameter), new.input_policy.objects.get(parameter)
    return one is not None and other is not None and one.object_uid == other.object_uid


def _each(what: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Difference]:
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield Difference(f"{what} '{name}'", old.get(name, ""), new.get(name, ""))


def _rules(submission: CodeSubmission) -> dict[str, str]:
    return {name: rule_text(rule) for name, rule in submission.input_policy.rules.items()}


def rule_text(rule: Rule) -> str:
    """A rule in words, without reading what a constant holds: that is a stranger's bytes."""
    match rule:
        case MustBe(object_uid=uid, label=label):
            return f"{label} ({uid.hex})" if label else f"object {uid.hex}"
        case Constant(value=value):
            return f"a constant of {len(value):,} bytes ({blake3(value).hexdigest()[:_SHOWN]})"
        case OfType(type_name=name):
            return f"any {name} of the caller's"
        case Given():
            return "any value of the caller's"
        case Handed():  # pragma: no branch - there is no other kind of rule
            return "what another step of the protocol hands over"


def _parameters(submission: CodeSubmission) -> dict[str, str]:
    return {
        one.name: f"{one.annotation or 'no type'}{', may be left out' if one.has_default else ''}"
        for one in submission.parameters
    }


def _policies(submission: CodeSubmission) -> dict[str, str]:
    policy = submission.output_policy
    known = {"results": f"at most {policy.limit}"}
    if not isinstance(policy.per_inputs, msgspec.UnsetType):
        known["results on the same inputs"] = f"at most {policy.per_inputs}"
    for role, one in (("inputs", submission.input_policy.custom), ("outputs", policy.custom)):
        if isinstance(one, CustomPolicy):
            options = blake3(repr(sorted(one.options.items())).encode()).hexdigest()[:_SHOWN]
            source = blake3(one.source.encode(errors="surrogatepass")).hexdigest()[:_SHOWN]
            known[f"of the author's own for {role}"] = f"{one.name} ({source}), options {options}"
    return known


def _short(digests: Mapping[str, str]) -> dict[str, str]:
    return {name: digest[:_SHOWN] for name, digest in digests.items()}


def _yes(submission: CodeSubmission) -> str:
    return "yes" if submission.share_results_with_owners else "no"


def _digest(part: msgspec.Struct | msgspec.UnsetType) -> str:
    if isinstance(part, msgspec.UnsetType):
        return ""
    return blake3(encode_record(part)).hexdigest()[:_SHOWN]
