"""This package is what a node does about each kind of message, an area a module; importing it fills the table."""

from syft.node.services import (
    calls,
    codes,
    datasets,
    events,
    jobs,
    network,
    nodes,
    objects,
    requests,
    session,
    settings,
    users,
)

__all__ = [
    "calls",
    "codes",
    "datasets",
    "events",
    "jobs",
    "network",
    "nodes",
    "objects",
    "requests",
    "session",
    "settings",
    "users",
]
