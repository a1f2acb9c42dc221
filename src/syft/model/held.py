"""This module holds results that wait for a person: what of them is told, and what was decided."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Final

import msgspec

from syft.model.object import ValueRef
from syft.model.uid import UID

# Outputs that are told apart, and let go or kept back one by one. Of a result with more, all go or none.
MAX_OUTPUTS: Final = 100
# Characters of an output's name: its author's word, or a value that the code has put there.
MAX_OUTPUT_NAME: Final = 100


class HeldState(Enum):
    """What became of a result that was held."""

    WAITING = "waiting"
    RELEASED = "released"
    REFUSED = "refused"


class HeldOutput(msgspec.Struct, frozen=True, kw_only=True):
    """One of several things that a result consists of, as a run behind the fence has told it.

    Args:
        place: in the result, from 0.
        name: its key, where the result is a dict; empty elsewhere. The code has made it: it may be a value.
        type_name: what it is, as far as that run is to be believed.
        shape: likewise; None where it has none.
        size: in bytes, encoded.
    """

    place: int
    name: str = ""
    type_name: str = ""
    shape: tuple[int, ...] | None = None
    size: int = 0


class Disclosure(msgspec.Struct, frozen=True, kw_only=True):
    """Something about a result that whoever decides should know.

    Args:
        rule: which check says so, in a word.
        text: what it says, with its reason.
        fix: what would help; empty where nothing needs help.
    """

    rule: str
    text: str
    fix: str = ""


class HeldResult(msgspec.Struct, frozen=True, kw_only=True):
    """A result that waits until a person lets it go. It is no object: until then nobody finds it among those.

    Args:
        uid: that of the job whose result it is, so that no job has two.
        request_uid: the approval it was computed under.
        code_uid: what ran.
        requester_uid: for whom.
        owners: of what it was computed from, when it was.
        inputs_key: what it was computed on, as `Job.inputs_key`.
        value: the result; None once it was decided about: what was let go is an object then, the rest is gone.
        outputs: what it consists of; empty where it is one thing, or too many.
        findings: what whoever decides should know.
        environment: digest of the packages that it was computed with. They were compared when it ran; what a node
            has installed since changes nothing about a result that is there.
        result_owner_uid: to whom the object belongs that it becomes.
        state: what became of it.
        created_at: when it was held, in UTC.
        decided_by: who decided.
        decided_at: when, in UTC.
        reason: in their words.
        kept_back: the places of outputs that were left out of what was let go.
    """

    uid: UID
    request_uid: UID
    code_uid: UID
    requester_uid: UID
    owners: tuple[UID, ...] = ()
    inputs_key: str = ""
    value: ValueRef | None = None
    outputs: tuple[HeldOutput, ...] = ()
    findings: tuple[Disclosure, ...] = ()
    environment: str = ""
    result_owner_uid: UID
    state: HeldState = HeldState.WAITING
    created_at: datetime
    decided_by: UID | None = None
    decided_at: datetime | None = None
    reason: str = ""
    kept_back: tuple[int, ...] = ()

    @property
    def blob(self) -> str | None:
        """The digest of its value where that is a file."""
        return None if self.value is None or self.value.inline is not None else self.value.digest
