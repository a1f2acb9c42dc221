"""This module says which table each kind of record lives in, and which of its columns can be searched.

Every field is a column (`columns.py` says how). A field with a default has the same default in its column, so
that a column added by a later migration is right in the rows that were there.

There are no foreign keys: a record may speak of an account, an object or a code that has been removed since,
and history must not go with it. Who removes what is decided in `node/services`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, false, text, true
from sqlalchemy.sql.elements import ColumnElement, TextClause
from sqlalchemy.types import TypeEngine

from syft.errors import InvalidInput, StorageError, SyftException
from syft.model.approval import Approval, StandingApproval
from syft.model.code import Code
from syft.model.dataset import DatasetRecord
from syft.model.event import ChainedEvent, Event
from syft.model.held import HeldResult
from syft.model.image import WorkerImage
from syft.model.job import Job, JobLog, Release
from syft.model.letter import Letter
from syft.model.object import FailedOperations, ObjectRecord, RetiredUid
from syft.model.peer import Peer
from syft.model.permission import Grant
from syft.model.policystate import PolicyState
from syft.model.pool import Pool
from syft.model.request import Request, RequestHandler
from syft.model.transit import InTransit
from syft.model.user import SessionKey, User
from syft.model.worker import JoinToken, Worker
from syft.store.columns import Codec, Coder, checked, codec_for, json_text, micros_of, same, time_of

# Every schema there has been, oldest first; `migrations/versions` holds the way from each to the next.
REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")

# One answer, whoever's the other is: that somebody may see it does not follow from knowing its UID.
OBJECT_UID_TAKEN: Final = "An object cannot have this UID. Leave the UID out, and the node chooses one."

metadata = MetaData()

# On SQLite, an INTEGER primary key is the row's own number; a BIGINT one would be a second index.
_RowNumber = BigInteger().with_variant(Integer, "sqlite")
# What reading a row that is no record raises: a codec, msgspec, or the record's own check.
_UNREADABLE: Final = (TypeError, ValueError, OverflowError, msgspec.MsgspecError, SyftException)


@dataclass(frozen=True)
class Searchable:
    """A column that questions may name.

    Args:
        column: where the answer is looked for; not always the column of that name.
        encode: from the value asked for to that column's.
        decode: and back.
        is_text: whether `Contains` makes sense.
    """

    column: Column[Any]
    encode: Coder
    decode: Coder
    is_text: bool


@dataclass(frozen=True)
class Kind:
    """One kind of record and its table.

    Args:
        record: the class.
        label: what people call it.
        taken: what to tell who adds one that another stands in the way of.
        table: where they are; `position` orders them by insertion.
        columns: the record's own, in the order of its fields.
        searchable: what questions may name.
    """

    record: type[msgspec.Struct]
    label: str
    taken: str
    table: Table
    columns: tuple[Column[Any], ...]
    searchable: dict[str, Searchable]
    _codecs: tuple[tuple[str, Codec], ...]
    _derived: dict[str, Coder]

    def to_row(self, record: msgspec.Struct) -> dict[str, Any]:
        """The values of every column but `position`.

        Raises:
            InvalidInput: one cannot be stored.
        """
        row = {name: checked(codec.encode, getattr(record, name), name) for name, codec in self._codecs}
        for name, derive in self._derived.items():
            row[name] = derive(record)
        return row

    def from_row(self, row: Sequence[Any]) -> msgspec.Struct:
        """The record whose `columns` hold these values.

        Raises:
            StorageError: they were changed from outside, and are no such record any more.
        """
        try:
            return self.record(
                **{name: codec.decode(value) for (name, codec), value in zip(self._codecs, row, strict=True)}
            )
        except _UNREADABLE as error:
            # Not with the error as its cause: that may quote the values.
            detail = type(error).__name__
            raise StorageError(f"A stored {self.label} is damaged and cannot be read.", detail) from None

    def search(self, name: str) -> Searchable:
        """The column that a question names.

        Raises:
            InvalidInput: there is none, or nothing can be looked for in it.
        """
        found = self.searchable.get(name)
        if found is None:
            names = ", ".join(self.searchable)
            raise InvalidInput(f"A {self.label} cannot be looked for by '{name[:50]}'. Use one of: {names}.")
        return found

    def encode(self, name: str, value: object) -> object:
        """`value` as the column that a question names holds it.

        Raises:
            InvalidInput: it can hold no such value, or `search` refuses.
        """
        return checked(self.search(name).encode, value, name)


# Tables


@dataclass(frozen=True)
class _Derived:
    """A column that is computed from the record; asked for by its name, or in the place of another's.

    Args:
        of: from the record.
        encode: from the value that is asked for.
        instead_of: the field whose questions it answers.
        column_type: of the column.
    """

    of: Coder
    encode: Coder
    instead_of: str = ""
    column_type: TypeEngine[Any] = field(default_factory=Text)


@dataclass(frozen=True)
class _Spec:
    """What is said of a kind below, once."""

    name: str
    label: str
    taken: str = "It is already there."
    unique: tuple[tuple[str, ...], ...] = ()
    indexed: tuple[tuple[str, ...], ...] = ()
    # Secrets: a question about them, letter by letter, would be an answer.
    hidden: frozenset[str] = frozenset()
    derived: dict[str, _Derived] = field(default_factory=dict)


def _default_of(codec: Codec, one: msgspec.structs.FieldInfo) -> str | TextClause | ColumnElement[Any] | None:
    if one.default is not msgspec.NODEFAULT:
        value = codec.encode(one.default)
    elif one.default_factory is not msgspec.NODEFAULT:
        value = codec.encode(one.default_factory())
    else:
        return None
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return true() if value else false()
    return text(str(value))


def _column(name: str, codec: Codec, default: Any = None) -> Column[Any]:
    return Column(name, codec.column_type, nullable=codec.nullable, server_default=default)


def _kind(record: type[msgspec.Struct], spec: _Spec) -> Kind:
    fields = msgspec.structs.fields(record)
    codecs = tuple((one.name, codec_for(one.type)) for one in fields)
    columns = tuple(
        _column(name, codec, _default_of(codec, one))
        for (name, codec), one in zip(codecs, fields, strict=True)
    )
    derived = {name: Column(name, one.column_type, nullable=True) for name, one in spec.derived.items()}
    table = Table(
        spec.name,
        metadata,
        Column("position", _RowNumber, primary_key=True),
        *columns,
        *derived.values(),
        *_indexes(spec.name, (("uid",), *spec.unique), unique=True),
        *_indexes(spec.name, spec.indexed, unique=False),
    )
    searchable = {
        name: Searchable(column, codec.encode, codec.decode, isinstance(column.type, Text))
        for (name, codec), column in zip(codecs, columns, strict=True)
        if codec.searchable and name not in spec.hidden
    }
    for name, one in spec.derived.items():
        asked = Searchable(derived[name], one.encode, same, isinstance(one.column_type, Text))
        searchable[one.instead_of or name] = asked
    return Kind(
        record,
        spec.label,
        spec.taken,
        table,
        columns,
        searchable,
        codecs,
        {name: one.of for name, one in spec.derived.items()},
    )


def _indexes(table: str, groups: Iterable[tuple[str, ...]], *, unique: bool) -> list[Index]:
    prefix = "uq" if unique else "ix"
    return [Index(f"{prefix}_{table}_{'_'.join(group)}", *group, unique=unique) for group in groups]


_optional_text = codec_for(str | None)

_SPECS: Final[dict[type[msgspec.Struct], _Spec]] = {
    User: _Spec(
        "users",
        "user",
        taken="An account with this e-mail already exists.",
        unique=(("email_key",),),
        hidden=frozenset({"password_hash"}),
        derived={
            "email_key": _Derived(lambda user: user.email.lower(), lambda email: email.lower(), "email"),
        },
    ),
    SessionKey: _Spec(
        "session_keys",
        "session key",
        taken="This key is already in use.",
        unique=(("verify_key",),),
        indexed=(("user_uid",),),
    ),
    Grant: _Spec("grants", "grant", indexed=(("object_uid", "user_uid"), ("user_uid",))),
    ObjectRecord: _Spec(
        "objects",
        "object",
        taken=OBJECT_UID_TAKEN,
        indexed=(
            ("private_digest",),
            ("mock_digest",),
            ("owner_uid",),
            ("made_by",),
            ("findable",),
            ("lease_until",),
        ),
        derived={
            "private_digest": _Derived(
                lambda one: one.private.digest if one.private else None, _optional_text.encode
            ),
            "mock_digest": _Derived(lambda one: one.mock.digest if one.mock else None, _optional_text.encode),
            # In JSON, where quotes stand around each and quotes within are escaped: `"a"` is never part of another.
            "tag_text": _Derived(lambda one: json_text(one.tags).lower(), _optional_text.encode),
            "size": _Derived(lambda one: one.size, same, column_type=BigInteger()),
            # As of the tags; most objects name nobody.
            "approver_text": _Derived(
                lambda one: json_text(one.safeguards.approvers) if one.safeguards.approvers else None,
                _optional_text.encode,
            ),
        },
    ),
    FailedOperations: _Spec(
        "failed_operations",
        "count of failed operations",
        unique=(("user_uid", "object_uid"),),
        indexed=(("object_uid",),),
    ),
    RetiredUid: _Spec("retired_uids", "retired UID", taken=OBJECT_UID_TAKEN),
    DatasetRecord: _Spec(
        "datasets",
        "dataset",
        taken="A dataset with this name already exists.",
        unique=(("name",),),
        indexed=(("owner_uid",),),
    ),
    Code: _Spec(
        "code",
        "function",
        taken="You have submitted exactly this function before.",
        unique=(("owner_uid", "digest"),),
        indexed=(("owner_uid", "name"), ("protocol", "step")),
        derived={
            "protocol": _Derived(lambda code: code.protocol, _optional_text.encode),
            "step": _Derived(lambda code: code.step, same, column_type=BigInteger()),
            "size": _Derived(lambda code: code.size, same, column_type=BigInteger()),
        },
    ),
    Request: _Spec(
        "requests",
        "request",
        indexed=(("code_uid",), ("object_uid",), ("requester_uid",), ("state",), ("expires_at",)),
    ),
    RequestHandler: _Spec("request_handlers", "request handler", indexed=(("owner_uid",),)),
    Approval: _Spec("approvals", "approval", unique=(("request_uid", "approver_uid"),)),
    StandingApproval: _Spec(
        "standing_approvals",
        "standing approval",
        indexed=(("code_digest",), ("approver_uid",), ("digest",)),
    ),
    Job: _Spec(
        "jobs",
        "job",
        indexed=(
            ("requester_uid",),
            ("code_uid",),
            ("parent_uid",),
            ("state",),
            ("run",),
            ("request_uid",),
        ),
    ),
    JobLog: _Spec("job_logs", "job log"),
    Peer: _Spec(
        "peers",
        "peer",
        taken="This node is known already.",
        unique=(("node_uid",), ("verify_key",)),
    ),
    Letter: _Spec(
        "letters",
        "letter",
        taken="This message has been taken before.",
        unique=(("sender", "message_uid"),),
        indexed=(("state",),),
    ),
    InTransit: _Spec(
        "in_transit",
        "value on its way",
        unique=(("place",),),
        indexed=(("protocol", "step"), ("run",), ("blob",), ("request_uid",), ("lease_until",)),
        derived={
            "place": _Derived(lambda one: one.place, _optional_text.encode),
            "blob": _Derived(lambda one: one.blob, _optional_text.encode),
            "size": _Derived(lambda one: one.value.size, same, column_type=BigInteger()),
        },
    ),
    Release: _Spec("releases", "release", indexed=(("request_uid",), ("user_uid",))),
    PolicyState: _Spec("policy_states", "state of a policy"),
    HeldResult: _Spec(
        "held_results",
        "held result",
        taken="The result of this job is held already.",
        indexed=(("request_uid",), ("requester_uid",), ("state",), ("blob",)),
        derived={"blob": _Derived(lambda one: one.blob, _optional_text.encode)},
    ),
    Pool: _Spec(
        "pools",
        "worker pool",
        taken="A worker pool with this name already exists.",
        unique=(("name",),),
    ),
    Worker: _Spec(
        "workers",
        "worker",
        taken="This worker is known already.",
        unique=(("verify_key",),),
    ),
    JoinToken: _Spec("join_tokens", "join token", unique=(("token_hash",),)),
    WorkerImage: _Spec(
        "worker_images",
        "worker image",
        taken="A worker image with this tag already exists.",
        unique=(("tag",),),
        indexed=(("digest",), ("state",)),
    ),
}

_KINDS: Final = {record: _kind(record, spec) for record, spec in _SPECS.items()}


def kind_of(record: type[msgspec.Struct]) -> Kind:
    """The table of this class of records.

    Raises:
        TypeError: records of this class are not stored.
    """
    kind = _KINDS.get(record)
    if kind is None:
        raise TypeError(f"{record.__name__} is not a kind of record that is stored")
    return kind


# The log, and single values

_EVENT_CODECS: Final = tuple((one.name, codec_for(one.type)) for one in msgspec.structs.fields(Event))

events = Table(
    "events",
    metadata,
    Column("seq", _RowNumber, primary_key=True),
    *(_column(name, codec) for name, codec in _EVENT_CODECS),
    Column("previous", Text(), nullable=False),
    Column("hash", Text(), nullable=False),
    Column("signature", Text(), nullable=False),
    # What makes a message count once, also across restarts. Entries without a message do not collide.
    Index("uq_events_message_uid", "message_uid", unique=True),
)

# One row, with id 1: the signed end of the log.
events_head = Table(
    "events_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger(), nullable=False),
    Column("hash", Text(), nullable=False),
    Column("signature", Text(), nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("name", Text(), primary_key=True),
    Column("value", Text(), nullable=False),
)


def settled(event: Event) -> Event:
    """`event` as it will be read back: its time in UTC. What is hashed must be what is stored.

    Raises:
        InvalidInput: its time has no zone.
    """
    micros = checked(micros_of, event.created_at, "created_at")
    return msgspec.structs.replace(event, created_at=time_of(micros))


def event_to_row(entry: ChainedEvent) -> dict[str, Any]:
    """The values of a row of `events`.

    Raises:
        InvalidInput: one cannot be stored.
    """
    row = {name: checked(codec.encode, getattr(entry.event, name), name) for name, codec in _EVENT_CODECS}
    return row | {
        "seq": entry.seq,
        "previous": entry.previous,
        "hash": entry.hash,
        "signature": entry.signature,
    }


def event_from_row(row: Sequence[Any]) -> ChainedEvent:
    """The entry in a row of `events`, its columns in the table's order.

    Raises:
        StorageError: it was changed from outside, and is no event any more.
    """
    seq, *fields, previous, own, signature = row
    try:
        event = Event(
            **{name: codec.decode(value) for (name, codec), value in zip(_EVENT_CODECS, fields, strict=True)}
        )
    except _UNREADABLE as error:
        detail = type(error).__name__
        raise StorageError(f"The log is damaged at entry {seq}: it cannot be read.", detail) from None
    return ChainedEvent(seq=seq, event=event, previous=previous, hash=own, signature=signature)
