"""This module holds datasets: named assets, each a twin of a private and a mock value, and who made them."""

from __future__ import annotations

from datetime import datetime

import msgspec

from syft.errors import InvalidInput
from syft.model.uid import UID
from syft.model.user import check_email, check_name

MAX_TEXT = 20_000
MAX_ASSETS = 10_000


class ContributorRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A person who had a part in data.

    Args:
        name: shown.
        email: how to reach them.
        role: what they did: "Uploader", "Editor", free text.
        phone: free text.
        note: free text.
    """

    name: str
    email: str
    role: str = ""
    phone: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        check_name(self.name, "A contributor's name")
        check_email(self.email)


class AssetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a dataset; the values are the object's.

    Args:
        uid: the asset's own.
        object_uid: the twin that holds private and mock value.
        name: unique within the dataset.
        description: free text.
        contributors: who had a part in it.
        data_subjects: names of those the data is about.
        mock_is_real: whether the mock is a sample of real rows, as the owner says.
        has_private: whether there is a private value at all.
        type_name: what the values are, such as "pandas.DataFrame".
        shape: of the private value, as the owner says.
    """

    uid: UID
    object_uid: UID
    name: str
    description: str = ""
    contributors: tuple[ContributorRecord, ...] = ()
    data_subjects: tuple[str, ...] = ()
    mock_is_real: bool = False
    has_private: bool = True
    has_mock: bool = True
    type_name: str = ""
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_name(self.name, "An asset's name")
        if len(self.description) > MAX_TEXT:
            raise InvalidInput(
                f"The description of asset '{self.name}' is longer than {MAX_TEXT} characters."
            )


class DatasetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A collection of assets under one name.

    Args:
        uid: the dataset's own.
        name: unique on the node.
        owner_uid: the account it belongs to.
        uploaded_by: that account's name and e-mail as they were, for display.
        description: free text.
        summary: one line.
        citation: how to cite it.
        url: where to read more.
        contributors: who had a part in it.
        assets: in the order they were given.
        size: of all private values, in bytes.
        created_at: when, in UTC.
    """

    uid: UID
    name: str
    owner_uid: UID
    uploaded_by: str
    description: str = ""
    summary: str = ""
    citation: str = ""
    url: str = ""
    contributors: tuple[ContributorRecord, ...] = ()
    assets: tuple[AssetRecord, ...] = ()
    size: int = 0
    created_at: datetime

    def __post_init__(self) -> None:
        check_name(self.name, "A dataset's name")
        if len(self.assets) > MAX_ASSETS:
            raise InvalidInput(f"A dataset holds at most {MAX_ASSETS} assets.")
        seen: set[str] = set()
        for asset in self.assets:
            if asset.name in seen:
                raise InvalidInput(f"Asset '{asset.name}' already exists in '{self.name}' Dataset.")
            seen.add(asset.name)
        if len(self.description) > MAX_TEXT or len(self.summary) > MAX_TEXT:
            raise InvalidInput(f"A dataset's texts are at most {MAX_TEXT} characters long.")
