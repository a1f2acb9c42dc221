"""What tests of the client start from: a datasite in this process, and the people who use it."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest

from syft.client import present
from syft.client.assets import Asset, Contributor, Dataset
from syft.client.client import Client
from syft.client.datasets import AssetView
from syft.client.login import connect, login
from syft.config import DEFAULT_EMAIL, DEFAULT_PASSWORD, Settings
from syft.node.node import Node
from syft.server.open_node import open_node
from syft.transport.memory import MemoryRoute

FRAME = pd.DataFrame({"A": [1, 2, 3], "B": [10, 20, 30]})
MOCK = pd.DataFrame({"A": [1, 2, 1], "B": [20, 10, 20]})


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A datasite with an administrator, a scientist named Sheldon, and one dataset of one asset."""
    settings = Settings.from_env({"SYFT_HOME": str(tmp_path_factory.mktemp("client"))})
    node = open_node(settings, "test site")
    node.start()
    try:
        yield node
    finally:
        node.close()


@pytest.fixture(scope="session")
def route(node: Node) -> MemoryRoute:
    """The way to it."""
    return MemoryRoute(node)


@pytest.fixture(scope="session")
def admin(route: MemoryRoute) -> Client:
    """Its administrator, who has put a dataset up and lets guests register."""
    admin = login(DEFAULT_EMAIL, DEFAULT_PASSWORD, route=route)
    admin.settings.allow_guest_signup(enable=True)
    uploader = Contributor("John Doe", "john@test.org", role="Uploader")
    asset = Asset("people", data=FRAME, mock=MOCK, contributors=[uploader])
    admin.upload_dataset(Dataset("People", "Who they are.", asset_list=[asset], contributors=[uploader]))
    return admin


@pytest.fixture(scope="session")
def scientist(admin: Client, route: MemoryRoute) -> Client:
    """Sheldon, who may not see the data."""
    connect(route=route).register(name="Sheldon", email="sheldon@test.org", password="123")
    return login("sheldon@test.org", "123", route=route)


@pytest.fixture
def asset(scientist: Client) -> AssetView:
    """The asset, as Sheldon sees it."""
    return scientist.datasets["People"].assets[0]


@pytest.fixture(autouse=True)
def talkative() -> Iterator[None]:
    """Whatever a test does to how we speak is undone."""
    yield
    present.settings.quiet = False
