"""A private table answers a question without being seen: the whole story, over HTTP, in a few seconds.

Run it with `make demo`, and read it from the top: first the owner, then the scientist, then what they do in turn.

The table is about real people. In the RAND Health Insurance Experiment (1974 to 1982) it was decided by lot how
much of their bills families paid themselves, to learn whether people go to the doctor more when it is free.

Source: RAND Corporation, Health Insurance Experiment; public domain. As used in A. C. Cameron and P. K. Trivedi,
*Microeconometrics: Methods and Applications*, Cambridge University Press, 2005. The copy is that of the Python
package statsmodels (`statsmodels.datasets.randhie`).
"""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

import syft as sy
from syft.store.chain import check_chain

OUTPUT: Final = Path("demo-output")
ROWS: Final = 20_190  # as the documentation of the data says
OWNER: Final = {"email": "info@openmined.org", "password": "changethis"}
ADA: Final = {"email": "ada@example.org", "password": "lovelace"}


# --- The owner has a table that nobody may see, and makes a twin of it that everybody may


def private_table() -> pd.DataFrame:
    """The real rows. Found without importing statsmodels, which takes longer than all the rest."""
    package = find_spec("statsmodels")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("The demo's data comes with statsmodels: pip install 'datasite[demo]'")
    folder = Path(package.submodule_search_locations[0], "datasets", "randhie")
    table = pd.read_csv(folder / "randhie.csv")
    if len(table) != ROWS:
        raise SystemExit(f"The table should have {ROWS} rows and has {len(table)}. Is it the right file?")
    return table


def mock_table(rows: int = 500) -> pd.DataFrame:
    """The twin: each column drawn by itself from ranges that are public. No row of the real table is read."""
    draw = np.random.default_rng(seed=1974)
    health = draw.integers(0, 4, rows)
    columns = {
        "mdvis": draw.integers(0, 12, rows),  # visits to a doctor in the year
        "lncoins": np.log1p(draw.choice([0, 25, 50, 95], rows)),  # log(1 + per cent of the bill they pay)
        "idp": draw.integers(0, 2, rows),  # has an individual deductible
        "lpi": draw.uniform(0, 8, rows),  # log(payment for taking part)
        "fmde": draw.uniform(0, 9, rows),  # log(the most a family may have to pay)
        "physlm": draw.integers(0, 2, rows).astype(float),  # has a physical limitation
        "disea": draw.uniform(0, 60, rows),  # index of chronic diseases
        "hlthg": (health == 1).astype(int),  # rates their own health good
        "hlthf": (health == 2).astype(int),  # ... fair
        "hlthp": (health == 3).astype(int),  # ... poor; excellent where all three are 0
    }
    return pd.DataFrame(columns).round(4)


def owner_uploads(owner: sy.DatasiteClient) -> None:
    """The table stays at the owner's server; its name, its shape and the mock can be seen by others."""
    title("The owner uploads the table, with a mock twin")
    private, mock = private_table(), mock_table()
    tell(
        f"RAND Health Insurance Experiment: {len(private):,} rows, each a year of a person's life.",
        f"The mock: {len(mock)} rows, each column drawn by itself from public ranges. Nobody is in it.",
    )
    dataset = sy.Dataset(
        name="RAND HIE",
        description="RAND Health Insurance Experiment, 1974 to 1982",
        citation="Cameron and Trivedi (2005), Microeconometrics",
        contributors=[sy.Contributor(name="Olga Owner", role="Uploader", email="olga@example.org")],
        asset_list=[sy.Asset(name="person_years", data=private, mock=mock)],
    )
    with timed("upload"):
        owner.upload_dataset(dataset)
    owner.settings.allow_guest_signup(enable=True)


# --- The scientist has a question about it


def scientist_looks_around(port: int) -> tuple[sy.DatasiteClient, Any]:
    """She makes herself an account and sees what everybody sees."""
    title("A data scientist registers, and looks at what is there")
    guest = sy.login_as_guest(url="localhost", port=port)
    guest.register(name="Ada", **ADA, password_verify=ADA["password"])
    scientist = sy.login(url="localhost", port=port, **ADA)
    asset = scientist.datasets["RAND HIE"].assets[0]
    typed("asset = client.datasets['RAND HIE'].assets[0]", "asset")
    show(asset)
    return scientist, asset


def scientist_writes_a_function(asset: Any) -> sy.SyftFunction:
    """It imports what it needs inside, and returns means of larger groups, and a picture of them."""

    @sy.syft_function_single_use(data=asset)
    def visits_by_coinsurance(data):
        """Mean visits to a doctor, by how much people pay and how healthy they feel."""
        from io import BytesIO

        import matplotlib.pyplot as plt
        import numpy as np
        import pandas as pd

        per_cent = np.expm1(data["lncoins"]).round()
        labels = ["nothing", "25 %", "50 %", "95 % or all"]
        pays = pd.cut(per_cent, [-1, 0, 25, 50, 100], labels=labels).rename("pays")
        flags = [data["hlthg"] == 1, data["hlthf"] == 1, data["hlthp"] == 1]
        rated = np.select(flags, ["good", "fair", "poor"], default="excellent")
        health = pd.Series(rated, index=data.index, name="health")

        cells = data["mdvis"].groupby([pays, health], observed=True)
        cells = cells.agg(rows="size", visits="mean").round(3)
        # A mean of a few people says much about each of them.
        shown = cells[cells["rows"] >= 25]

        figure, axes = plt.subplots(figsize=(7, 4))
        lines = shown["visits"].unstack()[["poor", "fair", "good", "excellent"]]
        lines.plot(ax=axes, marker="o", ylim=(0, None))
        axes.set(xlabel="people pay of the bill", ylabel="visits to a doctor a year, mean")
        picture = BytesIO()
        figure.savefig(picture, format="png", dpi=110, bbox_inches="tight")
        table = shown.reset_index().astype({"pays": str})
        return {"table": table, "left_out": len(cells) - len(shown), "picture": picture}

    return visits_by_coinsurance


def scientist_tests_it(function: sy.SyftFunction, asset: Any) -> None:
    """Calling a function with an asset runs it on the mock, on the scientist's own computer."""
    title("She writes a function, and tests it on the mock behind the same fence as the real run")
    typed("visits_by_coinsurance(data=asset).get()")
    with timed("test on the mock"):
        result = function(data=asset).get()
    show_table(result["table"])


def scientist_asks(scientist: sy.DatasiteClient, function: sy.SyftFunction, asset: Any) -> None:
    """Until somebody says yes, the function does not run."""
    title("She asks the owner to run it on the real table")
    typed("client.code.request_code_execution(visits_by_coinsurance)")
    with timed("request"):
        request = scientist.code.request_code_execution(function, reason="Do people go more if it is free?")
    show(request)
    typed("client.code.visits_by_coinsurance(data=asset)")
    with refused():
        scientist.code.visits_by_coinsurance(data=asset)


def owner_approves(owner: sy.DatasiteClient) -> None:
    """What the owner reads is what will run: the approval is for this text, byte by byte."""
    title("The owner reads it, and approves")
    request = owner.requests[0]
    typed("request = client.requests[0]", "request.code.show_code")
    show(request.code.show_code)
    tell("To look at: " + (" ".join(request.code.findings) or "nothing that the checks know of."))
    typed("request.approve()")
    with timed("approve"):
        request.approve()


def scientist_gets_the_result(scientist: sy.DatasiteClient, asset: Any) -> None:
    """The function ran beside the table; its result, and nothing else, has come back."""
    title("It runs next to the real table, and only the result comes back")
    typed("client.code.visits_by_coinsurance(data=asset).get()")
    with timed("run"):
        result = scientist.code.visits_by_coinsurance(data=asset).get()
    show_table(result["table"])
    picture = OUTPUT / "visits.png"
    picture.write_bytes(result["picture"].getvalue())
    tell(f"Groups of fewer than 25 rows left out: {result['left_out']}. The plot is in {picture}.")

    again = scientist.code.visits_by_coinsurance(data=asset).get()
    same = again["table"].equals(result["table"])
    same = same and again["picture"].getvalue() == result["picture"].getvalue()
    if not same:
        raise SystemExit("A second call gave another result. A single execution must not.")
    tell("Called again, it gives the same result, from the first run: one was approved, one has left.")


def scientist_asks_for_too_much(scientist: sy.DatasiteClient, owner: sy.DatasiteClient, asset: Any) -> None:
    """A reason that the owner gives is what the scientist reads."""
    title("She asks for too much, and learns why not")

    @sy.syft_function_single_use(data=asset)
    def everything(data):
        return data

    show(everything.code)
    scientist.code.request_code_execution(everything)
    owner.requests[-1].deny("This returns the rows themselves. Ask for counts or means of groups.")
    typed("client.code.everything(data=asset)")
    with refused():
        scientist.code.everything(data=asset)


def owner_checks_the_log(owner: sy.DatasiteClient) -> None:
    """Every entry holds the hash of the one before, and the node's signature."""
    title("What happened stands in the log")
    names = {user.id: user.name for user in owner.users}
    events = list(owner.events)
    for event in events:
        who = names.get(event.actor_uid, "the node")
        tell(f"{event.seq:3}  {event.created_at:%H:%M:%S}  {event.verb:<18} {who}")
    check_chain([event.record for event in events], bytes.fromhex(owner.metadata.verify_key))
    tell(f"{len(events)} events, checked with the node's public key: none changed or moved.")


# --- The story


def main() -> None:
    """Start a server, play both roles against it, and stop it, whatever happens."""
    sy.settings.quiet = True  # this demo tells its own story
    OUTPUT.mkdir(exist_ok=True)
    os.environ["SYFT_HOME"] = str(OUTPUT / "home")  # nothing of it is left in your home folder
    print(f"{BOLD}A private table answers a question without being seen{PLAIN}")
    with timed("launch"):
        node = sy.orchestra.launch(name="demo_datasite", port="auto", dev_mode=False, reset=True)
    with node:
        title("A server starts")
        tell(f"{node.url}, a process of its own. Both talk to it over HTTP, in signed messages.")
        owner = sy.login(url="localhost", port=node.port, **OWNER)
        owner_uploads(owner)
        scientist, asset = scientist_looks_around(node.port)
        function = scientist_writes_a_function(asset)
        scientist_tests_it(function, asset)
        scientist_asks(scientist, function, asset)
        owner_approves(owner)
        scientist_gets_the_result(scientist, asset)
        scientist_asks_for_too_much(scientist, owner, asset)
        owner_checks_the_log(owner)
    title("Where the time went")
    tell(", ".join(f"{what} {seconds:.2f} s" for what, seconds in took.items()) + ". The server is stopped.")


# --- How it is told: what one would type stands after >>>, what comes back is indented below it

WIDTH: Final = 96
INDENT: Final = "      "
BOLD, DIM, PLAIN = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")
took: dict[str, float] = {}


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Note how long the block takes."""
    began = time.perf_counter()
    yield
    took[what] = time.perf_counter() - began


@contextmanager
def refused() -> Iterator[None]:
    """Show why the block was refused. If it was not, the demo has failed."""
    try:
        yield
    except sy.SyftException as error:
        show(f"{type(error).__name__}: {error}")
    else:
        raise SystemExit("That should have been refused.")


def title(text: str) -> None:
    """The next scene."""
    print(f"\n{BOLD}{text}{PLAIN}")


def tell(*lines: str) -> None:
    """What happens, in words."""
    for line in lines:
        print(textwrap.fill(line, WIDTH, initial_indent="  ", subsequent_indent="    "))


def typed(*lines: str) -> None:
    """What somebody types."""
    for line in lines:
        print(f"  {DIM}>>>{PLAIN} {line}")


def show(thing: object) -> None:
    """What they see, as the library shows it."""
    for line in str(thing).splitlines():
        print(textwrap.fill(line, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT + "  "))


def show_table(table: pd.DataFrame) -> None:
    """Means, and in brackets of how many rows."""
    text = table["visits"].map("{:.2f}".format) + table["rows"].map(" ({:,})".format)
    wide = text.groupby([table["pays"], table["health"]]).first().unstack()
    pays = [one for one in ("nothing", "25 %", "50 %", "95 % or all") if one in wide.index]
    health = [one for one in ("excellent", "good", "fair", "poor") if one in wide.columns]
    lines = wide.loc[pays, health].fillna("-").rename_axis(index=None, columns="people pay").to_string()
    print(textwrap.indent(lines, INDENT))


if __name__ == "__main__":
    main()
