"""Computing with pointers over real HTTP, by an owner and a scientist: asked for, seen, granted, read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from support.people import ROOT
from support.servers import ServerProcess
from syft.client.client import Client
from syft.client.pointer import Pointer
from syft.errors import CodeFailed, LimitExceeded, NotFound
from syft.model.request import RequestState


def test_a_scientist_computes_on_what_she_may_not_see(tmp_path: Path) -> None:
    patients = pd.DataFrame({"age": [30, 40, 50, 61], "ward": ["a", "b", "a", "b"]})
    invented = pd.DataFrame({"age": [1, 2], "ward": ["a", "b"]})
    large = np.ones((300, 1000))
    with ServerProcess(tmp_path) as server:
        owner = Client.guest(server.route()).login(*ROOT)
        owner.settings.allow_guest_signup(enable=True)
        Client.guest(server.route()).register(name="Ada", email="ada@example.org", password="123")
        ada = Client.guest(server.route()).login("ada@example.org", "123")
        owner.objects.send(patients, tags=["patients"], mock=invented)
        owner.objects.send(large, tags=["large"])

        table = ada.objects["patients"]
        old = table[table["age"] > 35].groupby("ward")["age"].mean()
        assert isinstance(old, Pointer)
        assert old.tags == ["patients", "__getitem__", "__gt__", "groupby"]
        assert old.mock.empty, "nobody in the mock is older"
        with pytest.raises(NotFound):
            old.get()
        request = old.request("mean age")
        seen = owner.requests[0]
        assert "by groups [by='ward', agg='mean', columns='age']" in seen.object_story
        assert seen.object_story in seen.changes
        assert seen.object_story in repr(seen)
        seen.approve()
        assert request.wait(5) is RequestState.APPROVED
        assert old.get().to_dict() == {"a": 50.0, "b": 50.5}
        with pytest.raises(CodeFailed, match="On the mock"):
            table["gone"]

        weights = np.full(300, 0.5)
        matrix = ada.objects["large"]
        total = (weights @ matrix).sum()
        assert owner.objects[total.id].get() == 150_000
        brought = matrix + np.ones((300, 1000))  # 2.4 MB: goes there by an upload
        assert owner.objects[brought.id].get().max() == 2
        with pytest.raises(LimitExceeded):
            ada.numpy.ones(10**9)
        made = ada.numpy.ones((2, 2)) @ ada.numpy.array([1, 2])
        assert made.get().tolist() == [3.0, 3.0]
        assert (ada.python.Int(5) + 1).get() == 6
