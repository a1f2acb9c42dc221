"""Objects over real HTTP, and after a restart: the same as in one process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from support.people import ROOT
from support.servers import ServerProcess
from syft.client.assets import Asset, Dataset
from syft.client.client import Client
from syft.errors import NotFound
from syft.model.request import RequestState


def test_sent_found_asked_for_and_granted_over_http(tmp_path: Path) -> None:
    large = np.arange(3_000_000.0)  # some 24 MB: goes and comes in parts
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]})
    with ServerProcess(tmp_path) as server:
        owner = Client.guest(server.route()).login(*ROOT)
        owner.settings.allow_guest_signup(enable=True)
        Client.guest(server.route()).register(name="Ada", email="ada@example.org", password="123")
        ada = Client.guest(server.route()).login("ada@example.org", "123")
        sent = owner.objects.send(large, tags=["large"], description="many")
        owner.objects.send(frame, tags=["small"], pointable=False)
        owner.upload_dataset(Dataset("Set", asset_list=[Asset("part", data=frame, mock=frame.head(0))]))

        found = ada.objects["large"]
        assert found.id == sent.id
        assert [one.id for one in ada.objects] == [sent.id, ada.datasets["Set"].assets[0].action_id]
        with pytest.raises(NotFound):
            found.get()
        request = found.request("please")
        owner.requests[0].accept()
        assert request.status is RequestState.APPROVED
        assert np.array_equal(found.get(), large)

        owner.requests.add_handler("accept", tags=["Set", "part"], element_quota=4)
        assert ada.objects["part"].request().status is RequestState.APPROVED
        assert ada.datasets["Set"].assets[0].data.equals(frame)
        own = ada.objects.send({"a": 1}, tags=["ada's"])
    with ServerProcess(tmp_path) as server:
        ada = Client.guest(server.route()).login("ada@example.org", "123")
        assert ada.objects["ada's"].id == own.id
        assert np.array_equal(ada.objects["large"].get(), large)
        owner = Client.guest(server.route()).login(*ROOT)
        assert owner.requests.handlers[0].elements_used == 4
        owner.objects.replace(sent.id, 1)
        assert not ada.objects["large"].check_access()
