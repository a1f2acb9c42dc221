"""This module is HTTP to `node.receive` and back: it bounds what it reads, and decides nothing."""

from __future__ import annotations

from typing import Final

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from syft.errors import DecodeError, TooLarge
from syft.node.node import Node
from syft.transport.http import (
    CONTENT_TYPE,
    LENGTH,
    MAX_BODY,
    MESSAGES_PATH,
    METADATA_PATH,
    encode_info,
    pack,
    unpack,
)

# Handlers that wait for a job hold a thread each, and little else; small calls need room beside them.
THREADS: Final = 128


def make_app(node: Node) -> Starlette:
    """The ASGI application of a node.

    Args:
        node: which takes every message; it is started and closed by whoever made it.
    """
    limiter = CapacityLimiter(THREADS)

    async def messages(request: Request) -> Response:
        origin = request.client.host if request.client else "unknown"
        try:
            parcel = unpack(await read_bounded(request))
        except (TooLarge, DecodeError) as error:
            # Not even an envelope: there is nobody to seal an answer for.
            return PlainTextResponse(error.public_message, 413 if isinstance(error, TooLarge) else 400)
        except ClientDisconnect:
            return Response(status_code=400)
        answer = await to_thread.run_sync(node.receive, parcel, origin, limiter=limiter)
        if answer is None:
            return Response(status_code=204)
        return Response(pack(answer), media_type=CONTENT_TYPE)

    async def metadata(request: Request) -> Response:
        return Response(encode_info(node.info), media_type="application/json")

    async def health(request: Request) -> Response:
        return JSONResponse({"name": node.info.name, "status": "ok"})

    return Starlette(
        routes=[
            Route(MESSAGES_PATH, messages, methods=["POST"]),
            Route(METADATA_PATH, metadata, methods=["GET"]),
            Route("/api/v2/metadata", metadata, methods=["GET"]),
            Route("/", health, methods=["GET"]),
        ]
    )


async def read_bounded(request: Request, limit: int = MAX_BODY) -> bytes:
    """The body of a request, never more than `limit` bytes of it in memory.

    Raises:
        TooLarge: it says it is larger, or turns out to be.
        DecodeError: it is too short to be anything.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise TooLarge(f"A message is at most {limit >> 20} MiB.")
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise TooLarge(f"A message is at most {limit >> 20} MiB.")
        parts.append(part)
    if size < LENGTH.size:
        raise DecodeError("An empty message; nothing was done with it.")
    return parts[0] if len(parts) == 1 else b"".join(parts)
