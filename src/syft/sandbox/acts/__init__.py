"""This package is what a run must not be able to do, each as a function that does it where it is not prevented."""

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
