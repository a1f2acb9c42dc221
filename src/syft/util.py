"""This module is a door: what `syft.util` of PySyft 0.5 is known for."""

from __future__ import annotations

from syft.model.naming import key_emoji, random_name

__all__ = ["key_emoji", "random_name"]
