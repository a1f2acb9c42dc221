"""This module compares a request with what was approved before it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from syft.code.reviewed import FUNCTION, texts_of
from syft.errors import NotFound
from syft.model.code import Code
from syft.model.messages.evidence import Change, Earlier, EarlierText
from syft.model.object import ObjectRecord
from syft.model.request import Request
from syft.node.context import Context
from syft.node.services.surroundings import About, pools_by_name, role_of
from syft.node.services.views import person
from syft.policy.approval import approval_digest, approval_parts
from syft.policy.differences import Approved, differences
from syft.store.base import Reader

# Of the texts as they were: with what else there is, they fit into a message.
_MOST_TEXT: Final = 3 * 1024 * 1024


def earlier_of(ctx: Context, reader: Reader, about: About, before: Request | None) -> Earlier | None:
    """What was approved before, and what is otherwise now.

    Args:
        ctx: who reviews.
        reader: of the store.
        about: what is asked for now.
        before: the request that was approved; None where none was.
    """
    if before is None or before.code_uid is None:
        return None
    code = reader.get(Code, before.code_uid)
    launched = [found for one in before.nested if (found := reader.find(Code, uid=one.code_uid)) is not None]
    was = Approved(
        code.submission, {one.name: one.digest for one in before.nested}, before.limits, before.approved_parts
    )
    now = Approved(
        about.code.submission,
        {one.name: one.digest for one in about.nested},
        about.limits,
        approval_parts(about.objects, about.environment),
    )
    changed = [Change(what=one.what, before=one.before, after=one.after) for one in differences(was, now)]
    if not before.approved_parts and not _still_holds(ctx, reader, before, code, launched):
        # Approved before its parts were kept: only the whole can be compared.
        changed.append(Change(what="data, packages or machines"))
    return Earlier(
        request_uid=before.uid,
        code_uid=code.uid,
        name=code.name,
        version=code.version,
        is_same_name=code.name == about.code.name,
        state=before.state,
        decided_by=person(reader, before.decided_by) if before.decided_by else None,
        decided_at=before.decided_at,
        texts=_changed_texts([code, *launched], [about.code, *about.launched]),
        changes=tuple(changed),
    )


def _still_holds(ctx: Context, reader: Reader, before: Request, code: Code, launched: Iterable[Code]) -> bool:
    """Whether what was approved would still run: its data, packages and machines are those of then."""
    objects = {
        name: reader.find(ObjectRecord, uid=rule.object_uid)
        for name, rule in code.submission.input_policy.objects.items()
    }
    there = {name: record for name, record in objects.items() if record is not None}
    try:
        environment = ctx.site.equipped.environment(pools_by_name(code, launched))
    except NotFound:
        return False
    digest = approval_digest(code.digest, before.nested, there, environment, before.limits, before.terms)
    return digest == before.approved_digest


def _changed_texts(before: list[Code], after: list[Code]) -> tuple[EarlierText, ...]:
    """The texts that are others now, as they were. What is too much for a message is named only."""
    old, new = _by_place(before), _by_place(after)
    room = _MOST_TEXT
    texts: list[EarlierText] = []
    for place in dict.fromkeys((*new, *old)):
        was, now = old.get(place), new.get(place)
        if was is None:
            texts.append(EarlierText(role=place[0], name=place[1], source="", code_uid=None))
        elif now is None or now[1] != was[1]:
            room -= len(was[1].encode(errors="surrogatepass"))
            source = was[1] if room >= 0 else None
            texts.append(EarlierText(role=place[0], name=place[1], source=source, code_uid=was[0].uid))
    return tuple(texts)


def _by_place(codes: list[Code]) -> dict[tuple[str, str], tuple[Code, str]]:
    """The texts of some codes, the first of which launches the others: by role, and of the others by name."""
    places: dict[tuple[str, str], tuple[Code, str]] = {}
    for code in codes:
        for text in texts_of(code.submission):
            role = role_of(text, code, codes[0])
            name = (
                ""
                if code is codes[0]
                else f"{code.name}"
                if text.role == FUNCTION
                else f"{code.name}: {text.name}"
            )
            places[role, name] = (code, text.source)
    return places
