"""Real server processes, started as a shell would start them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from syft.server.serve import Failed, Ready
from syft.transport.http import HttpRoute


class ServerProcess:
    """`syft launch` in a process of its own; it ends when this object does."""

    def __init__(self, home: Path, name: str = "site", *options: str, **environ: str) -> None:
        command = [
            sys.executable,
            "-m",
            "syft.cli",
            "launch",
            "--name",
            name,
            "--port",
            "0",
            "--notify",
            *options,
        ]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "SYFT_HOME": str(home), **environ},
        )
        assert self.process.stdout is not None
        said: Ready | Failed = msgspec.json.decode(self.process.stdout.readline(), type=Ready | Failed)
        self.refused = ""
        if isinstance(said, Ready):
            self.ready = said
        else:
            self.refused = said.text
            self.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ready.port}"

    def route(self) -> HttpRoute:
        return HttpRoute(self.url)

    def kill(self) -> None:
        """As if the power had gone."""
        self.process.send_signal(signal.SIGKILL)
        self.close()

    def close(self) -> None:
        """Let go of the lifeline and wait."""
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        self.process.wait(20)

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
