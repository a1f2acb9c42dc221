"""This module is a door: pointers to values at several workers."""

from syft.workers.multi import MultiPointerTensor

__all__ = ["MultiPointerTensor"]
