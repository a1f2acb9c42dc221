# The code of the guide "Code API (.code)" of 2024, cell by cell, as it is written there.
# Its e-mail addresses are blanked out in the copy we have; the ones here stand in their places.
# %% launch
import syft as sy
import pandas as pd
node = sy.orchestra.launch(name="demo_datasite", port="auto", dev_mode=False, reset=True)
admin_client = sy.login(
url='localhost',
port=node.port,
email="info@openmined.org",
password="changethis",
)
df = pd.DataFrame({'A': [1, 2, 3], 'B': [10, 20, 30]})
mock_df = pd.DataFrame({'A': [1, 2, 1], 'B': [20, 10, 20]})
main_contributor = sy.Contributor(
name='John Doe',
role='Uploader',
email='john@doe.org'
)
asset = sy.Asset(
name='demo_asset',
data=df,
mock=mock_df,
contributors=[main_contributor]
)
dataset = sy.Dataset(
name='Demo Dataset',
description='Demo Dataset',
asset_list=[asset],
contributors=[main_contributor]
)
admin_client.upload_dataset(dataset)
admin_client.settings.allow_guest_signup(enable=True)
# %% register
import syft as sy
# connect to the Datasite
datasite = sy.login_as_guest(url='localhost', port=node.port).register(
email='data_scientist@test.com',
name='Data Scientist',
password='123',
password_verify='123'
)
# %% login
ds_client = sy.login(
url='localhost', port=node.port,
email='data_scientist@test.com',
password='123'
)
ds_client.datasets
# %% asset
ds_client.datasets[0].assets[0]
# %% prototype
def example_function(private_dataset):
    return private_dataset.sum()
example_function(ds_client.datasets[0].assets[0].mock)
# %% request
import syft as sy
from syft.service.policy.policy import ExactMatch, SingleExecutionExactOutput
@sy.syft_function(
    input_policy=ExactMatch(data=ds_client.datasets[0].assets[0]),
    output_policy=SingleExecutionExactOutput()
)
def example_function(private_dataset):
    return private_dataset.sum()
ds_client.code.request_code_execution(example_function)
# %% outside variable
CONST = 10
@sy.syft_function()
def example():
    return CONST * 2
# %% inside variable
@sy.syft_function()
def example():
    CONST = 10
    return CONST * 2
# %% outside function
def helper(x):
    return x ** 2
@sy.syft_function()
def example():
    return helper(10)
# %% inside function
@sy.syft_function()
def example():
    def helper(x):
        return x ** 2
    return helper(10)
# %% outside module
import numpy as np
@sy.syft_function()
def example():
    return np.sum([1, 2, 3])
# %% inside module
@sy.syft_function()
def example():
    import numpy as np
    return np.sum([1, 2, 3])
# %% plot
@sy.syft_function()
def example():
    from io import BytesIO
    import matplotlib.pyplot as plt
    import numpy as np
    x = np.arange(10)
    y = np.sin(x)
    plt.plot(x, y)
    figfile = BytesIO()
    plt.savefig(figfile, format='png')
    return figfile
# %% bytesio
from io import BytesIO
b = BytesIO()
type(b)
# %% local testing
def example(data):
    return data.sum()
mock_data = ds_client.datasets[0].assets[0].mock
example(mock_data)
# %% ephemeral testing
@sy.syft_function(
    input_policy=ExactMatch(data=ds_client.datasets[0].assets[0]),
    output_policy=SingleExecutionExactOutput()
)
def example(data):
    return data.sum()
data = ds_client.datasets[0].assets[0]
example(data=data)
# %% allow mock execution
# the Datasite admin must enable mock execution for a specific user
admin_client.users[1].allow_mock_execution()
# %% submit
# the data scientist can now test their code on the remote server
@sy.syft_function(
    input_policy=ExactMatch(data=ds_client.datasets[0].assets[0]),
    output_policy=SingleExecutionExactOutput()
)
def example(data):
    return data.sum()
ds_client.code.submit(example)
# %% code list
ds_client.code
# %% remote testing
ds_client.code.example(data=mock_data)
# %% nested
asset = ds_client.datasets[0].assets[0]
mock_data = ds_client
# setup processing functions
@sy.syft_function()
def process_batch(batch):
    return batch.to_numpy().sum()
@sy.syft_function()
def aggregate_job(job_results):
    return sum(job_results)
# Syft function with nested requests
@sy.syft_function_single_use(data=asset)
def process_all(datasite, data):
    import numpy as np
    job_results = []
    for batch in np.array_split(data, 2):
        batch_job = datasite.launch_job(process_batch, batch=batch)
        job_results += [batch_job.result]
    job = datasite.launch_job(aggregate_job, job_results=job_results)
    return job.result
# submit the processing functions so they are available on the Data Owner's server
ds_client.code.submit(process_batch)
ds_client.code.submit(aggregate_job)
# create a code request
ds_client.code.request_code_execution(process_all)
