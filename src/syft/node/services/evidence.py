"""This module answers what whoever decides about a request should know of it: code, data, place, and what came before.

It looks, and decides nothing. Each part shows what its reader may see by itself, and no more: an owner hears of the
data of their own, and who asks hears nothing.
"""

from __future__ import annotations

from typing import Final

from syft.code.findings import Finding, short
from syft.code.reviewed import Text, read
from syft.model.code import Code
from syft.model.job import Job, JobLog
from syft.model.message import Message
from syft.model.messages.evidence import (
    EvidenceReply,
    GetEvidence,
    Noted,
    Rehearsed,
    ReviewedText,
    WhoAsks,
)
from syft.model.object import ObjectRecord
from syft.model.permission import Capability
from syft.model.uid import UID
from syft.model.user import User
from syft.node.context import Context, page
from syft.node.dispatch import handles
from syft.node.services.compared import earlier_of
from syft.node.services.grants import may_read
from syft.node.services.history import History
from syft.node.services.rehearsals import rehearsed_with, to_review
from syft.node.services.surroundings import About, about_request, asked, places, role_of, touched
from syft.node.services.views import job_view, person
from syft.store.base import NotEqual, OneOf, Reader

_PAGE: Final = 50
_PAGE_UNASKED: Final = 20
# Of all texts together, and of what a run on mocks said: with what else there is, they fit into a message.
_MOST_FINDINGS: Final = 4_000
_MOST_SAID: Final = 256 * 1024


class _Read:
    """What was found in each code, read once: a source of 256 KiB takes seconds."""

    _MOST: Final = 256

    def __init__(self) -> None:
        self._known: dict[str, list[Text]] = {}

    def of(self, code: Code) -> list[Text]:
        """Its texts with what was found in them."""
        found = self._known.get(code.digest)
        if found is None:
            if len(self._known) >= self._MOST:
                self._known.clear()
            found = self._known[code.digest] = read(code.submission)
        return found


_read = _Read()


@handles(GetEvidence, needs=Capability.ANSWER_REQUESTS)
def get_evidence(ctx: Context, message: GetEvidence) -> Message:
    """What whoever decides about a request should know, as far as they may see it.

    Raises:
        NotFound: not there, or not for the caller.
        AuthorizationException: the caller asks for it.
        InvalidInput: a page that cannot be.
    """
    limit, offset = page(message.limit or _PAGE_UNASKED, message.offset, _PAGE)
    # Computed before anything is read: it reads every package's metadata the first time.
    ctx.site.equipped.base.environment()
    with ctx.site.store.reading() as reader:
        request, code = to_review(ctx, reader, message.uid)
        about = about_request(ctx, reader, request, code)
        history = History(ctx, reader, request, about.objects)
        released, total = history.released(limit, offset)
        texts, left_out = _texts(about)
        return EvidenceReply(
            request_uid=request.uid,
            digest=code.digest,
            texts=texts,
            earlier=earlier_of(ctx, reader, about, history.approved_before(code)),
            rehearsal=_rehearsal(ctx, reader, about),
            inputs=tuple(touched(ctx, reader, about)),
            parameters=tuple(asked(code)),
            places=tuple(places(ctx, reader, about)),
            limits=about.limits,
            released=released,
            released_total=total,
            open=history.open(),
            requester=_who(reader, request.requester_uid),
            left_out=(*left_out, *history.left_out),
        )


# What would run


def _texts(about: About) -> tuple[tuple[ReviewedText, ...], tuple[str, ...]]:
    """All texts with what was found in them, and what was left out."""
    room = _MOST_FINDINGS
    texts: list[ReviewedText] = []
    cut: list[str] = []
    for code in (about.code, *about.launched):
        for text in _read.of(code):
            kept = text.findings[:room]
            room -= len(kept)
            if len(kept) < len(text.findings):
                cut.append(f"'{text.name}'")
            texts.append(
                ReviewedText(
                    role=role_of(text, code, about.code),
                    name=text.name,
                    code_uid=code.uid,
                    digest=code.digest,
                    version=code.version,
                    findings=tuple(map(_noted, kept)),
                    left_out=text.left_out,
                )
            )
    said = (
        (f"There are more findings than fit here, in {', '.join(cut[:5])}: read all of it.",) if cut else ()
    )
    return tuple(texts), said


def _noted(one: Finding) -> Noted:
    return Noted(kind=one.kind.value, line=one.line, text=one.text, name=short(one.name))


# How it went on mocks, and who asks


def _rehearsal(ctx: Context, reader: Reader, about: About) -> Rehearsed | None:
    """The latest run on mocks of this very code that the caller asked for, or for an administrator anybody."""
    whose = [] if ctx.caller.is_admin else [OneOf("requester_uid", [ctx.user_uid])]
    found = reader.select(
        Job,
        NotEqual("rehearses", None),
        *whose,
        code_uid=about.code.uid,
        parent_uid=None,
        limit=1,
        newest_first=True,
    )
    if not found:
        return None
    job = found[0]
    log = reader.find(JobLog, uid=job.uid)
    result = reader.find(ObjectRecord, uid=job.result_uid) if job.result_uid else None
    with_result = result is not None and may_read(ctx.caller, reader, result)
    return Rehearsed(
        job=job_view(
            reader, ctx.site.runs.progress(job), with_result=with_result, with_log=True, now=ctx.now
        ),
        stdout=log.stdout[:_MOST_SAID] if log else "",
        stderr=log.stderr[:_MOST_SAID] if log else "",
        error=log.error[:_MOST_SAID] if log else "",
        is_current=job.rehearsed == rehearsed_with(ctx, reader, about.code, about.nested),
    )


def _who(reader: Reader, uid: UID) -> WhoAsks:
    user = reader.find(User, uid=uid)
    shown = person(reader, uid, asks=True)
    if user is None:
        return WhoAsks(person=shown)
    return WhoAsks(
        person=shown,
        role=user.role.label,
        since=user.created_at,
        website=user.website,
        is_key=user.is_key,
        made_by=person(reader, user.made_by) if user.made_by else None,
    )
