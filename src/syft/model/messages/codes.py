"""This module holds what is said about code."""

from __future__ import annotations

from datetime import datetime

import msgspec

from syft.model.code import CodeSubmission
from syft.model.message import Message
from syft.model.request import RequestState
from syft.model.uid import UID
from syft.model.user import PersonView


class CodeView(msgspec.Struct, frozen=True, kw_only=True):
    """A code as somebody who may see it sees it.

    Args:
        uid: the code's own.
        digest: of its submission, 64 hex digits.
        version: among its author's functions of this name.
        author: who wrote it.
        submission: the function.
        status: of its latest request; None when nothing was asked yet.
        status_reason: the owner's words, where they gave any.
        findings: what a reviewer should look at, a sentence each.
        created_at: when it came, in UTC.
    """

    uid: UID
    digest: str
    version: int
    author: PersonView
    submission: CodeSubmission
    status: RequestState | None = None
    status_reason: str = ""
    findings: tuple[str, ...] = ()
    created_at: datetime


class SubmitCode(Message, frozen=True, tag="codes.submit"):
    """Keep this function, without asking for anything yet. Answered by `CodeReply`."""

    submission: CodeSubmission


class GetCode(Message, frozen=True, tag="codes.get"):
    """One code: by its UID; or by name, the newest version of the caller's own. Answered by `CodeReply`."""

    uid: UID | None = None
    name: str | None = None


class ListCodes(Message, frozen=True, tag="codes.list"):
    """Which codes may I see, oldest first? Answered by `CodesReply`."""

    name: str = ""
    limit: int = 0
    offset: int = 0


class CodeReply(Message, frozen=True, tag="codes.reply"):
    """One code."""

    code: CodeView


class CodesReply(Message, frozen=True, tag="codes.list.reply"):
    """A page of codes, and how many there are in all."""

    codes: tuple[CodeView, ...]
    total: int
