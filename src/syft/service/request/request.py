"""This module is a door: requests and their states, at the import path that PySyft 0.9 has."""

from __future__ import annotations

from syft.client.coderequests import Request
from syft.model.request import RequestState as RequestStatus

__all__ = ["Request", "RequestStatus"]
