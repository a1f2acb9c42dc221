"""This module holds tensors of `torch` in the table of tags, where it is installed: a dtype's name and raw bytes.

Nothing of torch's own formats is used, which are pickle.
"""

from __future__ import annotations

import math
from typing import Any, Final

from syft.errors import DecodeError
from syft.wire.parts import fields, integers, of_kind
from syft.wire.tags import Packer, Tag, Unpacker, register

# Bytes an element. What is not here (quantised, sparse, of more exotic numbers) is converted by its owner.
_WIDTHS: Final = {
    "bool": 1,
    "uint8": 1,
    "int8": 1,
    "int16": 2,
    "int32": 4,
    "int64": 8,
    "float16": 2,
    "bfloat16": 2,
    "float32": 4,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
}
_MAX_DIMENSIONS: Final = 64


def _pack_tensor(value: Any, packer: Packer) -> object:
    import torch

    name = str(value.dtype).removeprefix("torch.")
    if name not in _WIDTHS or value.layout is not torch.strided or value.is_quantized:
        packer.refuse(type(value), "use .to_dense(), or .to(torch.float32), of it")
    if value.device.type == "meta":
        packer.refuse(type(value), "it is on the meta device, and has no values")
    plain = value.detach().to("cpu").resolve_conj().resolve_neg().contiguous()
    # As bytes, whatever the numbers: numpy has no bfloat16.
    # The stride is said: of a single element torch takes any for contiguous.
    raw = plain.as_strided((plain.numel(),), (1,)).view(torch.uint8)
    return [name, list(value.shape), value.requires_grad, packer.buffer(raw.numpy().data)]


def _unpack_tensor(parts: object, unpacker: Unpacker) -> object:
    import torch

    name, shape_part, asks_for_gradients, content = fields(parts, 4)
    width = _WIDTHS.get(of_kind(name, str))
    shape = integers(of_kind(shape_part, list))
    if width is None or len(shape) > _MAX_DIMENSIONS or any(side < 0 for side in shape):
        raise DecodeError("not a tensor of this version")
    data = unpacker.view(content)
    if math.prod(shape) * width != len(data):
        raise DecodeError("a tensor's shape does not agree with its bytes")
    dtype = getattr(torch, name)
    if not len(data):
        tensor = torch.empty(shape, dtype=dtype)
    else:
        raw = bytearray(data)
        if dtype is torch.bool and not unpacker.trusted and max(raw) > 1:
            # Such a byte is undefined behaviour in torch's kernels.
            raise DecodeError("a truth value that is neither 0 nor 1")
        # A copy even where others would be views: torch has no read-only tensors.
        tensor = torch.frombuffer(raw, dtype=torch.uint8).view(dtype).reshape(shape)
    if of_kind(asks_for_gradients, bool):
        if not (dtype.is_floating_point or dtype.is_complex):
            raise DecodeError("only tensors of fractions ask for gradients")
        tensor.requires_grad_(True)
    return tensor


register(Tag.TENSOR, ("torch", "Tensor"), _pack_tensor, _unpack_tensor)
