"""This module uploads datasets, and shows those that a node has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from syft.client.assets import Contributor
from syft.client.lists import DictTuple, Listing, ViewList
from syft.client.objects import Fetched, fetch, fetch_small
from syft.client.pointer import Pointer
from syft.client.present import (
    Block,
    Card,
    Shown,
    SyftError,
    SyftSuccess,
    Text,
    Value,
    kind,
    rows_of,
    say,
    size,
    when,
)
from syft.client.session import Session
from syft.client.terms import Safeguards, as_safeguards, safeguards_text
from syft.errors import (
    AuthorizationException,
    NotFound,
    SyftException,
)
from syft.model.dataset import AssetRecord, DatasetRecord
from syft.model.message import Done
from syft.model.messages.datasets import (
    DatasetReply,
    DatasetsReply,
    DeleteDataset,
    GetDataset,
    ListDatasets,
)
from syft.model.messages.objects import GetObject, ObjectReply, ObjectView, SetSafeguards
from syft.model.object import Face
from syft.model.uid import UID

NO_PERMISSION: Final = "You do not have permission to access private data."


class AssetView(Shown):
    """An asset at a node: its mock, and its data for those who may have it.

    Args:
        session: through which to read it.
        record: what the node says of it.
        dataset: the dataset it is a part of.
    """

    def __init__(self, session: Session, record: AssetRecord, dataset: DatasetRecord) -> None:
        self._session = session
        self._record = record
        self._dataset = dataset
        self._values: dict[Face, Any] = {}

    @property
    def id(self) -> UID:
        """Of the asset."""
        return self._record.uid

    @property
    def action_id(self) -> UID:
        """Of the object that holds its two values."""
        return self._record.object_uid

    def is_at(self, node_uid: UID) -> bool:
        """Whether it is at that node."""
        return self._session.info.uid == node_uid

    @property
    def name(self) -> str:
        """Unique within its dataset."""
        return self._record.name

    @property
    def description(self) -> str:
        """What it is."""
        return self._record.description

    @property
    def contributors(self) -> tuple[Contributor, ...]:
        """Who had a part in it."""
        return tuple(map(Contributor.from_record, self._record.contributors))

    @property
    def data_subjects(self) -> tuple[str, ...]:
        """Whom it is about."""
        return self._record.data_subjects

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Of the data, as its owner says."""
        return self._record.shape

    @property
    def type_name(self) -> str:
        """What the values are."""
        return self._record.type_name

    @property
    def mock_is_real(self) -> bool:
        """Whether the mock is a sample of real rows."""
        return self._record.mock_is_real

    @property
    def has_mock(self) -> bool:
        """Whether there is a mock."""
        return self._record.has_mock

    @property
    def safeguards(self) -> Safeguards:
        """What its owner demands before anything made of it leaves, as of now."""
        return Safeguards.of(self._told().safeguards)

    def set_safeguards(self, safeguards: Safeguards | None = None) -> SyftSuccess:
        """Demand this before anything made of it leaves, from now on and also of what was approved before.

        Args:
            safeguards: `sy.Safeguards(approvals=2, approvers=["..."], review=True)`; None: nothing besides an approval.
        Raises:
            NotFound: it is not yours.
            InvalidInput: there is no account of one of the e-mails.
        """
        self._session.ask(SetSafeguards(self.action_id, as_safeguards(safeguards)), ObjectReply)
        return SyftSuccess(f"The safeguards of asset {self.label} are set.")

    def _told(self) -> ObjectView:
        """What the node says of its object now."""
        return self._session.ask(GetObject(uid=self.action_id), ObjectReply).object

    @property
    def created_at(self) -> datetime:
        """When it was uploaded, in UTC."""
        return self._dataset.created_at

    @property
    def server_uid(self) -> UID:
        """The node it is at."""
        return self._session.info.uid

    @property
    def uploader(self) -> str:
        """Name and e-mail of who put it up: the contributor in that role, else the account."""
        for one in self._record.contributors:
            if one.role.strip().lower() == "uploader":
                return f"{one.name} ({one.email})"
        return self._dataset.uploaded_by

    @property
    def label(self) -> str:
        """How it is spoken of in policies."""
        return f"'{self.name}' of '{self._dataset.name}'"

    @property
    def pointer(self) -> Pointer:
        """A reference to its data."""
        return Pointer(self.action_id, session=self._session)

    @property
    def mock(self) -> Any:
        """The stand-in that everybody may see; None where there is none. A large one is read-only: `.copy()` it.

        Raises:
            SyftException: the node was not reached, or the asset is gone.
        """
        return self._value(Face.MOCK) if self.has_mock else None

    @property
    def data(self) -> Any:
        """The private value; without permission None, and a notice that says so."""
        try:
            return self._value(Face.PRIVATE)
        except (NotFound, AuthorizationException):
            say(SyftError(NO_PERMISSION))
            return None

    def has_data_permission(self) -> bool:
        """Whether you may have the private value."""
        if Face.PRIVATE in self._values:
            return True
        try:
            self._keep(Face.PRIVATE, fetch_small(self._session, self.action_id, Face.PRIVATE))
        except (NotFound, AuthorizationException):
            return False
        return True

    def _value(self, face: Face) -> Any:
        if face not in self._values:
            self._values[face] = fetch(self._session, self.action_id, face).value
        return self._values[face]

    def _keep(self, face: Face, got: Any) -> None:
        if isinstance(got, Fetched):
            self._values[face] = got.value

    def _preview(self, face: Face) -> Block:
        """The value where it is small enough to fetch for showing; a line about it otherwise."""
        if face is Face.MOCK and not self.has_mock:
            return Text("(none)")
        try:
            if face not in self._values:
                got = fetch_small(self._session, self.action_id, face)
                self._keep(face, got)
                if not isinstance(got, Fetched):
                    fetching = "mock" if face is Face.MOCK else "data"
                    return Text(
                        f"{kind(got.type_name, got.shape)} of {size(got.size)}; `.{fetching}` fetches it"
                    )
            return Value(self._values[face])
        except (NotFound, AuthorizationException):
            return Text(NO_PERMISSION if face is Face.PRIVATE else "(not there any more)")
        except SyftException as error:  # showing must not raise
            return Text(f"(cannot be read now: {error.public_message})")

    def row(self) -> dict[str, object]:
        """Its line in a list."""
        return {
            "Action ID": self.action_id.hex,
            "Asset Name": self.name,
            "Dataset Name": self._dataset.name,
            "Type": kind(self.type_name, self.shape),
            "Shape": self.shape if self.shape is not None else "",
        }

    def _card(self) -> Card:
        facts: list[tuple[str, object]] = [
            ("Asset ID", self.id.hex),
            ("Action Object ID", self.action_id.hex),
            ("Uploaded by", self.uploader),
            ("Created on", when(self.created_at)),
        ]
        # A value that may not be read is not asked for: to look at an asset would stand in the log as a refused act.
        readable = True
        try:
            told = self._told()
        except SyftException:  # showing must not raise
            pass
        else:
            readable = told.readable
            if demanded := safeguards_text(told.safeguards):
                facts.append(("Safeguards", demanded))
        private = (
            self._preview(Face.PRIVATE) if readable or Face.PRIVATE in self._values else Text(NO_PERMISSION)
        )
        return Card(self.name, facts, [("Data", private), ("Mock Data", self._preview(Face.MOCK))])


class DatasetView(Shown):
    """A dataset at a node.

    Args:
        session: through which to read it.
        record: what the node says of it.
    """

    def __init__(self, session: Session, record: DatasetRecord) -> None:
        self._session = session
        self._record = record
        # Made once, so that what was fetched stays with the asset it belongs to.
        self._assets = {asset.name: AssetView(session, asset, record) for asset in record.assets}

    @property
    def id(self) -> UID:
        """Its UID."""
        return self._record.uid

    @property
    def name(self) -> str:
        """Unique at the node."""
        return self._record.name

    @property
    def description(self) -> str:
        """What it is."""
        return self._record.description

    @property
    def summary(self) -> str:
        """What it is, on one line."""
        return self._record.summary

    @property
    def citation(self) -> str:
        """How to cite it."""
        return self._record.citation

    @property
    def url(self) -> str:
        """Where to read more."""
        return self._record.url

    @property
    def contributors(self) -> tuple[Contributor, ...]:
        """Who had a part in it."""
        return tuple(map(Contributor.from_record, self._record.contributors))

    @property
    def uploaded_by(self) -> str:
        """Name and e-mail of the account that put it up."""
        return self._record.uploaded_by

    @property
    def created_at(self) -> datetime:
        """When it was uploaded, in UTC."""
        return self._record.created_at

    @property
    def assets(self) -> DictTuple[AssetView]:
        """Its assets, by place or by name."""
        return DictTuple("Asset Dicttuple", self._assets)

    def row(self) -> dict[str, object]:
        """Its line in a list."""
        record = self._record
        return {
            "id": record.uid.hex,
            "Name": record.name,
            "Summary": record.summary,
            "Assets": len(record.assets),
            "Size": size(record.size),
            "Url": record.url,
            "Created at": when(record.created_at),
        }

    def _card(self) -> Card:
        record = self._record
        people = ", ".join(f"{one.name} ({one.email})" for one in record.contributors)
        facts = [
            ("Summary", record.summary),
            ("Description", record.description),
            ("Uploaded by", record.uploaded_by),
            ("Created on", when(record.created_at)),
            ("URL", record.url),
            ("Citation", record.citation),
            ("Contributors", people),
        ]
        table = rows_of([asset.row() for asset in self._assets.values()])
        return Card(record.name, [fact for fact in facts if fact[1]], [("Assets", table)])


class Datasets(Listing[DatasetView]):
    """The datasets at a node: `client.datasets`, by place or by name."""

    _title: ClassVar[str] = "Dataset Dicttuple"
    _what: ClassVar[str] = "dataset"

    def __init__(self, session: Session, name: str = "") -> None:
        self._session = session
        self._name = name

    def _page(self, limit: int, offset: int) -> tuple[Sequence[DatasetView], int]:
        reply = self._session.ask(ListDatasets(self._name, limit, offset), DatasetsReply)
        return [DatasetView(self._session, record) for record in reply.datasets], reply.total

    def _get(self, message: GetDataset) -> DatasetView:
        return DatasetView(self._session, self._session.ask(message, DatasetReply).dataset)

    def _at(self, index: int) -> DatasetView:
        return self._get(GetDataset(index=index))

    def _named(self, key: str) -> DatasetView:
        return self._get(GetDataset(name=key))

    def _by_uid(self, uid: UID) -> DatasetView:
        return self._get(GetDataset(uid=uid))

    def get_by_id(self, uid: UID) -> DatasetView:
        """The dataset with that UID."""
        return self._by_uid(uid)

    def search(self, name: str) -> ViewList[DatasetView]:
        """The datasets with that text in their name."""
        return Datasets(self._session, name).get_all()

    def keys(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(dataset.name for dataset in self)

    def __contains__(self, key: object) -> bool:
        """Whether there is one of that name or UID."""
        if not isinstance(key, str | UID):
            return False
        try:
            return bool(self[key].id)
        except NotFound:
            return False

    def delete(self, uid: UID | str) -> SyftSuccess:
        """Remove a dataset and its values.

        Args:
            uid: which, by its UID or its name.
        """
        which = uid if isinstance(uid, UID) else self[uid].id
        self._session.ask(DeleteDataset(which), Done)
        return SyftSuccess(f"Dataset {which.hex} deleted. Requests approved on it no longer run.")
