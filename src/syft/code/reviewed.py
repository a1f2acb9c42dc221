"""This module is what there is to read in a submission: each text that would run, with what was found in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from syft.code.capture import analyse, own_parameters
from syft.code.findings import Finding, Kind, bounded
from syft.code.planned import findings_of
from syft.code.policies import policies_of, review_policy
from syft.code.review import lookalikes_in
from syft.errors import InvalidCode
from syft.model.code import CodeSubmission, CustomPolicy

FUNCTION = "function"
LAUNCHED = "launched function"


@dataclass(frozen=True)
class Text:
    """One text of a submission.

    Args:
        role: "function", "input policy" or "output policy".
        name: of the function or class.
        source: the text.
        findings: what to look at, in order of lines; of each kind only so many.
        left_out: by kind, how many more there are.
    """

    role: str
    name: str
    source: str
    findings: tuple[Finding, ...] = ()
    left_out: dict[str, int] = field(default_factory=dict)


def texts_of(submission: CodeSubmission) -> list[Text]:
    """The texts of a submission, the function first, unread."""
    return [
        Text(FUNCTION, submission.name, submission.source),
        *(Text(role, one.name, one.source) for role, one in policies_of(submission).items()),
    ]


def read(submission: CodeSubmission) -> list[Text]:
    """The texts of a submission, the function first, with what was found in each. Never raises for a text."""
    texts = [_read(FUNCTION, submission.name, submission.source, _of_function(submission))]
    for role, policy in policies_of(submission).items():
        texts.append(_read(role, policy.name, policy.source, _of_policy(policy, role)))
    return texts


def _read(role: str, name: str, source: str, findings: list[Finding]) -> Text:
    kept, more = bounded(findings)
    return Text(role, name, source, tuple(kept), more)


def _of_function(submission: CodeSubmission) -> list[Finding]:
    if not isinstance(submission.plan, msgspec.UnsetType):
        said = (*lookalikes_in(submission.source), *findings_of(submission.plan))
        return [Finding(Kind.PLAN, 0, text) for text in said]
    try:
        return analyse(submission.source, own_parameters(submission))
    except InvalidCode as error:
        # Kept by a node of another Python: shown all the same, so that it can be denied.
        return [_unread(error.public_message)]


def _of_policy(policy: CustomPolicy, where: str) -> list[Finding]:
    try:
        return review_policy(policy, where)
    except InvalidCode as error:
        return [_unread(error.public_message)]


def _unread(why: str) -> Finding:
    return Finding(Kind.OPAQUE, 0, f"The source cannot be read here: {why}")
