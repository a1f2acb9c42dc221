"""A program: a server on this machine's port 8080 is given a table, asked about it, and answers. Prints JSON."""

from __future__ import annotations

import json
import os
import sys

import pandas as pd

import syft as sy
from syft.errors import SyftException

PORT = 8080
ROWS = 1_000
SCIENTIST = {"email": "ada@example.org", "password": "lovelace"}


def main() -> None:
    sy.settings.quiet = True
    owner = sy.login(port=PORT, email="info@openmined.org", password=os.environ["SYFT_ROOT_PASSWORD"])
    private, mock = pd.DataFrame({"x": range(ROWS)}), pd.DataFrame({"x": [1, 2]})
    owner.upload_dataset(sy.Dataset(name="table", asset_list=[sy.Asset(name="x", data=private, mock=mock)]))
    owner.settings.allow_guest_signup(enable=True)
    guest = sy.login_as_guest(url="localhost", port=PORT)
    guest.register(name="Ada", **SCIENTIST, password_verify=SCIENTIST["password"])
    ada = sy.login(port=PORT, **SCIENTIST)
    asset = ada.datasets["table"].assets[0]

    @sy.syft_function_single_use(data=asset)
    def total(data):  # type: ignore[no-untyped-def]
        return int(data["x"].sum())

    ada.code.request_code_execution(total)
    owner.requests[0].approve()
    answer: dict[str, object] = {}
    try:
        answer["result"] = ada.code.total(data=asset).get()
    except SyftException as error:
        answer["refused"] = error.public_message
    (job,) = owner.jobs
    answer.update(isolation=job.isolation, note=job.note)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
