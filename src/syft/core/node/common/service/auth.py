"""This module is a door: who may have a service done, in the words of PySyft 0.5."""

from __future__ import annotations

from syft.errors import AuthorizationException

__all__ = ["AuthorizationException"]
