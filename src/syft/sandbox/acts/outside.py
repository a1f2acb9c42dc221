"""This module tries acts outside of any fence, each in a process of its own: the control of every test."""

from __future__ import annotations

import os
import shutil
import sys

import msgspec

from syft.sandbox.acts.every import ACTS, Props, attempt


def main() -> None:
    """Read the props from the first line and names from the next ones; answer each with a line.

    For null instead of a name, all that are quick are tried, and the answer is an object.
    """
    props = msgspec.json.decode(sys.stdin.buffer.readline(), type=Props)
    for line in sys.stdin.buffer:
        name = msgspec.json.decode(line, type=str | None)
        answer: str | dict[str, str]
        if name is None:
            answer = {one: _in_a_process(one, props) for one, act in ACTS.items() if act.quick}
        else:
            answer = _in_a_process(name, props)
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()
    # Whoever asked has gone, perhaps without having had the time to clean up.
    shutil.rmtree(props.folder, ignore_errors=True)


def _in_a_process(name: str, props: Props) -> str:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            os.chdir(props.folder)
            # Not known to those it starts: the answer is at an end when this process is.
            os.set_inheritable(writing, False)
            os.write(writing, b"=" + attempt(name, props).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        answer = file.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return answer[1:].decode() if answer else f"its process ended with status {status}"


if __name__ == "__main__":
    main()
