"""Every YAML of the models through azure-ai-ml's own loaders, offline; each mistake with file, line and reason."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from azureml_local import tools
from azureml_local.paths import REPOSITORY
from conftest import LocalWorkspace

pytestmark = pytest.mark.wire
TRAIN = "mlops/azureml/train"
ONLINE = "mlops/azureml/deploy/online"
BATCH = "mlops/azureml/deploy/batch"


@pytest.fixture(scope="module")
def python(workspace: LocalWorkspace) -> str:
    """A Python that has the SDK's lock file."""
    return str(tools.ensure(workspace.paths, "sdk", print) / "bin" / "python")


def validate(python: str, root: Path, *models: str) -> subprocess.CompletedProcess[str]:
    names = [f'["{model}"]' for model in models]
    return subprocess.run(
        [python, str(REPOSITORY / "scripts/validate_models.py"), *names],
        cwd=root, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_this_repositorys_models_are_good(python: str) -> None:
    done = validate(python, REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "digits: good" in done.stdout
    assert "taxi: good" in done.stdout


# One import of the SDK costs seconds: copies of one model, each with its own mistake, are validated together.
SPOILED = {
    "key": (f"{TRAIN}/key_pipeline.yml", "display_name: prep", "dispay_name: prep",
            f"{TRAIN}/key_pipeline.yml, line 35: jobs.prep.dispay_name: Unknown field."),
    "binding": (f"{TRAIN}/binding_pipeline.yml", "jobs.prep.outputs.prepared", "jobs.prep.outputs.prepaired",
                f"{TRAIN}/binding_pipeline.yml, line 63: Failed to find referenced source for input binding"),
    "input": (f"{TRAIN}/input_pipeline.yml", "seed: ${{parent.inputs.seed}}", "seed: ${{parent.inputs.sed}}",
              f"{TRAIN}/input_pipeline.yml, line 44: Failed to find top level definition"),
    "component": (f"{TRAIN}/component_evaluate.yml", "command: >-", "comand: >-",
                  f"{TRAIN}/component_evaluate.yml, line "),
    "endpoint": (f"{ONLINE}/endpoint_online-endpoint.yml", "auth_mode:", "auth_mod:",
                 f"{ONLINE}/endpoint_online-endpoint.yml, line 5: auth_mod: Unknown field."),
    "scoring": (f"{ONLINE}/scoring_online-deployment.yml", "instance_count:", "instance_cout:",
                f"{ONLINE}/scoring_online-deployment.yml, line 12: instance_cout: Unknown field."),
    "batch": (f"{BATCH}/batch_batch-deployment.yml", "  mini_batch_size:", "  mini_batch:",
              f"{BATCH}/batch_batch-deployment.yml, line "),
    "syntax": (f"{TRAIN}/syntax_pipeline.yml", "  seed: 42", "  seed: [42",
               f"{TRAIN}/syntax_pipeline.yml, line 13: not valid YAML: "),
}  # fmt: skip


def test_mistakes_are_told_with_file_line_and_reason(python: str, tmp_path: Path) -> None:
    for folder in ("mlops", "data-science/models/digits", "data/digits"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns("taxi*", "__pycache__"))
    (tmp_path / "mlops/models.yml").unlink()
    for model in SPOILED:
        shutil.copytree(tmp_path / "data-science/models/digits", tmp_path / "data-science/models" / model)
        for file in [
            *(tmp_path / "mlops").rglob("digits_*"),
            *(tmp_path / "data-science/models" / model).rglob("digits_*"),
        ]:
            text = re.sub(r"\bdigits(?=[-_@/\n])", model, file.read_text()).replace(f"{model}-cluster", "cpu-cluster")
            made = file.with_name(file.name.replace("digits", model))
            made.write_text(text)
    for file in (tmp_path / "mlops").rglob("digits_*"):
        file.unlink()
    for name, before, after, _ in SPOILED.values():
        text = (tmp_path / name).read_text()
        assert before in text, name
        (tmp_path / name).write_text(text.replace(before, after, 1))
    done = validate(python, tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith("::error ")]
    for model, (name, _, _, message) in SPOILED.items():
        mine = [line for line in told if f"file={name}," in line]
        assert len(mine) == 1, f"{model}: {told}"
        assert message in mine[0].replace("%3A", ":"), mine[0]
    assert len(told) == len(SPOILED), told
