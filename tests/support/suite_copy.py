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
