"""What people do by mistake, and what they are told."""

from __future__ import annotations

import pytest

from syft.client.assets import Asset, Dataset
from syft.client.client import Client
from syft.client.datasets import AssetView
from syft.client.function import syft_function_single_use
from syft.errors import AuthenticationError, InvalidInput, NotFound


def test_deleting_by_name_or_email(admin: Client) -> None:
    admin.upload_dataset(Dataset(name="By name", asset_list=[Asset(name="a", data=1, mock=2)]))
    assert admin.datasets.delete("By name").is_ok()
    with pytest.raises(NotFound):
        admin.datasets["By name"]
    admin.users.create(email="leaver@test.org", name="Leaver", password="p")
    admin.users.delete("Leaver@test.org")
    assert not admin.users.search(email="leaver@test.org")
    with pytest.raises(NotFound, match="Nobody here has the e-mail"):
        admin.users.delete("leaver@test.org")


def test_a_name_where_a_uid_is_due(admin: Client) -> None:
    for wrong in (lambda: admin.requests.get_by_uid("abc"), lambda: admin.settings.allow_guest_signup("yes")):
        with pytest.raises(InvalidInput, match="has the wrong type"):
            wrong()


def test_a_session_that_the_administrator_ended_says_so(admin: Client) -> None:
    admin.users.create(email="gone@test.org", name="Gone", password="p")
    theirs = Client.guest(admin.route).login("gone@test.org", "p")
    assert theirs.me.email == "gone@test.org"
    admin.users.delete("gone@test.org")
    with pytest.raises(AuthenticationError, match="has ended"):
        len(theirs.code)


def test_a_call_without_its_asset_says_what_is_missing(scientist: Client, asset: AssetView) -> None:
    @syft_function_single_use(data=asset)
    def forgetful(data):  # type: ignore[no-untyped-def]
        return len(data)

    scientist.code.submit(forgetful)
    with pytest.raises(InvalidInput, match="missing required keyword argument: 'data'"):
        scientist.code.forgetful()
