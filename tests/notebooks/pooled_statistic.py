# The mean and spread of a measurement over the patients of three clinics, of which no clinic, no coordinator and
# nobody in between sees another's part.
# %% Three clinics, each a process of its own
import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes

import syft as sy

sy.settings.quiet = True
ROLES = ["clinic_a", "clinic_b", "clinic_c"]
servers = {role: sy.orchestra.launch(name=role, port="auto", reset=True) for role in ROLES}
owners = {
    role: server.login(email="info@openmined.org", password="changethis") for role, server in servers.items()
}
# %% Real data: 442 patients of a study of diabetes, divided among them
table = load_diabetes(as_frame=True, scaled=False).frame[["age", "bmi", "bp"]]
for owner, rows in zip(owners.values(), np.array_split(np.arange(len(table)), 3), strict=True):
    mock = pd.DataFrame({"age": [50.0, 60.0], "bmi": [25.0, 30.0], "bp": [90.0, 100.0]})
    asset = sy.Asset(name="patients", data=table.iloc[rows], mock=mock)
    owner.upload_dataset(sy.Dataset(name="diabetes", asset_list=[asset]))
    owner.register(name="Ada", email="ada@uni.org", password="lovelace", password_verify="lovelace")
scientist = {role: server.login(email="ada@uni.org", password="lovelace") for role, server in servers.items()}


# %% What each adds: a count, a sum and a sum of squares
@sy.syft_function()
def moments(patients):
    values = patients["bmi"]
    return [len(values), values.sum(), (values**2).sum()]


# %% What is made of the sums
@sy.syft_function()
def mean_and_spread(sums):
    count, total, squares = sums
    mean = total / count
    return {"patients": int(count), "mean": float(mean), "spread": float((squares / count - mean**2) ** 0.5)}


# %% The protocol: eleven steps, nine shares, one sum
parts = {
    role: sy.Step(role, moments, patients=client.datasets[0].assets[0]) for role, client in scientist.items()
}
total = sy.secure_sum(parts, at="clinic_a")
protocol = sy.Protocol(
    [sy.Step("clinic_a", mean_and_spread, sums=total)], description="mean and spread of bmi"
)
protocol.deploy(**scientist, reason="How heavy are our patients?")
for role, code in protocol.plans:
    print(role.name, code.name)
# %% What an owner reads before she agrees
print(owners["clinic_b"].requests.get_all_pending()[1])
for owner in owners.values():
    for request in owner.requests.get_all_pending():
        request.approve()
# %% The answer, which is that of all rows in one place
found = protocol.run().get()
print(found["patients"], round(found["mean"], 3), round(found["spread"], 3))
print(np.isclose(found["mean"], table["bmi"].mean()), np.isclose(found["spread"], table["bmi"].std(ddof=0)))
# %% What each clinic added stays there: the scientist sees that it was done, and nothing of it
jobs = scientist["clinic_b"].jobs
print({job.name: job.status.value for job in jobs})
try:
    jobs[0].wait().get()
except sy.SyftException as error:
    print(f"{type(error).__name__}: {error}")
# %% Once was asked for
try:
    protocol.run()
except sy.SyftException as error:
    print(f"{type(error).__name__}: {error}")
# %% Done
for server in servers.values():
    server.land()
