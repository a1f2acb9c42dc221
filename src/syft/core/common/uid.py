"""This module is a door: `UID` by the path of PySyft 0.5."""

from __future__ import annotations

from syft.model.uid import UID

__all__ = ["UID"]
