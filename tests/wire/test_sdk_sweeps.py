"""The azure-ai-ml SDK: sweeps, parallel steps over a table, and schedules, each as its documentation has it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from conftest import LocalWorkspace

pytestmark = pytest.mark.wire

# Logs its rate, as any program could by REST. A bad one then goes on for long: only the policy ends it in time.
TRAIN = """\
import json, os, sys, time, urllib.request

rate, target = float(sys.argv[1]), sys.argv[2]
uri = os.environ["MLFLOW_TRACKING_URI"].replace("azureml://", "https://").replace("/mlflow/v1.0", "/mlflow/v2.0")
body = {"run_id": os.environ["MLFLOW_RUN_ID"], "key": "acc", "value": rate, "timestamp": 1}
request = urllib.request.Request(
    uri + "/api/2.0/mlflow/runs/log-metric",
    json.dumps(body).encode(),
    {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"},
)
urllib.request.urlopen(request).read()
open(os.path.join(target, "model.txt"), "w").write(sys.argv[1])
time.sleep(300 if rate < 4 else 0)
"""

SCORE = """\
import pandas

def init():
    pass

def run(rows, context):
    assert list(rows.columns) == ["shop", "sold"]
    return pandas.DataFrame({"shop": [context.partition_key_value["shop"]], "sold": [rows["sold"].sum()]})
"""

TABLE = """\
paths:
  - pattern: ./*.csv
transformations:
  - read_delimited:
      delimiter: ","
"""

ENVIRONMENT = """\
name: pandas
dependencies:
  - python=3.11
  - pip
  - pip:
      - pandas<3
"""


def test_a_sweep_ends_early_a_table_is_scored_and_a_schedule_starts_it_again(
    workspace: LocalWorkspace, tmp_path: Path
) -> None:
    files = {
        "train.py": TRAIN,
        "score.py": SCORE,
        "pandas.yml": ENVIRONMENT,
        "table/MLTable": TABLE,
        "table/1.csv": "shop,sold\nnorth,1\nsouth,2\n",
        "table/2.csv": "shop,sold\nsouth,30\nnorth,40\n",
    }
    for name, text in files.items():
        (tmp_path / "here" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "here" / name).write_text(text)
    scenario = Path(__file__).with_name("sweep_scenario.py").read_text()
    done = workspace.python(scenario, str(tmp_path / "here"), str(tmp_path / "got"))
    told = json.loads(done.stdout.rpartition("RESULT ")[2])

    stopped = told["stopped"]
    assert stopped["status"] == "Completed"
    name = stopped["name"]
    assert stopped["trials"] == {f"{name}_0": "Canceled", f"{name}_1": "Completed"}
    assert stopped["properties"]["best_child_run_id"] == f"{name}_1"
    assert float(stopped["properties"]["score"]) == 5
    assert (tmp_path / "got/named-outputs/model/model.txt").read_text() == "5"
    assert f"trial {name}_0 is stopped early: its best value 1 is worse than 3.33333" in done.stdout
    assert "Streaming azureml-logs/hyperdrive.txt" in done.stdout

    assert (told["bayesian"]["status"], len(told["bayesian"]["trials"])) == ("Completed", 3)
    assert set(told["bayesian"]["trials"].values()) == {"Completed"}

    (rows,) = [file for file in (tmp_path / "got/named-outputs/rows").rglob("*") if file.is_file()]
    assert rows.read_text().splitlines() == ["north 41", "south 32"]

    assert told["trigger"] == "0 10 * * 1"
    assert (told["enabled"], told["listed"]) == ([True, False], [[], ["weekly"]])
    assert re.fullmatch(r"weekly-\d{8}T\d{6}Z", told["triggered"])
    assert (told["status"], told["display_name"], told["left"]) == ("Completed", told["triggered"], [])
