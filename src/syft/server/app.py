"""This module is HTTP to `node.receive` and back: it bounds what it reads, and decides nothing."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from syft.errors import DecodeError, NodeUnreachable, TooLarge
from syft.node.node import Node
from syft.server.bounds import Intake
from syft.transport.http import (
    CONTENT_TYPE,
    FORWARDED,
    MESSAGES_PATH,
    METADATA_PATH,
    encode_info,
    pack,
    unpack,
)

# Handlers that wait for a job hold a thread each, and little else; small calls need room beside them.
THREADS: Final = 128


STATUS: Final = {TooLarge.code: 413, DecodeError.code: 400, NodeUnreachable.code: 503}


def make_app(node: Node) -> ASGIApp:
    """The ASGI application of a node.

    Args:
        node: which takes every message; it is started and closed by whoever made it.
    """
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="syft-message")
    intake = Intake()

    async def messages(request: Request) -> Response:
        origin = request.client.host if request.client else "unknown"
        try:
            parcel = unpack(await intake.read(request), forwarded=FORWARDED in request.headers)
        except (TooLarge, DecodeError, NodeUnreachable) as error:
            # Not even an envelope: there is nobody to seal an answer for. What is still coming is not read.
            return PlainTextResponse(error.public_message, STATUS[error.code], {"connection": "close"})
        except ClientDisconnect:
            return Response(status_code=400)
        answer = await asyncio.get_running_loop().run_in_executor(threads, node.receive, parcel, origin)
        # No answer at all: the message was taken, and asked for none.
        return Response(pack(answer) if answer else b"", media_type=CONTENT_TYPE)

    async def metadata(request: Request) -> Response:
        return Response(encode_info(node.info), media_type="application/json")

    async def health(request: Request) -> Response:
        return JSONResponse({"name": node.info.name, "status": "ok"})

    others = Starlette(
        routes=[
            Route(MESSAGES_PATH, messages, methods=["POST"]),
            Route(METADATA_PATH, metadata, methods=["GET"]),
            Route("/api/v2/metadata", metadata, methods=["GET"]),
            Route("/", health, methods=["GET"]),
        ]
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # Before Starlette's routing and its layers for errors, which take a tenth of the time of a small message.
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == MESSAGES_PATH:
            response = await messages(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await others(scope, receive, send)

    return app
