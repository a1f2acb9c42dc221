"""This module brings a dataset to a node: small values with the message, large ones in parts before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import msgspec

from syft.client.assets import EMPTY, Asset, Dataset
from syft.client.datasets import DatasetView
from syft.client.objects import INLINE_LIMIT_BYTES, upload
from syft.client.present import (
    SyftSuccess,
    settings,
)
from syft.client.session import Session
from syft.client.terms import as_safeguards
from syft.errors import (
    AlreadyExists,
    AuthorizationException,
    InvalidInput,
    NotFound,
    UnsupportedType,
)
from syft.model.messages.datasets import (
    CreateDataset,
    DatasetReply,
    GetDataset,
    NewAsset,
    NewValue,
)
from syft.model.permission import Role
from syft.wire import codec

# What all values of one message may have together; the rest of its 8 MiB is left to names and descriptions.
_INLINE_BUDGET: Final = 4 * 1024 * 1024


def upload_dataset(session: Session, dataset: Dataset) -> SyftSuccess:
    """Put a dataset up, all of it or nothing.

    Args:
        session: of a data owner or administrator.
        dataset: complete.
    Raises:
        InvalidInput: an asset is not complete.
        UnsupportedType: a value of a type that cannot travel.
        AuthorizationException: you may not.
        AlreadyExists: the node has a dataset of that name.
    """
    if not isinstance(dataset, Dataset):
        raise InvalidInput(
            f"What is uploaded is made with sy.Dataset(...); this is {type(dataset).__name__}."
        )
    # The node decides; this spares a wait of minutes for the same answer.
    if session.role < Role.DATA_OWNER:
        raise AuthorizationException(
            "You don't have permission to upload datasets. Ask an administrator for it."
        )
    dataset.check()
    encoded = [_encode(asset) for asset in dataset.asset_list]
    budget = _Budget()
    if any(not budget.fits(one) for pair in encoded for one in pair if one is not None):
        _check_name_is_free(session, dataset.name)
    budget = _Budget()
    with _bar(len(encoded)) as progress:
        assets = tuple(
            msgspec.structs.replace(
                _new_asset(session, asset, pair, budget, partial(progress, asset.name)),
                safeguards=as_safeguards(asset.safeguards or dataset.safeguards),
            )
            for asset, pair in zip(dataset.asset_list, encoded, strict=True)
        )
        reply = session.ask(_message(dataset, assets), DatasetReply)
    return SyftSuccess(
        f"Dataset uploaded to '{session.info.name}'. To see the datasets uploaded by a client on this server, "
        "use command `[your_client].datasets`",
        value=DatasetView(session, reply.dataset),
    )


class _Budget:
    """How much still goes along inside the message."""

    def __init__(self) -> None:
        self._left = _INLINE_BUDGET

    def fits(self, encoded: codec.Encoded) -> bool:
        """Whether this value goes along; if so, it is counted."""
        if encoded.size > min(INLINE_LIMIT_BYTES, self._left):
            return False
        self._left -= encoded.size
        return True


_Pair = tuple[codec.Encoded | None, codec.Encoded | None]


def _encode(asset: Asset) -> _Pair:
    """Data and mock as bytes; everything is tried before anything is sent."""
    values = []
    for value, what in ((asset.data, "data"), (asset.mock, "mock")):
        try:
            values.append(None if value is EMPTY else codec.encode(value, name=what))
        except UnsupportedType as error:
            raise UnsupportedType(f"Asset '{asset.name}': {error.public_message}") from None
    return values[0], values[1]


def _check_name_is_free(session: Session, name: str) -> None:
    """Raise before a long upload rather than after it.

    Raises:
        AlreadyExists: the node has a dataset of that name.
    """
    try:
        session.ask(GetDataset(name=name), DatasetReply)
    except NotFound:
        return
    raise AlreadyExists(
        f"A dataset named '{name}' already exists. Choose another name, or delete that one first."
    )


def _new_asset(
    session: Session, asset: Asset, pair: _Pair, budget: _Budget, progress: Callable[[float], None]
) -> NewAsset:
    """The asset as it goes into the message, its large values brought before.

    Args:
        session: whose it will be.
        asset: as its owner made it.
        pair: its values, encoded.
        budget: of the message.
        progress: told how much of the asset has arrived, from 0 to 1.
    """
    total = sum(one.size for one in pair if one is not None)
    arrived = 0

    def advance(count: int) -> None:
        nonlocal arrived
        arrived += count
        progress(arrived / total)

    def bring(encoded: codec.Encoded | None, shape: tuple[int, ...] | None) -> NewValue | None:
        if encoded is None:
            return None
        said = encoded.shape if encoded.shape is not None else shape
        if budget.fits(encoded):
            return NewValue(type_name=encoded.type_name, shape=said, inline=encoded.to_bytes())
        uid = upload(session, encoded, advance=advance)
        return NewValue(type_name=encoded.type_name, shape=said, upload_uid=uid)

    progress(0.0)
    private, mock = bring(pair[0], asset.shape), bring(pair[1], None)
    progress(1.0)
    return NewAsset(
        name=asset.name,
        description=asset.description,
        contributors=tuple(one.record for one in asset.contributors),
        data_subjects=tuple(asset.data_subjects),
        mock_is_real=asset.mock_is_real,
        private=private,
        mock=mock,
    )


def _message(dataset: Dataset, assets: tuple[NewAsset, ...]) -> CreateDataset:
    return CreateDataset(
        name=dataset.name,
        assets=assets,
        description=dataset.description,
        summary=dataset.summary,
        citation=dataset.citation,
        url=dataset.url,
        contributors=tuple(one.record for one in dataset.contributors),
    )


@contextmanager
def _bar(total: int) -> Iterator[Callable[[str, float], None]]:
    """A progress bar over assets, told the name of one and how much of it has arrived."""
    from tqdm import tqdm

    fractions: dict[str, float] = {}
    with tqdm(total=total, desc="Uploading", disable=settings.quiet, miniters=0) as bar:

        def progress(name: str, part: float) -> None:
            fractions[name] = part
            so_far = sum(fractions.values())
            bar.set_description(f"Uploading: {name}", refresh=False)
            bar.n = int(so_far) if so_far == int(so_far) else round(so_far, 2)
            if part in (0.0, 1.0):
                bar.refresh()
            else:
                bar.update(0)  # draws a few times a second at most

        yield progress
