"""What a model's files say of each other, each mistake with file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from model_files import Files, components, yaml_files
from models import read_manifest

ROOT = Path(__file__).parents[3]
ONLINE = "mlops/azureml/deploy/online/digits_online"
REQUEST = "data/digits/digits-request.json"
PIPELINE = "mlops/azureml/train/digits_pipeline.yml"
EVALUATE = "mlops/azureml/train/digits_evaluate.yml"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The digits model's files, to spoil."""
    for folder in ("mlops", "data-science/models/digits", "data/digits"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("taxi*", "__pycache__"))
    return tmp_path


def problems(root: Path) -> list[str]:
    found = Files(root, read_manifest(root).model("digits")).check()
    assert all(each.message.startswith(f"{each.file}, line {each.line}: ") for each in found)
    return [each.message for each in found]


def test_this_repositorys_models_are_good() -> None:
    manifest = read_manifest(ROOT)
    for name in manifest.names():
        assert Files(ROOT, manifest.model(name)).check() == []


def test_the_files_of_a_model(copy: Path) -> None:
    model = read_manifest(copy).model("digits")
    assert len(list(yaml_files(copy, model))) == 6
    assert list(components(copy, PIPELINE)) == [EVALUATE, "mlops/azureml/train/digits_register.yml"]


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        (PIPELINE, "models/digits/code", "models/digits/cod", f"{PIPELINE}, line 36: jobs.prep.code names ../"),
        (PIPELINE, "./digits_evaluate.yml", "./evaluat.yml", f"{PIPELINE}, line 75: jobs.evaluate.component names ./"),
        (EVALUATE, "models/digits/code", "models/digits/cod", f"{EVALUATE}, line 26: code names"),
        (
            PIPELINE, "--seed ${{inputs.seed}}", "--seed ${{inputs.sed}}",
            f"{PIPELINE}, line 40: the command uses ${{{{inputs.sed}}}}, which is not declared; inputs: seed, test_",
        ),
        (
            EVALUATE, "--output ${{outputs.evaluation}}", "--output ${{outputs.x}}",
            f"{EVALUATE}, line 35: the command uses ${{{{outputs.x}}}}, which is not declared; outputs: evaluation.",
        ),
        (
            PIPELINE, "      accuracy_limit: ${{parent", "      limit: ${{parent",
            f"{PIPELINE}, line 81: step evaluate gives 'limit', but {EVALUATE} takes accuracy_limit, model,",
        ),
        (
            PIPELINE, "      model_name: ${{parent.inputs.model_name}}\n", "",
            f"{PIPELINE}, line 75: step evaluate does not give 'model_name', which {EVALUATE} requires.",
        ),
        (
            PIPELINE, "azureml:digits-train@latest", "azureml:digits@latest",
            f"{PIPELINE}, line 37: jobs.prep.environment asks for digits, but data-science/models/digits/environment/"
            "digits_environment_docker.yml registers digits-train.",
        ),
        (
            PIPELINE, "azureml:digits-cluster", "azureml:cpu-cluster",
            f"{PIPELINE}, line 28: settings.default_compute asks for the cluster cpu-cluster, but the workflow makes "
            "digits-cluster: set models.digits.cluster.name in mlops/models.yml.",
        ),
        (
            f"{ONLINE}-deployment.yml", "endpoint_name: digits-online",
            "endpoint_name: digit-online",
            f"{ONLINE}-deployment.yml, line 5: endpoint_name is digit-online, but "
            f"{ONLINE}-endpoint.yml makes digits-online.",
        ),
        (
            f"{ONLINE}-deployment.yml", "score.py", "scoer.py",
            f"{ONLINE}-deployment.yml, line 10: code_configuration.scoring_script names",
        ),
        (REQUEST, '"images": [', '"images": [[', f"{REQUEST}, line 7: not JSON"),
        (
            "data/digits/digits-response.schema.json", '"minItems"', '"minItem"',
            "data/digits/digits-response.schema.json, line 1: # uses 'minItem', which is not supported here.",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(copy: Path, file: str, before: str, after: str, told: str) -> None:
    path = copy / file
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after, 1))
    found = problems(copy)
    assert found, "nothing was found"
    assert found[0].startswith(told)


def test_a_missing_pipeline_and_half_an_endpoint(copy: Path) -> None:
    (copy / PIPELINE).unlink()
    (copy / "mlops/azureml/deploy/batch/digits_batch-deployment.yml").unlink()
    assert problems(copy) == [
        f"mlops/models.yml, line 1: digits has no pipeline: {PIPELINE} does not exist.",
        "mlops/azureml/deploy/batch/digits_batch-endpoint.yml, line 1: the batch endpoint has no "
        "mlops/azureml/deploy/batch/digits_batch-deployment.yml beside it.",
    ]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("request-file: data/digits/requst.json", "request-file of digits is data/digits/requst.json"),
        ("batch-input: data/digits/bach", "batch-input of digits is data/digits/bach"),
        ("response-schema: data/nope.json", "response-schema of digits is data/nope.json"),
        ("pipeline-file: mlops/nope.yml", "pipeline-file of digits is mlops/nope.yml"),
        ("online:\n      deployment-file: mlops/nope.yml", "online.deployment-file of digits is mlops/nope.yml"),
    ],
)
def test_a_file_that_the_manifest_names_must_be_there(copy: Path, lines: str, told: str) -> None:
    manifest = copy / "mlops" / "models.yml"
    manifest.write_text(manifest.read_text().replace("  digits:\n", f"  digits:\n    {lines}\n"))
    last = lines.rpartition("\n")[2].strip()
    line = 1 + [each.strip() for each in manifest.read_text().splitlines()].index(last)
    assert problems(copy) == [f"mlops/models.yml, line {line}: {told}, which does not exist."]


@pytest.mark.parametrize(
    ("pattern", "there"),
    [
        ("mlops/azureml/train/digits_pipeline.yml", True),
        ("mlops/azureml/**", True),
        ("mlops/*_pipeline.yml", True),  # a star goes through folders, as it does for changes
        ("shared/fares/**", False),
        ("mlops/azureml/train/digits_pipelin.yml", False),
    ],
)
def test_further_files_of_a_model_must_be_there(copy: Path, pattern: str, there: bool) -> None:
    manifest = copy / "mlops" / "models.yml"
    manifest.write_text(manifest.read_text().replace("  digits:\n", f"  digits:\n    paths:\n      - {pattern}\n"))
    line = 1 + manifest.read_text().splitlines().index(f"      - {pattern}")
    told = [f"mlops/models.yml, line {line}: paths of digits have {pattern}, which is no file here."]
    assert problems(copy) == ([] if there else told)
