"""The scoring script of MLflow models that are deployed without one.

It takes what Azure ML's own takes, and MLflow's formats beside it:

    {"input_data": {"columns": […], "index": […], "data": [[…], …]}, "params": {…}}    a table
    {"input_data": [[…], …]}                                                           an array
    {"input_data": {"name": […], …}}                                                   named arrays
    {"dataframe_split": {…}}   {"dataframe_records": […]}   {"instances": […]}   {"inputs": …}

and answers as Azure ML does: the predictions as JSON, tables as a list of records. What cannot be read is answered 400.

This file is copied beside the model and runs in the model's environment: it needs MLflow there and nothing of
azureml_local. Source: learn.microsoft.com/azure/machine-learning/how-to-deploy-mlflow-models, "request formats".
"""

from __future__ import annotations

import inspect
import json
import os
from typing import Any

import mlflow.pyfunc  # type: ignore[import-not-found,unused-ignore]
import numpy as np  # type: ignore[import-not-found,unused-ignore]
import pandas as pd
from azureml_inference_server_http.api.aml_response import (  # type: ignore[import-not-found,unused-ignore]
    AMLResponse,
)
from mlflow.exceptions import MlflowException  # type: ignore[import-not-found,unused-ignore]

_FORMS = "input_data, dataframe_split, dataframe_records, instances or inputs"
_model: Any = None
_types: dict[str, Any] = {}  # of the columns that the model's signature wants in a type of numbers, truths or times
_takes_params = False


class UnreadableError(ValueError):
    """A request that is not in one of the formats."""


def init() -> None:
    global _model, _types, _takes_params  # noqa: PLW0603 - the inference server's contract
    folder = os.path.join(os.environ["AZUREML_MODEL_DIR"], os.environ["MLFLOW_MODEL_FOLDER"])  # noqa: PTH118
    _model = mlflow.pyfunc.load_model(folder)
    _types = _column_types(_model.metadata.get_input_schema())
    _takes_params = "params" in inspect.signature(_model.predict).parameters


def _column_types(schema: Any) -> dict[str, Any]:
    if schema is None or schema.is_tensor_spec():
        return {}
    wanted = {spec.name: spec.type.to_pandas() for spec in schema.inputs if hasattr(spec.type, "to_pandas")}
    return {name: kind for name, kind in wanted.items() if str(kind) != "object"}


def run(raw_data: Any) -> Any:
    try:
        data, params = _read(raw_data)
    except UnreadableError as error:
        return AMLResponse({"message": str(error)}, 400, json_str=True)
    try:
        return _as_json(_predict(data, params))
    except MlflowException as error:  # the model's signature does not fit what was sent
        if error.get_http_status_code() == 400:
            return AMLResponse({"message": str(error)}, 400, json_str=True)
        raise


def _read(raw: Any) -> tuple[Any, dict[str, Any] | None]:
    """The model's input and its parameters."""
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise UnreadableError(f"The request is not JSON: {error}.") from error
    if not isinstance(body, dict):
        raise UnreadableError(f"The request must be an object with {_FORMS}.")
    params = body.get("params")
    if params is not None and not isinstance(params, dict):
        raise UnreadableError("'params' must be an object.")
    try:
        if "input_data" in body:
            return _input_data(body["input_data"]), params
        if "dataframe_split" in body:
            return _table(body["dataframe_split"]), params
        if "dataframe_records" in body:
            return _typed(pd.DataFrame.from_records(body["dataframe_records"])), params
        for name in ("instances", "inputs"):
            if name in body:
                return _arrays(body[name]), params
    except (TypeError, ValueError, KeyError) as error:
        raise UnreadableError(f"The input cannot be read: {error}.") from error
    raise UnreadableError(f"The request has none of {_FORMS}; it has: {', '.join(map(str, body)) or 'nothing'}.")


def _input_data(given: Any) -> Any:
    if isinstance(given, dict) and {"columns", "data"} <= given.keys():
        return _table(given)
    if isinstance(given, list) and given and isinstance(given[0], dict):
        return _typed(pd.DataFrame.from_records(given))
    return _arrays(given)


def _table(given: dict[str, Any]) -> Any:
    frame = pd.DataFrame(given["data"], columns=given["columns"], index=given.get("index"))
    return _typed(frame)


def _typed(frame: Any) -> Any:
    """Columns in the types that the model's signature asks for: JSON knows one kind of number, and no dates."""
    changes = {
        name: _types[name]
        for name, kind in frame.dtypes.items()
        if name in _types and kind != _types[name] and not frame[name].hasnans
    }
    return frame.astype(changes) if changes else frame


def _arrays(given: Any) -> Any:
    schema = _model.metadata.get_input_schema()
    if isinstance(given, dict):
        types = (
            {spec.name: spec.type for spec in schema.inputs} if schema is not None and schema.is_tensor_spec() else {}
        )
        return {name: np.asarray(value, dtype=types.get(name)) for name, value in given.items()}
    if isinstance(given, str):
        return given
    if schema is not None and schema.is_tensor_spec():
        return np.asarray(given, dtype=schema.inputs[0].type)
    array = np.asarray(given)
    if schema is not None and schema.has_input_names():  # rows without column names, in the signature's order
        frame = pd.DataFrame(given, columns=schema.input_names())
        return _typed(frame)
    return array


def _predict(data: Any, params: dict[str, Any] | None) -> Any:
    if _takes_params:
        return _model.predict(data, params=params)
    return _model.predict(data)


def _as_json(result: Any) -> Any:
    """Predictions as lists, records and plain values."""
    if isinstance(result, pd.DataFrame):
        return json.loads(result.to_json(orient="records", date_format="iso"))
    if isinstance(result, pd.Series):
        return json.loads(result.to_json(orient="values", date_format="iso"))
    if isinstance(result, np.ndarray):
        return result.tolist()
    if isinstance(result, np.generic):
        return result.item()
    if isinstance(result, dict):
        return {str(key): _as_json(value) for key, value in result.items()}
    if isinstance(result, (list, tuple)):
        return [_as_json(value) for value in result]
    return result
