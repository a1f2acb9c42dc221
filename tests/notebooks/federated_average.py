# A model that three hospitals train together. Rows stay where they are, and so does what each hospital's rows taught
# the model: only the sum over all three leaves, round by round.
# %% Three hospitals, each a process of its own
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer

import syft as sy

sy.settings.quiet = True
ROLES = ["hospital_a", "hospital_b", "hospital_c"]
servers = {role: sy.orchestra.launch(name=role, port="auto", reset=True) for role in ROLES}
owners = {
    role: server.login(email="info@openmined.org", password="changethis") for role, server in servers.items()
}
print(", ".join(owner.name for owner in owners.values()))
# %% Real data: the breast cancer measurements of Wisconsin, a third of the patients in each hospital
table = load_breast_cancer(as_frame=True).frame.sample(frac=1, random_state=0)
columns = ["mean radius", "mean texture", "mean concavity", "worst area", "worst smoothness"]
table = (table[columns] - table[columns].mean()) / table[columns].std() * 1.0
table["malignant"] = 1 - load_breast_cancer().target[table.index]
held_back, parts = table[:120], np.array_split(np.arange(120, len(table)), 3)
for owner, rows in zip(owners.values(), parts, strict=True):
    mock = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 5)), columns=columns)
    mock["malignant"] = [0, 1] * 10
    asset = sy.Asset(name="patients", data=table.iloc[rows], mock=mock)
    owner.upload_dataset(sy.Dataset(name="breast cancer", asset_list=[asset]))
print([len(rows) for rows in parts])
# %% A scientist, with an account at each of them
for owner in owners.values():
    owner.register(name="Ada", email="ada@uni.org", password="lovelace", password_verify="lovelace")
scientist = {role: server.login(email="ada@uni.org", password="lovelace") for role, server in servers.items()}
patients = {role: client.datasets[0].assets[0] for role, client in scientist.items()}


# %% What a hospital does in a round: some steps of gradient descent on its own patients
@sy.syft_function()
def train(weights, patients):
    import numpy as np

    x = np.column_stack([np.ones(len(patients)), patients.drop(columns="malignant").to_numpy()])
    y = patients["malignant"].to_numpy()
    for _ in range(20):
        chance = 1 / (1 + np.exp(-x @ weights))
        weights = weights - 0.5 * x.T @ (chance - y) / len(y)
    # Weighted by the number of patients, which is added up with them.
    return np.append(weights * len(y), len(y))


# %% What comes of a round: the weights, averaged over all patients of all hospitals
@sy.syft_function()
def average(total):
    return total[:-1] / total[-1]


# %% The protocol: train at each, add up what none of them sees of another, average
training = {role: sy.Step(role, train, patients=patients[role]) for role in ROLES}
total = sy.secure_sum(training, at="analyst")
protocol = sy.Protocol([sy.Step("analyst", average, total=total)], tags=["#fedavg"], description="one round")
print(len(protocol.plans), "steps")
# %% Tried on the mocks first: nothing is sent, nobody is asked
print(protocol.dry_run(np.zeros(6)).shape)
# %% Asked of the hospitals, for ten rounds; the analyst's own computer takes part as a worker
ROUNDS = 10
analyst = sy.VirtualWorker(id="analyst")
protocol.deploy(**scientist, analyst=analyst, runs=ROUNDS, reason="A model for all of us")
try:
    protocol.run(np.zeros(6))
except sy.SyftException as error:
    print(f"{type(error).__name__}: {error}")
# %% Each hospital reads all of it, and agrees
for owner in owners.values():
    for request in owner.requests.get_all_pending():
        request.approve()
# %% Ten rounds
weights = np.zeros(6)
for _ in range(ROUNDS):
    weights = protocol.run(weights).get()
x = np.column_stack([np.ones(len(held_back)), held_back[columns]])
right = float(np.mean((x @ weights > 0) == held_back["malignant"]))
print(f"right about {right:.0%} of {len(held_back)} patients of no hospital")
# %% The same as one who had seen every row would have found
x_all = np.column_stack([np.ones(len(table) - 120), table[columns][120:]])
y_all, central = table["malignant"][120:].to_numpy(), np.zeros(6)
for _ in range(20 * ROUNDS):
    central = central - 0.5 * x_all.T @ (1 / (1 + np.exp(-x_all @ central)) - y_all) / len(y_all)
print("about as with all rows in one place:", bool(np.allclose(weights, central, atol=0.2)))
# %% An eleventh round was not asked for
try:
    protocol.run(weights)
except sy.SyftException as error:
    print(f"{type(error).__name__}: {error}")
# %% Done
for server in servers.values():
    server.land()
