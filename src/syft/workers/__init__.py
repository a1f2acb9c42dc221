"""This package is a door: workers of PySyft 0.2, which are the nodes of this library and clients of them."""

from syft.workers.abstract import AbstractWorker, id_of
from syft.workers.base import BaseWorker
from syft.workers.finding import fetch, find, point_with, pointer_to, search
from syft.workers.known import get as get_worker
from syft.workers.local import local_worker
from syft.workers.multi import MultiPointerTensor
from syft.workers.pointers import PointerTensor
from syft.workers.sending import send
from syft.workers.values import plain
from syft.workers.virtual import VirtualWorker

__all__ = [
    "AbstractWorker",
    "BaseWorker",
    "MultiPointerTensor",
    "PointerTensor",
    "VirtualWorker",
    "fetch",
    "find",
    "get_worker",
    "id_of",
    "local_worker",
    "plain",
    "point_with",
    "pointer_to",
    "search",
    "send",
]
