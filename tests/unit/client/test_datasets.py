"""Datasets at a node: put up whole, shown without what may not be seen."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest

from syft.client import datasets, upload
from syft.client.assets import ActionObject, Asset, Dataset
from syft.client.client import Client
from syft.client.datasets import AssetView
from syft.errors import (
    AlreadyExists,
    AuthorizationException,
    InvalidInput,
    NodeUnreachable,
    NotFound,
    SyftException,
    UnsupportedType,
)
from syft.model.object import Face
from syft.wire.types_partitioned import Partitioned


def put_up(admin: Client, name: str, data: Any, mock: Any) -> AssetView:
    admin.upload_dataset(Dataset(name, asset_list=[Asset("one", data=data, mock=mock)]))
    view: AssetView = admin.datasets[name].assets["one"]
    return view


def test_the_guides_words(admin: Client, capsys: pytest.CaptureFixture[str]) -> None:
    done = admin.upload_dataset(Dataset("Words", asset_list=[Asset("demo_asset", data=1, mock=2)]))
    assert done.message == (
        "Dataset uploaded to 'test site'. To see the datasets uploaded by a client on this server, "
        "use command `[your_client].datasets`"
    )
    bar = capsys.readouterr().err
    assert "Uploading:   0%" in bar
    assert "Uploading: demo_asset: 100%" in bar
    assert "1/1" in bar


def test_what_a_scientist_sees(asset: AssetView, capsys: pytest.CaptureFixture[str]) -> None:
    assert repr(asset).startswith(
        f"people\nAsset ID: {asset.id.hex}\nAction Object ID: {asset.action_id.hex}\n"
        "Uploaded by: John Doe (john@test.org)\nCreated on: "
    )
    assert (
        "Data:\nYou do not have permission to access private data.\nMock Data:\n   A   B\n0  1  20"
        in repr(asset)
    )
    assert "You do not have permission to access private data." in asset._repr_html_()
    assert asset.mock.to_dict() == {"A": {0: 1, 1: 2, 2: 1}, "B": {0: 20, 1: 10, 2: 20}}
    assert asset.data is None
    assert "You do not have permission to access private data." in capsys.readouterr().out
    assert not asset.has_data_permission()
    assert asset.shape == (3, 2)
    assert asset.type_name == "pandas.DataFrame"
    assert [one.name for one in asset.contributors] == ["John Doe"]
    with pytest.raises(SyftException, match="permission"):
        asset.pointer.get()


def test_to_look_at_an_asset_is_no_act_that_was_refused(
    admin: Client, scientist: Client, asset: AssetView
) -> None:
    """The log says of nobody that they tried to read private data who has only looked at what there is."""
    seen = scientist.datasets["People"].assets["people"]
    before = len(admin.events)
    assert "You do not have permission" in repr(seen)
    assert "You do not have permission" in seen._repr_html_()
    assert len(admin.events) == before
    # To ask for the value is another thing.
    assert seen.data is None
    assert [event.verb for event in admin.events[before:]] == ["act.refused"]


def test_what_its_owner_sees(admin: Client) -> None:
    asset = admin.datasets["People"].assets[0]
    assert asset.has_data_permission()
    assert asset.data["A"].sum() == 6
    assert asset.pointer.get()["A"].sum() == 6
    assert "Data:\n   A   B\n0  1  10" in repr(asset)


def test_found_by_place_name_and_uid(admin: Client, scientist: Client) -> None:
    first = scientist.datasets[0]
    assert scientist.datasets[first.name].id == first.id
    assert scientist.datasets[first.id].name == first.name
    assert scientist.datasets.get_by_id(first.id).name == first.name
    assert scientist.datasets[-1].name == list(scientist.datasets)[-1].name
    assert [one.name for one in scientist.datasets.search("eopl")] == ["People"]
    assert scientist.datasets.keys()[0] == first.name
    assert "People" in scientist.datasets
    assert first.id in scientist.datasets
    assert "nothing" not in scientist.datasets
    assert 0 not in scientist.datasets
    assert len(scientist.datasets) == len(scientist.datasets.get_all())
    for key in (10_000, "nothing"):
        with pytest.raises(NotFound):
            scientist.datasets[key]


def test_a_dataset_and_the_list_of_them(scientist: Client) -> None:
    dataset = scientist.datasets["People"]
    assert "Description: Who they are." in repr(dataset)
    assert "people" in dataset._repr_html_()
    assert dataset.assets["people"] is dataset.assets[0]
    assert repr(scientist.datasets).startswith("Dataset Dicttuple\nTotal: ")
    assert "People" in scientist.datasets._repr_html_()


def test_only_owners_put_up(scientist: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = Dataset("Mine", asset_list=[Asset("a", data=1, mock=2)])
    with pytest.raises(AuthorizationException, match="You don't have permission to upload datasets"):
        scientist.upload_dataset(dataset)
    # The node says so too, to clients that do not ask themselves.
    monkeypatch.setattr(type(scientist.session), "role", 128)
    with pytest.raises(AuthorizationException):
        scientist.upload_dataset(dataset)


def test_names_are_unique_and_nothing_is_lost(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    put_up(admin, "Twice", 1, 2)
    with pytest.raises(AlreadyExists, match="'Twice' already exists"):
        put_up(admin, "Twice", 3, 4)
    assert admin.datasets["Twice"].assets[0].data == 1
    # A long upload is not begun when the name is taken.
    monkeypatch.setattr(upload, "upload", lambda *_, **__: pytest.fail("it was begun"))
    with pytest.raises(AlreadyExists):
        put_up(admin, "Twice", np.zeros(1_000_000), np.zeros(1))


def test_a_value_that_cannot_travel_is_said_before_anything_is_sent(admin: Client) -> None:
    before = len(admin.datasets)
    with pytest.raises(UnsupportedType, match="Asset 'one'"):
        put_up(admin, "Odd", lambda: 1, lambda: 2)
    assert len(admin.datasets) == before


def test_large_and_small_values(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    large = pd.DataFrame({"x": np.arange(1_500_000)})
    asset = put_up(admin, "Large", large, large.head(3))
    assert "`.data` fetches it" in repr(asset)
    assert asset.mock["x"].tolist() == [0, 1, 2]
    pd.testing.assert_frame_equal(asset.data, large)
    assert "1499999" in repr(asset)


def test_many_small_values_in_one_message(admin: Client) -> None:
    values = [np.full(60_000, number) for number in range(20)]
    assets = [Asset(f"n{number}", data=value, mock=value[:1]) for number, value in enumerate(values)]
    admin.upload_dataset(Dataset("Many", asset_list=assets))
    for number, asset in enumerate(admin.datasets["Many"].assets):
        np.testing.assert_array_equal(asset.data, values[number])


def test_without_a_mock_and_without_data(admin: Client, scientist: Client) -> None:
    put_up(admin, "No mock", 1, ActionObject.empty())
    asset = scientist.datasets["No mock"].assets[0]
    assert asset.mock is None
    assert "Mock Data:\n(none)" in repr(asset)
    put_up(admin, "No data", ActionObject.empty(), 2)
    asset = admin.datasets["No data"].assets[0]
    assert asset.mock == 2


def test_values_of_any_type(admin: Client) -> None:
    values = [{"a": [1, (2, 3)]}, pd.Series([1, 2], name="s"), io.BytesIO(b"x"), "text", 1.5]
    for number, value in enumerate(values):
        asset = put_up(admin, f"Type {number}", value, value)
        assert type(asset.data) is type(value)
        assert asset._repr_html_()


def test_incomplete_datasets(admin: Client) -> None:
    with pytest.raises(InvalidInput, match="must either contain a mock"):
        admin.upload_dataset(Dataset("Incomplete", asset_list=[Asset("a", data=1)]))
    with pytest.raises(InvalidInput, match=r"made with sy\.Dataset"):
        admin.upload_dataset(Asset("a", data=1, mock=2))  # type: ignore[arg-type]


def test_deleted(admin: Client) -> None:
    asset = put_up(admin, "Gone", 1, 2)
    assert admin.datasets.delete(admin.datasets["Gone"].id).is_ok()
    with pytest.raises(NotFound):
        admin.datasets["Gone"]
    assert "(not there any more)" in repr(asset)


def test_markup_in_names_stays_text(admin: Client) -> None:
    name = "<script>alert(1)</script>"
    put_up(admin, name, name, name)
    for html in (admin.datasets[name]._repr_html_(), admin.datasets[name].assets[0]._repr_html_()):
        assert "<script>" not in html
        assert "&lt;script&gt;" in html


def test_showing_an_asset_does_not_raise_when_the_node_is_away(
    asset: AssetView, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise NodeUnreachable("No answer.")

    monkeypatch.setattr(datasets, "fetch_small", away)
    assert "cannot be read now: No answer." in repr(asset)


def test_what_was_fetched_is_kept(asset: AssetView, monkeypatch: pytest.MonkeyPatch) -> None:
    mock = asset.mock
    monkeypatch.setattr(datasets, "fetch", lambda *_: pytest.fail("fetched again"))
    assert asset.mock is mock
    assert Face.MOCK in asset._values


def test_a_partitioned_asset_says_how_many_parts_it_has(admin: Client, scientist: Client) -> None:
    parts = Partitioned([list(range(1000))] * 64)
    admin.upload_dataset(
        Dataset("Parts", asset_list=[Asset("parts", data=parts, mock=Partitioned([[1], [2]]))])
    )
    asset = scientist.datasets["Parts"].assets[0]
    assert asset.row()["Type"] == "partitioned: 64 parts"
    assert list(asset.mock) == [[1], [2]]
    assert "partitioned: 2 parts" in repr(asset)
    mine = admin.datasets["Parts"].assets[0]
    assert mine.data[63] == list(range(1000))
