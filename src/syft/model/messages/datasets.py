"""This module holds what is said about datasets."""

from __future__ import annotations

import msgspec

from syft.errors import InvalidInput
from syft.model.dataset import ContributorRecord, DatasetRecord
from syft.model.message import Message
from syft.model.terms import MAX_APPROVERS, Safeguards
from syft.model.uid import UID


class NewValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value on its way in: with the message when it is small, by an upload before it when it is not.

    Args:
        type_name: what it is.
        shape: its shape, where it has one.
        inline: its encoded bytes, or None.
        upload_uid: the finished upload, or None; exactly one of the two is set.
    """

    type_name: str
    shape: tuple[int, ...] | None = None
    inline: bytes | None = None
    upload_uid: UID | None = None


class NewSafeguards(msgspec.Struct, frozen=True, kw_only=True):
    """What an owner demands before anything of an object leaves, on its way in: `terms.Safeguards` with e-mails.

    Args:
        approvals: how many people have to approve a request; its author never counts.
        approvers: e-mails of accounts that may approve beside the owner and administrators.
        review: whether a person looks at each result before it leaves.
    """

    approvals: int = 1
    approvers: tuple[str, ...] = ()
    review: bool = False

    def __post_init__(self) -> None:
        if len(self.approvers) > MAX_APPROVERS:
            raise InvalidInput(f"An object names at most {MAX_APPROVERS} approvers.")
        Safeguards(approvals=self.approvals)


class NewAsset(msgspec.Struct, frozen=True, kw_only=True):
    """An asset on its way in: `dataset.AssetRecord` with its values."""

    name: str
    description: str = ""
    contributors: tuple[ContributorRecord, ...] = ()
    data_subjects: tuple[str, ...] = ()
    mock_is_real: bool = False
    private: NewValue | None = None
    mock: NewValue | None = None
    safeguards: NewSafeguards = NewSafeguards()


class CreateDataset(Message, frozen=True, tag="datasets.create"):
    """Put a dataset up, all of it or nothing. Answered by `DatasetReply`."""

    name: str
    assets: tuple[NewAsset, ...] = ()
    description: str = ""
    summary: str = ""
    citation: str = ""
    url: str = ""
    contributors: tuple[ContributorRecord, ...] = ()


class GetDataset(Message, frozen=True, tag="datasets.get"):
    """One dataset: by its UID, its name, or its place in the order of creation. Answered by `DatasetReply`."""

    uid: UID | None = None
    name: str | None = None
    index: int | None = None


class ListDatasets(Message, frozen=True, tag="datasets.list"):
    """Which datasets are there, oldest first? Answered by `DatasetsReply`.

    Args:
        name: only those with this text in their name.
        limit: how many at most; 0 for no bound but the node's.
        offset: how many to skip.
    """

    name: str = ""
    limit: int = 0
    offset: int = 0


class DeleteDataset(Message, frozen=True, tag="datasets.delete"):
    """Remove a dataset and its values; approvals that name them stop working."""

    uid: UID


class DatasetReply(Message, frozen=True, tag="datasets.reply"):
    """One dataset."""

    dataset: DatasetRecord


class DatasetsReply(Message, frozen=True, tag="datasets.list.reply"):
    """A page of datasets, and how many there are in all."""

    datasets: tuple[DatasetRecord, ...]
    total: int
