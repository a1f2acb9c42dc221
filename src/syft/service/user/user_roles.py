"""This module is a door: roles, at the import path that PySyft 0.9 has."""

from __future__ import annotations

from syft.model.permission import Role as ServiceRole

__all__ = ["ServiceRole"]
