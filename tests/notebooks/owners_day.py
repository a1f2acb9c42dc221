# A day of somebody who answers for data: requests are read with evidence and approved with conditions, results are
# looked at before they leave, one of them is refused, an approval is taken back, and in the evening the record of it
# all is checked.
# %% A hospital, Jane who owns its data, and Ada who may see none of it
import subprocess
import sys
from pathlib import Path

import pandas as pd
from sklearn.datasets import load_diabetes

import syft as sy

sy.settings.quiet = True
servers = {"hospital": sy.orchestra.launch(name="hospital", port="auto", reset=True)}
hospital = servers["hospital"]
jane = hospital.login(email="info@openmined.org", password="changethis")
# %% Real data: 442 patients of a study of diabetes; and a mock that anybody may see
table = load_diabetes(as_frame=True, scaled=False).frame[["age", "bmi", "bp"]]
mock = pd.DataFrame({"age": [50.0, 60.0, 41.0], "bmi": [25.0, 30.5, 22.1], "bp": [90.0, 100.0, 84.0]})
asset = sy.Asset(name="patients", data=table, mock=mock)
jane.upload_dataset(sy.Dataset(name="diabetes", asset_list=[asset]))
jane.register(name="Ada", email="ada@uni.org", password="lovelace", password_verify="lovelace")
ada = hospital.login(email="ada@uni.org", password="lovelace")
patients = ada.datasets["diabetes"].assets["patients"]


# %% Ada asks for three things
@sy.syft_function(
    input_policy=sy.MixedInputPolicy(patients=patients, decade=int),
    output_policy=sy.OutputPolicyExecuteCount(limit=5),
)
def by_decade(patients, decade):
    some = patients[(patients["age"] >= decade) & (patients["age"] < decade + 10)]
    return {"patients": len(some), "mean_bmi": float(some["bmi"].mean()), "oldest": float(some["age"].max())}


@sy.syft_function_single_use(patients=patients)
def spread(patients):
    return float(patients["bp"].std())


@sy.syft_function_single_use(patients=patients)
def look(patients):
    import os

    print(patients.head(), os.getpid())
    return patients


for function in (by_decade, spread, look):
    ada.code.request_code_execution(function, reason="how weight and pressure go with age")
# %% Morning: what lies on the desk
for request in jane.requests.get_all_pending():
    print(f"{request.code.name}: {request.reason}, asks {request.requesting_user_name}")
decades, pressures, rows = jane.requests.get_all_pending()
# %% Review with evidence, the last one first: it is tried on the mock, and read
rows.mock_run()
print(rows.evidence)
# %% What is the matter with it, as data
for finding in rows.evidence.findings:
    print(f"line {finding['line']}, {finding['kind']}: {finding['text']}")
# %% No, and why
rows.deny("It returns the rows of all patients, and prints some. Ask for what you want to know of them.")
try:
    ada.code.look(patients=patients)
except sy.SyftException as error:
    print(f"{type(error).__name__}: {error}")
# %% The first one: what it does on the mock, and what it touches
tried = decades.mock_run(decade=50)
print(tried.result, tried.output or "nothing printed")
for one in decades.evidence.data:
    print(one.parameter, one.name, one.private.shape)
# %% Yes, with conditions: for thirty days, six runs, whole decades from 20 to 70, and Jane looks at each result
decades.approve(expires="30 days", runs=6, bounds={"decade": (20, 70)}, review=True)
print(decades.conditions)
# %% The second one is harmless: yes, as it stands
pressures.approve()
# %% Noon: Ada has her answers, or nearly
print(round(ada.code.spread(patients=patients).get(), 2))
for decade in (20, 10):
    try:
        ada.code.by_decade(patients=patients, decade=decade)
    except sy.SyftException as error:
        print(f"{type(error).__name__}: {error}")
late = ada.code.by_decade(patients=patients, decade=70, blocking=False)
with sy.raises(sy.ResultHeld):
    late.wait()
# %% A held release: all of it is seen, two of three parts of it may leave
held = jane.held_results[0]
print(held.value)
print([(output.name, output.type_name) for output in held.outputs])
held.release(only=["patients", "mean_bmi"], reason="the oldest is one person")
# %% Ada has what was let go, and reads why there is no more
job = ada.jobs.get(held.job.id)
print(job.wait().get())
print(job.note)
# %% A refused one: few people are in it
few = jane.held_results[0]
print(few.value["patients"], "patients")
few.refuse("fewer than twenty patients")
try:
    late.wait()
except sy.SyftException as error:
    print(f"{type(error).__name__}: {error}")
# %% Afternoon: the study is over, and the approval is taken back
decades.deny("The study has ended.")
try:
    ada.code.by_decade(patients=patients, decade=40)
except sy.SyftException as error:
    print(f"{type(error).__name__}: {error}")
# %% What has left to Ada of this data, as whoever reviews her next request would be told
ada.code.request_code_execution(spread, reason="once more")
for one in jane.requests[-1].evidence.released_before:
    print(one.name, one.value.type_name)
# %% Evening: the record of the day, as a file that anybody can check without the node
jane.events.export("hospital.jsonl")
told = [event.verb for event in jane.events]
print([verb for verb in told if verb.startswith(("request.", "result."))])
# %% Checked, with nothing but the file and the node's public key
verify = [sys.executable, "-m", "syft.cli", "audit", "verify", "hospital.jsonl"]
whole = subprocess.run([*verify, "--key", jane.metadata.verify_key], capture_output=True, text=True)
print("exit code", whole.returncode)
# %% And what if somebody had changed a word of it?
log = Path("hospital.jsonl")
log.write_text(log.read_text().replace("result.refused", "result.allowed"))
forged = subprocess.run([*verify, "--key", jane.metadata.verify_key], capture_output=True, text=True)
print("exit code", forged.returncode)
# %% Done
log.unlink()
hospital.land()
