"""This module does what is asked about datasets."""

from __future__ import annotations

from contextlib import ExitStack

from syft.errors import AlreadyExists, InvalidInput, NotFound
from syft.model.dataset import AssetRecord, DatasetRecord
from syft.model.message import Done, Message
from syft.model.messages.datasets import (
    CreateDataset,
    DatasetReply,
    DatasetsReply,
    DeleteDataset,
    GetDataset,
    ListDatasets,
    NewAsset,
)
from syft.model.object import MAX_DESCRIPTION, ObjectKind, ObjectRecord
from syft.model.permission import Capability
from syft.model.terms import Safeguards
from syft.model.uid import UID
from syft.model.user import User
from syft.node.context import Context, fitting, page, place
from syft.node.dispatch import handles
from syft.node.removal import remove_blobs, remove_objects, wake
from syft.node.services.objects import take_value
from syft.node.services.safeguards import safeguards_from, said
from syft.store.base import Contains


@handles(CreateDataset, needs=Capability.UPLOAD_DATA)
def create_dataset(ctx: Context, message: CreateDataset) -> Message:
    """Put a dataset up: all of it in one transaction, or nothing.

    Raises:
        AlreadyExists: the name is taken.
        InvalidInput: an asset's mock is of another type than its data, or two assets have one name;
            or there is no account of an approver's e-mail.
    """
    with ctx.site.store.reading() as reader:
        owner = reader.get(User, ctx.user_uid)
        if reader.find(DatasetRecord, name=message.name) is not None:
            raise AlreadyExists(
                f"A dataset named '{message.name}' already exists. Choose another name, or delete that one first."
            )
        safeguards = [safeguards_from(ctx, reader, asset.safeguards) for asset in message.assets]
    with ExitStack() as landing:
        objects = [
            _object(ctx, landing, message.name, asset, demanded)
            for asset, demanded in zip(message.assets, safeguards, strict=True)
        ]
        dataset = _dataset(ctx, message, owner, objects)
        with ctx.site.store.writing(ctx.event("dataset.created", dataset.uid, name=dataset.name)) as tx:
            for record in objects:
                tx.add(record)
                if record.safeguards != Safeguards():
                    tx.also(ctx.event("object.safeguarded", record.uid, **said(record.safeguards)))
            tx.add(dataset)
    return DatasetReply(dataset)


def _dataset(ctx: Context, message: CreateDataset, owner: User, objects: list[ObjectRecord]) -> DatasetRecord:
    return DatasetRecord(
        uid=UID(),
        name=message.name,
        owner_uid=ctx.user_uid,
        uploaded_by=f"{owner.name} ({owner.email})",
        description=message.description,
        summary=message.summary,
        citation=message.citation,
        url=message.url,
        contributors=message.contributors,
        assets=tuple(_asset(asset, record) for asset, record in zip(message.assets, objects, strict=True)),
        size=sum(record.private.size for record in objects if record.private),
        created_at=ctx.now,
    )


def _object(
    ctx: Context, landing: ExitStack, dataset: str, asset: NewAsset, safeguards: Safeguards
) -> ObjectRecord:
    private = take_value(ctx, landing, asset.private) if asset.private else None
    mock = take_value(ctx, landing, asset.mock) if asset.mock else None
    if private is None and mock is None:
        raise InvalidInput(f"Asset '{asset.name}' has neither data nor mock.")
    if private and mock and private.type_name != mock.type_name:
        raise InvalidInput(
            f"The data of asset '{asset.name}' is a {private.type_name}, its mock a {mock.type_name}. "
            "Make the mock of the same type, so that code that runs on one runs on the other."
        )
    return ObjectRecord(
        uid=UID(),
        kind=ObjectKind.ASSET,
        owner_uid=ctx.user_uid,
        name=f"'{asset.name}' of '{dataset}'",
        private=private,
        mock=mock,
        created_at=ctx.now,
        tags=tuple(dict.fromkeys((dataset, asset.name))),
        description=asset.description[:MAX_DESCRIPTION],
        findable=True,
        made_by=ctx.user_uid,
        safeguards=safeguards,
    )


def _asset(asset: NewAsset, record: ObjectRecord) -> AssetRecord:
    value = record.private or record.mock
    return AssetRecord(
        uid=UID(),
        object_uid=record.uid,
        name=asset.name,
        description=asset.description,
        contributors=asset.contributors,
        data_subjects=asset.data_subjects,
        mock_is_real=asset.mock_is_real,
        has_private=record.private is not None,
        has_mock=record.mock is not None,
        type_name=value.type_name if value else "",
        shape=value.shape if value else None,
    )


@handles(GetDataset, needs=Capability.BROWSE_DATASETS)
def get_dataset(ctx: Context, message: GetDataset) -> Message:
    """One dataset.

    Raises:
        NotFound: there is none of that name, UID or place.
    """
    with ctx.site.store.reading() as reader:
        if message.uid is not None:
            found = reader.find(DatasetRecord, uid=message.uid)
        elif message.name is not None:
            found = reader.find(DatasetRecord, name=message.name)
        else:
            skip, newest_first = place(message.index)
            some = reader.select(DatasetRecord, limit=1, offset=skip, newest_first=newest_first)
            found = some[0] if some else None
        total = reader.count(DatasetRecord) if found is None else 0
    if found is None:
        named = f"dataset '{message.name}'" if message.name is not None else "such dataset"
        named = f"dataset number {message.index}" if message.index is not None else named
        raise NotFound(f"There is no {named}; there are {total}. `client.datasets` lists them.")
    return DatasetReply(found)


@handles(ListDatasets, needs=Capability.BROWSE_DATASETS)
def list_datasets(ctx: Context, message: ListDatasets) -> Message:
    """A page of datasets."""
    limit, offset = page(message.limit, message.offset)
    conditions = [Contains("name", message.name)] if message.name else []
    with ctx.site.store.reading() as reader:
        found = reader.select(DatasetRecord, *conditions, limit=limit, offset=offset)
        return DatasetsReply(fitting(found), reader.count(DatasetRecord, *conditions))


@handles(DeleteDataset, needs=Capability.UPLOAD_DATA)
def delete_dataset(ctx: Context, message: DeleteDataset) -> Message:
    """Remove a dataset and its values; what was approved on it no longer runs.

    Raises:
        NotFound: not there, or not the caller's.
    """
    with ctx.site.store.writing(ctx.event("dataset.deleted", message.uid)) as tx:
        dataset = tx.find(DatasetRecord, uid=message.uid)
        if dataset is None or not (ctx.caller.is_admin or dataset.owner_uid == ctx.caller.uid):
            raise NotFound("There is no such dataset, or it is not yours.")
        digests: set[str] = set()
        ended: list[UID] = []
        for asset in dataset.assets:
            record = tx.find(ObjectRecord, uid=asset.object_uid)
            if record is not None:
                digests |= record.blobs
                ended += remove_objects(tx, [record], by=ctx.user_uid, now=ctx.now)
        tx.remove(DatasetRecord, dataset.uid)
    remove_blobs(ctx.site, digests)
    wake(ctx.site, ended)
    return Done()
