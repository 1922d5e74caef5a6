"""The scoring script of MLflow models that are deployed without one, with real models and MLflow, without a server.

Its answers are compared with what the model says in-process. Only AMLResponse, which the inference server brings, is a
stand-in.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from azureml_local import online, tools
from azureml_local.paths import REPOSITORY, StatePaths

pytestmark = pytest.mark.wire

SCENARIO = """
import importlib.util, json, os, sys, types
from pathlib import Path

class AMLResponse:
    def __init__(self, message, status_code, json_str=False):
        self.message, self.status = message, status_code

response = types.ModuleType("azureml_inference_server_http.api.aml_response")
response.AMLResponse = AMLResponse
for name in ("azureml_inference_server_http", "azureml_inference_server_http.api"):
    sys.modules[name] = types.ModuleType(name)
sys.modules[response.__name__] = response

import mlflow.pyfunc, numpy as np, pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import DataType, ParamSchema, ParamSpec

script, folder = Path(sys.argv[1]), Path(sys.argv[2])
spec = importlib.util.spec_from_file_location("score", script)
score = importlib.util.module_from_spec(spec)
spec.loader.exec_module(score)

def use(name, predict, signature=None):
    class Model(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return predict(model_input, params or {})
    mlflow.pyfunc.save_model(str(folder / name), python_model=Model(), signature=signature, pip_requirements=[])
    os.environ.update(AZUREML_MODEL_DIR=str(folder), MLFLOW_MODEL_FOLDER=name)
    score.init()

def ask(body):
    answer = score.run(body if isinstance(body, str) else json.dumps(body))
    if isinstance(answer, AMLResponse):
        return {"status": answer.status, **answer.message}
    json.dumps(answer, allow_nan=False)  # what the server does with it
    return answer

seen = {}
rows = pd.DataFrame({"distance": [2.0, 4.0], "passengers": [1, 3]})
params = ParamSchema([ParamSpec("factor", DataType.double, 1.0)])
signature = ModelSignature(infer_signature(rows).inputs, params=params)
use("table", lambda table, params: (table["distance"] * table["passengers"]) * params.get("factor", 1), signature)
split = {"columns": ["distance", "passengers"], "index": [7, 9], "data": [[2, 1], [4, 3]]}  # whole numbers for doubles
seen["in-process"] = score._model.predict(rows).tolist()
seen["forms"] = {
    "input_data": ask({"input_data": split}),
    "input_data without index": ask({"input_data": {name: split[name] for name in ("columns", "data")}}),
    "input_data as records": ask({"input_data": rows.to_dict("records")}),
    "input_data as rows": ask({"input_data": split["data"]}),
    "dataframe_split": ask({"dataframe_split": split}),
    "dataframe_records": ask({"dataframe_records": rows.to_dict("records")}),
}
seen["params"] = ask({"input_data": split, "params": {"factor": 10}})
seen["swapped columns"] = ask({"input_data": {"columns": ["passengers", "distance"], "data": [[1, 2], [3, 4]]}})
seen["wrong"] = {
    "not json": ask("{"),
    "a list": ask([1]),
    "none of them": ask({"rows": []}),
    "params": ask({"input_data": split, "params": 3}),
    "a missing column": ask({"input_data": {"columns": ["distance"], "data": [[1]]}}),
    "a ragged table": ask({"input_data": {"columns": ["distance", "passengers"], "data": [[1]]}}),
    "a word": ask({"input_data": {"columns": ["distance", "passengers"], "data": [["far", 1]]}}),
}

tensor = infer_signature(np.zeros((1, 3), dtype=np.float32))
use("tensor", lambda array, _: {"sum": array.sum(axis=1), "type": str(array.dtype)}, tensor)
seen["tensor"] = [ask({form: [[1, 2, 3], [4, 5, 6]]}) for form in ("instances", "inputs", "input_data")]

named = infer_signature({"a": np.zeros((1, 2), dtype=np.int64), "b": np.zeros((1, 1), dtype=np.float64)})
use("named", lambda arrays, _: [sorted(arrays), arrays["a"].dtype.name, arrays["b"].dtype.name], named)
seen["named"] = ask({"input_data": {"a": [[1, 2]], "b": [[1]]}})

results = {
    "frame": lambda *_: pd.DataFrame({"label": ["x", "y"], "when": pd.to_datetime(["2024-01-01", "2024-01-02"])}),
    "series": lambda *_: pd.Series([1.5, None]),
    "number": lambda *_: np.float32(0.5),
    "nested": lambda *_: {"scores": [np.array([1, 2]), (np.int64(3),)], 4: "four"},
    "text": lambda text, _: f"said {text}",
}
seen["results"] = {}
for name, predict in results.items():
    use(name, predict)
    seen["results"][name] = ask({"inputs": "hello"})
(folder / "seen.json").write_text(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the script answered, in one process for all tests."""
    folder = tmp_path_factory.mktemp("mlflow-scoring")
    cache = Path(os.environ.get("AZUREML_LOCAL_CACHE") or REPOSITORY / ".azureml-local" / "cache")
    python = tools.ensure(StatePaths(folder / "state", cache), "sdk", print) / "bin" / "python"
    script = Path(str(online.__file__)).with_name("mlflow_scoring.py")
    done = subprocess.run(
        [str(python), "-c", SCENARIO, str(script), str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-5000:]
    content: dict[str, Any] = json.loads((folder / "seen.json").read_text())
    return content


def test_every_form_of_a_table_is_scored_as_in_process(seen: dict[str, Any]) -> None:
    assert seen["in-process"] == [2.0, 12.0]
    assert [form for form, answer in seen["forms"].items() if answer != [2.0, 12.0]] == []
    assert seen["swapped columns"] == [2.0, 12.0]
    assert seen["params"] == [20.0, 120.0]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ("not json", "The request is not JSON: "),
        ("a list", "The request must be an object with input_data, dataframe_split, "),
        ("none of them", "The request has none of input_data, dataframe_split, "),
        ("params", "'params' must be an object."),
        ("a missing column", "passengers"),
        ("a ragged table", "The input cannot be read: "),
        ("a word", "far"),
    ],
)
def test_what_cannot_be_read_is_400_and_says_why(seen: dict[str, Any], request_: str, said: str) -> None:
    answer = seen["wrong"][request_]
    assert answer["status"] == 400
    assert said in answer["message"]


def test_arrays_have_the_types_of_the_signature(seen: dict[str, Any]) -> None:
    assert seen["tensor"] == [{"sum": [6.0, 15.0], "type": "float32"}] * 3
    assert seen["named"] == [["a", "b"], "int64", "float64"]


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        (
            "frame",
            [{"label": "x", "when": "2024-01-01T00:00:00.000"}, {"label": "y", "when": "2024-01-02T00:00:00.000"}],
        ),
        ("series", [1.5, None]),
        ("number", 0.5),
        ("nested", {"scores": [[1, 2], [3]], "4": "four"}),
        ("text", "said hello"),
    ],
)
def test_answers_are_plain_json(seen: dict[str, Any], result: str, answer: Any) -> None:
    assert seen["results"][result] == answer
