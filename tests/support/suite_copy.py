"""A copy of the repository that a test may spoil, with a model `tiny` that trains in seconds and needs no packages."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from azureml_local.paths import REPOSITORY
from azureml_local.workflow_run.repositories import export

ENVIRONMENT = """\
$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
name: tiny-train
image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04
conda_file: conda.yml
"""

CONDA = """\
name: tiny
channels: [conda-forge]
dependencies:
  - python
"""

STEP = """\
import sys, time

print("tiny step", *sys.argv[1:], flush=True)
"""

PIPELINE = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
experiment_name: tiny
inputs:
  word: hello
settings:
  default_compute: azureml:tiny-cluster
jobs:
  first:
    command: python step.py ${{inputs.word}} > ${{outputs.said}}/said.txt
    code: ../../../data-science/models/tiny/code
    environment: azureml:tiny-train@latest
    inputs:
      word: ${{parent.inputs.word}}
    outputs:
      said: {type: uri_folder}
  second:
    command: cat ${{inputs.said}}/said.txt && python step.py again
    code: ../../../data-science/models/tiny/code
    environment: azureml:tiny-train@latest
    inputs:
      said: ${{parent.jobs.first.outputs.said}}
"""

ONLINE_ENDPOINT = """\
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: tiny-online
auth_mode: key
"""

# Nothing but the inference server: the environment of the other serving tests, built once.
SERVING_CONDA = "dependencies: [python=3.11, pip, {pip: [azureml-inference-server-http]}]\n"

ONLINE_DEPLOYMENT = """\
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: tiny-dp
endpoint_name: tiny-online
model: azureml:tiny@latest
code_configuration:
  code: ../../../../data-science/models/tiny/serve
  scoring_script: score.py
environment:
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04
  conda_file: ../../../../data-science/models/tiny/environment/serving.yml
instance_type: Standard_DS3_v2
instance_count: 1
"""

ONLINE_SCORE = """\
import json, os

def init():
    global factor
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "tiny-model", "factor.txt")) as file:
        factor = float(file.read())

def run(raw):
    return [row[0] * factor for row in json.loads(raw)["input_data"]["data"]]
"""

BATCH_ENDPOINT = """\
$schema: https://azuremlschemas.azureedge.net/latest/batchEndpoint.schema.json
name: tiny-batch
auth_mode: aad_token
"""

BATCH_DEPLOYMENT = """\
$schema: https://azuremlschemas.azureedge.net/latest/modelBatchDeployment.schema.json
name: tiny-dp
endpoint_name: tiny-batch
type: model
model: azureml:tiny@latest
code_configuration:
  code: ../../../../data-science/models/tiny/score
  scoring_script: score.py
environment:
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04
  conda_file: ../../../../data-science/models/tiny/environment/conda.yml
compute: azureml:tiny-cluster
settings:
  mini_batch_size: 1
  output_action: append_row
  output_file_name: predictions.csv
"""

BATCH_SCORE = """\
def init():
    pass

def run(files):
    return [f"{float(line) * 2}" for file in files for line in open(file).read().splitlines()[1:]]
"""

# Only the action under test: no environment, no cluster.
PIPELINE_ONLY = """\
on:
  workflow_dispatch:
    inputs:
      file: { type: string, default: mlops/azureml/train/tiny_pipeline.yml }
permissions: {}
jobs:
  run:
    runs-on: ubuntu-24.04
    permissions: { contents: read, id-token: write }
    steps:
      - uses: actions/checkout@93cb6efe18208431cddfb8368fd83d5badbf9bfd # v5.0.1
        with: { persist-credentials: false }
      - id: pipeline
        uses: ./actions/run-pipeline
        with:
          pipeline-file: ${{ inputs.file }}
          resource-group: ${{ vars.RESOURCE_GROUP }}
          workspace-name: ${{ vars.WORKSPACE_NAME }}
          subscription-id: ${{ vars.AZURE_SUBSCRIPTION_ID }}
          client-id: ${{ vars.AZURE_CLIENT_ID }}
          tenant-id: ${{ vars.AZURE_TENANT_ID }}
      - if: cancelled()
        env:
          INPUT_JOB_NAME: ${{ steps.pipeline.outputs.job-name }}
          INPUT_RESOURCE_GROUP: ${{ vars.RESOURCE_GROUP }}
          INPUT_WORKSPACE_NAME: ${{ vars.WORKSPACE_NAME }}
          INPUT_SUBSCRIPTION_ID: ${{ vars.AZURE_SUBSCRIPTION_ID }}
          INPUT_CLIENT_ID: ${{ vars.AZURE_CLIENT_ID }}
          INPUT_TENANT_ID: ${{ vars.AZURE_TENANT_ID }}
        run: exec python3 scripts/cancel.py
"""


@dataclass
class SuiteCopy:
    """The copy's root and its most spoiled files."""

    root: Path

    @property
    def pipeline(self) -> Path:
        return self.root / "mlops" / "azureml" / "train" / "tiny_pipeline.yml"

    @property
    def step(self) -> Path:
        return self.root / "data-science" / "models" / "tiny" / "code" / "step.py"

    @property
    def score(self) -> Path:
        """The online deployment's scoring script."""
        return self.root / "data-science" / "models" / "tiny" / "serve" / "score.py"

    def replace(self, file: Path, pattern: str, text: str) -> None:
        """Change a file by a regular expression that must match."""
        before = file.read_text()
        after, count = re.subn(pattern, lambda _: text, before)
        assert count, f"{pattern!r} is not in {file}"
        file.write_text(after)


def make_copy(folder: Path) -> SuiteCopy:
    """Export the repository as it is now, add `tiny`, and make it a git repository of one commit."""
    root = export(REPOSITORY, folder / "suite")
    files = {
        "data-science/models/tiny/environment/tiny_environment_conda.yml": ENVIRONMENT,
        "data-science/models/tiny/environment/conda.yml": CONDA,
        "data-science/models/tiny/code/step.py": STEP,
        "mlops/azureml/train/tiny_pipeline.yml": PIPELINE,
        ".github/workflows/pipeline-only.yml": PIPELINE_ONLY,
        "data-science/models/tiny/environment/serving.yml": SERVING_CONDA,
        "data-science/models/tiny/serve/score.py": ONLINE_SCORE,
        "data-science/models/tiny/score/score.py": BATCH_SCORE,
        "mlops/azureml/deploy/online/tiny_online-endpoint.yml": ONLINE_ENDPOINT,
        "mlops/azureml/deploy/online/tiny_online-deployment.yml": ONLINE_DEPLOYMENT,
        "mlops/azureml/deploy/batch/tiny_batch-endpoint.yml": BATCH_ENDPOINT,
        "mlops/azureml/deploy/batch/tiny_batch-deployment.yml": BATCH_DEPLOYMENT,
        "data/tiny/tiny-request.json": '{"input_data": {"data": [[1], [2]]}}',
        "data/tiny/tiny-response.schema.json": '{"type": "array", "items": {"type": "number"}, "minItems": 2}',
        "data/tiny/batch/one.csv": "x\n1\n2\n",
        "data/tiny/batch/two.csv": "x\n3\n",
    }
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for command in (
        ["init", "--quiet", "-b", "main"],
        ["add", "--all"],
        [*identity, "commit", "--quiet", "-m", "copy"],
    ):
        subprocess.run(["git", "-C", str(root), *command], check=True)
    return SuiteCopy(root)
