"""This module holds what an owner puts together before uploading: contributors, assets with their mocks, datasets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from syft.client.present import Block, Card, Shown, Text, Value
from syft.client.terms import Safeguards, as_safeguards, safeguards_text
from syft.errors import AlreadyExists, InvalidInput, NotFound
from syft.model.dataset import ContributorRecord
from syft.model.user import check_name

NO_MOCK_TEXT: Final = (
    "To be included in a Dataset, an asset must either contain a mock, or have it explicitly set to be empty.\n"
    "You can create an asset without a mock with `sy.Asset(..., mock=sy.ActionObject.empty())` or set the mock "
    "of an existing asset to be empty with `asset.no_mock()`."
)


class ActionObject:
    """Stands for a value in an asset; here only for none at all, made by `ActionObject.empty()`."""

    @classmethod
    def empty(cls) -> ActionObject:
        """What stands in an asset where there is deliberately no value."""
        return EMPTY

    def __repr__(self) -> str:
        return "ActionObject.empty()"


EMPTY: Final = ActionObject()


class Contributor(Shown):
    """A person who had a part in data.

    Args:
        name: shown.
        email: how to reach them.
        role: what they did: "Uploader", "Editor", free text.
        phone: free text.
        note: free text.
    Raises:
        InvalidInput: no name, or an e-mail that cannot be one.
    """

    def __init__(
        self,
        name: str,
        email: str,
        role: str | None = None,
        phone: str | None = None,
        note: str | None = None,
    ) -> None:
        self.record = ContributorRecord(
            name=name, email=email, role=role or "", phone=phone or "", note=note or ""
        )

    @classmethod
    def from_record(cls, record: ContributorRecord) -> Contributor:
        """The contributor that a node knows."""
        return cls(record.name, record.email, record.role, record.phone, record.note)

    @property
    def name(self) -> str:
        """Shown."""
        return self.record.name

    @property
    def email(self) -> str:
        """How to reach them."""
        return self.record.email

    @property
    def role(self) -> str:
        """What they did."""
        return self.record.role

    def row(self) -> dict[str, object]:
        """Their line in a list."""
        return {"Name": self.name, "Email": self.email, "Role": self.role}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Contributor) and self.record == other.record

    def __hash__(self) -> int:
        return hash(self.record)

    def _card(self) -> Card:
        facts = [
            ("Email", self.email),
            ("Role", self.role),
            ("Phone", self.record.phone),
            ("Note", self.record.note),
        ]
        return Card(self.name, [fact for fact in facts if fact[1]])


class _WithContributors:
    """What assets and datasets have in common: people who had a part in them."""

    name: str

    def __init__(self, contributors: Iterable[Contributor]) -> None:
        self.contributors: list[Contributor] = []
        for contributor in contributors:
            self._add(contributor)

    def add_contributor(
        self,
        name: str,
        email: str,
        role: str | None = None,
        phone: str | None = None,
        note: str | None = None,
    ) -> None:
        """Name somebody who had a part in it.

        Raises:
            AlreadyExists: somebody with that e-mail is named already.
        """
        self._add(Contributor(name, email, role, phone, note))

    def _add(self, contributor: Contributor) -> None:
        if not isinstance(contributor, Contributor):
            raise InvalidInput(
                f"A contributor is made with sy.Contributor(...), not given as {type(contributor).__name__}."
            )
        if any(one.email == contributor.email for one in self.contributors):
            raise AlreadyExists(
                f"Contributor with email: '{contributor.email}' already exists in '{self.name}'."
            )
        self.contributors.append(contributor)


class Asset(_WithContributors, Shown):
    """One table, array or other value, with the mock that everybody may see in its place.

    Args:
        name: unique within its dataset.
        data: the private value; only its owner and whom they allow will see it.
        mock: a stand-in of the same type; `ActionObject.empty()` for none.
        description: free text.
        shape: said of the data where it has none of its own.
        mock_is_real: whether the mock is a sample of real rows.
        contributors: who had a part in it.
        data_subjects: names of those the data is about.
        safeguards: what you demand before anything made of it leaves; left out: what its dataset demands.
    Raises:
        InvalidInput: mock and data are of different types.
    """

    def __init__(
        self,
        name: str,
        data: Any = None,
        mock: Any = None,
        description: str | None = None,
        shape: tuple[int, ...] | None = None,
        mock_is_real: bool = False,
        contributors: Iterable[Contributor] = (),
        data_subjects: Iterable[str] = (),
        safeguards: Safeguards | None = None,
    ) -> None:
        check_name(name, "An asset's name")
        self.name = name
        super().__init__(contributors)
        self.description = description or ""
        self.shape = shape
        self.mock_is_real = mock_is_real
        self.data_subjects = list(data_subjects)
        as_safeguards(safeguards)
        self.safeguards = safeguards
        self.data = data
        self.mock = mock
        self._check_types()

    def set_description(self, description: str) -> None:
        """Say what it is."""
        self.description = description

    def set_shape(self, shape: tuple[int, ...]) -> None:
        """Say what shape the data has."""
        self.shape = shape

    def add_data_subject(self, name: str) -> None:
        """Say whom the data is about."""
        self.data_subjects.append(name)

    def set_obj(self, data: Any) -> None:
        """Set the private value.

        Raises:
            InvalidInput: its type is not the mock's.
        """
        before, self.data = self.data, data
        try:
            self._check_types()
        except InvalidInput:
            self.data = before
            raise

    def set_mock(self, mock_data: Any, mock_is_real: bool = False) -> None:
        """Set the mock.

        Args:
            mock_data: of the same type as the data.
            mock_is_real: whether it is a sample of real rows.
        Raises:
            InvalidInput: its type is not the data's, or nothing is said to be real.
        """
        before = self.mock, self.mock_is_real
        self.mock, self.mock_is_real = mock_data, mock_is_real
        try:
            self._check_types()
        except InvalidInput:
            self.mock, self.mock_is_real = before
            raise

    def set_safeguards(self, safeguards: Safeguards | None) -> None:
        """Say what you demand before anything made of it leaves: `sy.Safeguards(...)`; None: what its dataset does."""
        as_safeguards(safeguards)
        self.safeguards = safeguards

    def no_mock(self) -> None:
        """Have no mock: nobody will see what the data looks like, or be able to try code on it."""
        self.set_mock(EMPTY, False)

    def contains_empty(self) -> bool:
        """Whether data or mock is deliberately not there."""
        return self.data is EMPTY or self.mock is EMPTY

    def check(self) -> None:
        """Raise unless it can be uploaded.

        Raises:
            InvalidInput: mock or data is missing, or they are of different types.
        """
        if self.mock is None:
            raise InvalidInput(NO_MOCK_TEXT)
        if self.data is None:
            raise InvalidInput(
                f"Asset '{self.name}' has no data. Set it with `asset.set_obj(data)`, or say that there is none "
                "with `asset.set_obj(sy.ActionObject.empty())`."
            )
        if self.data is EMPTY and self.mock is EMPTY:
            raise InvalidInput(f"Asset '{self.name}' has neither data nor mock. Set at least one of them.")
        self._check_types()

    def _check_types(self) -> None:
        if self.mock is EMPTY and self.mock_is_real:
            raise InvalidInput("`mock_is_real` must be False if mock is empty.")
        if any(value is None or value is EMPTY for value in (self.data, self.mock)):
            return
        if type(self.data) is not type(self.mock):
            raise InvalidInput(
                f"set_obj type {type(self.data)} must match set_mock type {type(self.mock)}. Make the mock of asset "
                f"'{self.name}' of the same type as its data, so that code that runs on one runs on the other."
            )

    def row(self) -> dict[str, object]:
        """Its line in a list."""
        return {"Asset Name": self.name, "Description": self.description}

    def _card(self) -> Card:
        facts: list[tuple[str, object]] = [("Description", self.description)] if self.description else []
        if self.safeguards is not None:
            facts.append(("Safeguards", safeguards_text(self.safeguards.record) or "none"))
        return Card(self.name, facts, [("Data", _shown(self.data)), ("Mock Data", _shown(self.mock))])


def _shown(value: Any) -> Block:
    return Text("(not set)") if value is None else Text("(none)") if value is EMPTY else Value(value)


class Dataset(_WithContributors, Shown):
    """Assets under one name, to be uploaded with `client.upload_dataset`.

    Args:
        name: unique at the node.
        description: free text.
        summary: one line.
        asset_list: its assets, in order.
        contributors: who had a part in it.
        citation: how to cite it.
        url: where to read more.
        safeguards: what you demand before anything made of its assets leaves, of those that say nothing themselves.
    Raises:
        AlreadyExists: two assets of one name.
    """

    def __init__(
        self,
        name: str,
        description: str | None = None,
        summary: str | None = None,
        asset_list: Sequence[Asset] = (),
        contributors: Iterable[Contributor] = (),
        citation: str | None = None,
        url: str | None = None,
        safeguards: Safeguards | None = None,
    ) -> None:
        check_name(name, "A dataset's name")
        self.name = name
        super().__init__(contributors)
        self.description = description or ""
        self.summary = summary or ""
        self.citation = citation or ""
        as_safeguards(safeguards)
        self.safeguards = safeguards
        self.url = ""
        if url:
            self.add_url(url)
        self.asset_list: list[Asset] = []
        for asset in asset_list:
            self.add_asset(asset)

    def set_description(self, description: str) -> None:
        """Say what it is."""
        self.description = description

    def set_summary(self, summary: str) -> None:
        """Say what it is, on one line."""
        self.summary = summary

    def add_citation(self, citation: str) -> None:
        """Say how to cite it."""
        self.citation = citation

    def add_url(self, url: str) -> None:
        """Say where to read more.

        Raises:
            InvalidInput: not a web address.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise InvalidInput(f"'{url[:100]}' is not a web address such as https://example.org/data.")
        self.url = url

    def add_asset(self, asset: Asset, force_replace: bool = False) -> None:
        """Add an asset.

        Args:
            asset: to add.
            force_replace: put it in the place of one with the same name.
        Raises:
            AlreadyExists: there is one with that name.
        """
        if not isinstance(asset, Asset):
            raise InvalidInput(f"An asset is made with sy.Asset(...), not given as {type(asset).__name__}.")
        for place, existing in enumerate(self.asset_list):
            if existing.name == asset.name:
                if not force_replace:
                    raise AlreadyExists(
                        f"Asset '{asset.name}' already exists in '{self.name}' Dataset.\n"
                        "Use add_asset(asset, force_replace=True) to replace."
                    )
                self.asset_list[place] = asset
                return
        self.asset_list.append(asset)

    def replace_asset(self, asset: Asset) -> None:
        """Put an asset in the place of the one with the same name."""
        self.add_asset(asset, force_replace=True)

    def remove_asset(self, name: str) -> None:
        """Take an asset out.

        Raises:
            NotFound: there is none of that name.
        """
        for asset in self.asset_list:
            if asset.name == name:
                self.asset_list.remove(asset)
                return
        raise NotFound(f"No asset exists with name: '{name}' in '{self.name}' Dataset.")

    @property
    def assets(self) -> dict[str, Asset]:
        """Its assets by name."""
        return {asset.name: asset for asset in self.asset_list}

    def check(self) -> None:
        """Raise unless it can be uploaded.

        Raises:
            InvalidInput: an asset is not complete.
        """
        for asset in self.asset_list:
            asset.check()

    def _card(self) -> Card:
        facts: list[tuple[str, object]] = [("Description", self.description), ("Summary", self.summary)]
        names = ", ".join(asset.name for asset in self.asset_list)
        return Card(self.name, [*(fact for fact in facts if fact[1]), ("Assets", names or "none yet")])
