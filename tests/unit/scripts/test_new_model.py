"""make new-model: everything or nothing, and what comes out is a model like the others."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from model_files import Files
from models import read_manifest
from new_model import main

ROOT = Path(__file__).parents[3]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in ("mlops", "examples/new-model"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_the_new_model_is_complete_and_its_files_agree(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(copy)
    assert main(["customer_churn"], copy) == 0
    made = files(copy) - before
    assert "data-science/models/customer_churn/code/train.py" in made
    assert "mlops/azureml/train/customer_churn_pipeline.yml" in made
    assert all("__model" not in name and "__model" not in (copy / name).read_text() for name in made)
    manifest = read_manifest(copy)
    model = manifest.model("customer_churn")
    assert Files(copy, model).check() == []
    assert model.gate is not None
    assert model.gate.metric == "test_accuracy"
    endpoint = yaml.safe_load((copy / model.online.endpoint_file).read_text())
    assert endpoint["name"] == "customer-churn-online"
    assert "make demo MODEL=customer_churn" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["", "Churn", "9lives", "a", "x" * 24, "churn-", "ch urn", "../x", "a__b"])
def test_names_that_azure_would_refuse_later_are_refused_now(
    copy: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(copy)
    assert main([name], copy) == 2
    assert f"NAME is '{name}': it must have 2 to 23 small letters" in capsys.readouterr().err
    assert files(copy) == before


def test_nothing_is_overwritten(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["taxi"], copy) == 2
    assert "NAME is 'taxi': there is such a model already." in capsys.readouterr().err
    mine = copy / "data/churn/churn-data.csv"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    before = files(copy)
    assert main(["churn"], copy) == 2
    assert "data/churn/churn-data.csv exists already; nothing is overwritten." in capsys.readouterr().err
    assert (mine.read_text(), files(copy)) == ("mine", before)


def test_make_hands_the_name_over() -> None:
    command = ["make", "-C", str(ROOT), "new-model", "NAME=Bad Name"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "NAME is 'Bad Name'" in done.stderr


def test_the_template_shares_its_gate_with_the_digits_model() -> None:
    template = ROOT / "examples/new-model/data-science/models/__model__/code"
    for name in ("decision.py", "registry.py", "register.py", "tracking.py"):
        assert (template / name).read_bytes() == (ROOT / "data-science/models/digits/code" / name).read_bytes(), name
