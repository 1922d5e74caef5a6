"""The parts of validation that need no SDK; tests/wire has the whole of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from models import MANIFEST
from validate_models import composed, flat, line_at, manifest_problems, step_at

ROOT = Path(__file__).parents[3]


def test_this_repositorys_manifest_fits_its_schema() -> None:
    assert manifest_problems(ROOT) == []


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("models:\n  taxi:\n    cluster:\n      sizes: 2\n", 4, "('sizes' was unexpected)"),
        ("models:\n  taxi:\n    cluster:\n      tier: spot\n", 4, "models.taxi.cluster.tier: 'spot' is not one of"),
        ("models:\n  taxi:\n    gate:\n      metric: rmse\n", 3, "models.taxi.gate: 'goal' is a required property"),
        ('models:\n  taxi:\n    cluster:\n      size: "2"\n', 4, "'2' is not of type 'integer'"),
        ("models: [\n", 2, "not valid YAML"),
        ("- models\n", 1, "it must have keys and values"),
    ],
)
def test_a_violation_has_its_line(tmp_path: Path, text: str, line: int, told: str) -> None:
    (tmp_path / "mlops").mkdir()
    (tmp_path / MANIFEST).write_text(text)
    problem = manifest_problems(tmp_path)[0]
    assert (problem.file, problem.line) == ("mlops/models.yml", line)
    assert told in problem.message


def test_lines_and_steps_of_a_pipeline() -> None:
    node, _ = composed(ROOT, "mlops/azureml/train/digits_pipeline.yml")
    assert isinstance(node, yaml.MappingNode)
    assert line_at(node, ["jobs", "prep", "code"]) == 36
    assert line_at(node, ["jobs", "prep", "nothing", "there"]) == line_at(node, ["jobs", "prep"]) == 33
    assert step_at(node, 36) == "prep"
    assert step_at(node, 3) == ""


def test_the_sdks_nested_errors_become_paths() -> None:
    told = {"resources": {"instance_cout": ["Unknown field."]}, "model": ["Not a valid string.", "Missing data"]}
    assert list(flat(told)) == [(["resources", "instance_cout"], "Unknown field."), (["model"], "Missing data")]
