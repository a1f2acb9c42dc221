"""This module is a door: gives `send` to the values of libraries that have been imported."""

from __future__ import annotations

import sys

from syft.lib.sendable import give_labels_to, give_to

_KINDS = (("pandas", "DataFrame"), ("pandas", "Series"), ("torch", "Tensor"))


def hook() -> None:
    """Give `send` and its companions to tables and tensors, where pandas and torch are in use already.

    A table's own `describe()` stays what it is: use `df.describe_for(...)`, or say it as you send.
    """
    for module, name in _KINDS:
        # Not imported for this: pandas takes a second, and who does not use it does not send its tables.
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None:
            give_to(kind)
            if module == "torch":
                give_labels_to(kind)
