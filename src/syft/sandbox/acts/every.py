"""This module is the table of acts with all its entries; it can be imported on Linux only."""

from syft.sandbox.acts import files, kernel, network, processes, resources
from syft.sandbox.acts.table import ACTS, Act, Props, attempt, attempt_quick

__all__ = [
    "ACTS",
    "Act",
    "Props",
    "attempt",
    "attempt_quick",
    "files",
    "kernel",
    "network",
    "processes",
    "resources",
]
