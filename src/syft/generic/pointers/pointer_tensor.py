"""This module is a door: pointers to tensors."""

from syft.workers.pointers import PointerTensor

__all__ = ["PointerTensor"]
