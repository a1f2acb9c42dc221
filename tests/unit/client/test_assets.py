"""What an owner puts together: each mistake is said where it is made."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from syft.client.assets import NO_MOCK_TEXT, ActionObject, Asset, Contributor, Dataset
from syft.errors import AlreadyExists, InvalidInput, NotFound

EMPTY = ActionObject.empty()


def test_contributors() -> None:
    person = Contributor("John Doe", "john@test.org", role="Uploader", phone="1", note="x")
    assert (person.name, person.email, person.role) == ("John Doe", "john@test.org", "Uploader")
    assert person == Contributor.from_record(person.record)
    assert {person} == {Contributor.from_record(person.record)}
    assert "Uploader" in repr(person)
    with pytest.raises(InvalidInput, match="Invalid email"):
        Contributor("John Doe", "nowhere")
    with pytest.raises(InvalidInput, match="can't be an empty string"):
        Contributor("", "john@test.org")


def test_data_and_mock_are_of_one_type() -> None:
    with pytest.raises(InvalidInput) as refused:
        Asset("a", data=pd.DataFrame(), mock=np.zeros(1))
    text = refused.value.public_message
    assert "set_obj type <class 'pandas" in text
    assert "must match set_mock type <class 'numpy.ndarray'>" in text
    assert "Make the mock" in text


def test_setters_leave_things_as_they_were_when_refused() -> None:
    asset = Asset("a", data=1, mock=2)
    with pytest.raises(InvalidInput):
        asset.set_mock("x", mock_is_real=True)
    with pytest.raises(InvalidInput):
        asset.set_obj("x")
    assert (asset.data, asset.mock, asset.mock_is_real) == (1, 2, False)
    asset.set_obj(3)
    asset.set_mock(4, mock_is_real=True)
    assert (asset.data, asset.mock, asset.mock_is_real) == (3, 4, True)


def test_no_mock_has_to_be_said() -> None:
    asset = Asset("a", data=1)
    with pytest.raises(InvalidInput, match=re.escape(NO_MOCK_TEXT)):
        asset.check()
    asset.no_mock()
    asset.check()
    assert asset.contains_empty()
    with pytest.raises(InvalidInput, match="`mock_is_real` must be False if mock is empty"):
        asset.set_mock(EMPTY, mock_is_real=True)


@pytest.mark.parametrize(
    ("data", "mock", "said"),
    [(None, 1, "has no data. Set it with"), (EMPTY, EMPTY, "neither data nor mock")],
)
def test_incomplete_assets(data: Any, mock: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Asset("a", data=data, mock=mock).check()


def test_the_rest_of_an_asset() -> None:
    asset = Asset("a", data=1, mock=2)
    asset.set_description("d")
    asset.set_shape((1, 2))
    asset.add_data_subject("people")
    asset.add_contributor("John", "john@test.org")
    assert (asset.description, asset.shape, asset.data_subjects) == ("d", (1, 2), ["people"])
    with pytest.raises(AlreadyExists, match=re.escape("'john@test.org' already exists in 'a'")):
        asset.add_contributor("Johnny", "john@test.org")
    with pytest.raises(InvalidInput, match=r"made with sy\.Contributor"):
        Asset("b", contributors=["John"])  # type: ignore[list-item]
    assert "Mock Data:\n2" in repr(asset)
    assert "(none)" in repr(Asset("b", data=1, mock=EMPTY))
    assert "(not set)" in repr(Asset("b"))


def test_asset_names_are_unique_in_a_dataset() -> None:
    dataset = Dataset("D", asset_list=[Asset("a")])
    with pytest.raises(AlreadyExists) as refused:
        dataset.add_asset(Asset("a"))
    assert refused.value.public_message == (
        "Asset 'a' already exists in 'D' Dataset.\nUse add_asset(asset, force_replace=True) to replace."
    )
    new = Asset("a")
    dataset.replace_asset(new)
    assert dataset.assets == {"a": new}
    dataset.remove_asset("a")
    assert dataset.asset_list == []
    with pytest.raises(NotFound, match="No asset exists with name: 'a'"):
        dataset.remove_asset("a")
    with pytest.raises(InvalidInput, match=r"made with sy\.Asset"):
        dataset.add_asset(3)  # type: ignore[arg-type]


def test_the_rest_of_a_dataset() -> None:
    dataset = Dataset("D", description="x", url="https://example.org")
    dataset.set_description("d")
    dataset.set_summary("s")
    dataset.add_citation("c")
    dataset.add_contributor("John", "john@test.org")
    assert (dataset.description, dataset.summary, dataset.citation) == ("d", "s", "c")
    assert "Assets: none yet" in repr(dataset)
    for url in ("javascript:alert(1)", "nowhere", "ftp://example.org"):
        with pytest.raises(InvalidInput, match="not a web address"):
            dataset.add_url(url)
    with pytest.raises(InvalidInput, match="can't be an empty string"):
        Dataset("")
