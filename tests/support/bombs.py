"""What is small and unpacks to something huge."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from functools import cache
from typing import Final

import numpy as np
import pyarrow as pa

# Several hundred times what it looks like: whoever unpacks it shows.
UNPACKED: Final = 192 << 20
KINDS: Final = ("gzip", "deflate", "zip", "arrow lz4", "arrow zstd")


@cache
def bomb(kind: str) -> bytes:
    """Zeros, packed that way."""
    zeros = bytes(UNPACKED)
    made = io.BytesIO()
    if kind == "gzip":
        return gzip.compress(zeros, 1)
    if kind == "deflate":
        return zlib.compress(zeros, 1)
    if kind == "zip":
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr("zeros.npy", zeros)
        return made.getvalue()
    batch = pa.record_batch([pa.array(np.frombuffer(zeros, dtype=np.int64))], ["x"])
    options = pa.ipc.IpcWriteOptions(compression=kind.split()[1])
    with pa.ipc.new_stream(made, batch.schema, options=options) as stream:
        stream.write_batch(batch)
    return made.getvalue()


def unpacked_size(kind: str, data: bytes) -> int:
    """How much it comes to: outside the fence, it is what it says."""
    if kind == "gzip":
        return len(gzip.decompress(data))
    if kind == "deflate":
        return len(zlib.decompress(data))
    if kind == "zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return len(archive.read("zeros.npy"))
    return int(pa.ipc.open_stream(data).read_all().nbytes)
