"""This module is a door: what everything of PySyft 0.5 shows of itself."""

from __future__ import annotations

from syft.model.naming import random_name


class Serializable:
    """Something with a line for the eye: an icon, a name, a class."""

    @property
    def icon(self) -> str:
        """One character for its kind."""
        return "🌾"

    @property
    def named(self) -> str:
        """Its name; "UNNAMED" where it has none."""
        return str(getattr(self, "name", "UNNAMED"))

    @property
    def class_name(self) -> str:
        """Its class."""
        return type(self).__name__

    @property
    def pprint(self) -> str:
        """The line."""
        return f"{self.icon} {self.named} ({self.class_name})"

    @staticmethod
    def random_name() -> str:
        """Two words for what has no name."""
        return random_name()
