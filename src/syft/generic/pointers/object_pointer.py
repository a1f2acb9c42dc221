"""This module is a door: pointers to values of every kind."""

from syft.workers.pointers import PointerTensor as ObjectPointer

__all__ = ["ObjectPointer"]
