"""MLflow models without an entry script: each file is read by its extension and given to the model's `predict()`.

Rows are `row,prediction,file` without header, as `pd.read_csv("predictions.csv", names=["row", "prediction", "file"])`
reads them: the row's number in its file, what the model said, the file's name. A model that says several things about a
row has a column for each between the two. An image is one row.

Source: learn.microsoft.com/azure/machine-learning/how-to-mlflow-batch, "Analyze outputs" and "Support for file types".
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from .config import Config
from .rows import Result

TABLES = (".csv", ".parquet", ".pqt")
IMAGES = (".png", ".jpg", ".jpeg", ".tiff", ".bmp", ".gif")


class FileError(Exception):
    """A file that cannot be scored; the message names it and says why."""


class MlflowScorer:
    """Has the same three calls as an entry script."""

    def __init__(self, config: Config) -> None:
        self._path = config.model
        self._model: Any = None

    def init(self) -> None:
        import mlflow.pyfunc  # noqa: PLC0415 - in the model's environment only

        self._model = mlflow.pyfunc.load_model(self._path)

    def run(self, task: dict[str, Any]) -> Result:
        """The rows of all files of a mini-batch. Raises FileError with the first file that can't be read or scored."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        rows = 0
        for file in task["files"]:
            name = Path(file).name
            for number, predicted in enumerate(self._score(file, name)):
                writer.writerow([number, *predicted, name])
                rows += 1
        return Result(text.getvalue(), rows, len(task["files"]))

    def shutdown(self) -> None:
        """Nothing to close."""

    def _score(self, file: str, name: str) -> list[list[Any]]:
        """For each row of the file, what the model said about it."""
        extension = Path(name).suffix.lower()
        if extension not in TABLES + IMAGES:
            raise FileError(
                f"Error processing input file: '{name}'. File type '{extension.lstrip('.')}' is not supported. MLflow "
                f"models without a scoring script take {', '.join(TABLES + IMAGES)}."
            )
        try:
            data, count = self._read_table(file) if extension in TABLES else self._read_image(file)
            found = _by_row(self._model.predict(data)) if count else []
        except Exception as error:
            raise FileError(f"Error processing input file: '{name}'. {type(error).__name__}: {error}") from error
        if len(found) != count:
            raise FileError(
                f"Error processing input file: '{name}'. The model returned {len(found)} predictions for {count} rows."
            )
        return found

    def _read_table(self, file: str) -> tuple[Any, int]:
        """A DataFrame with the types that the model's signature asks for, and its number of rows."""
        import pandas as pd  # noqa: PLC0415

        types = self._types()
        if file.lower().endswith(".csv"):
            frame = pd.read_csv(file, dtype=types)
        else:
            frame = pd.read_parquet(file)
            frame = frame.astype({name: kind for name, kind in types.items() if name in frame.columns})
        return frame, len(frame)

    def _types(self) -> dict[str, Any]:
        """The types of columns in the model's signature. Dates and nested types are left to MLflow."""
        schema = self._model.metadata.get_input_schema()
        if schema is None or schema.is_tensor_spec() or not schema.has_input_names():
            return {}
        types = {column.name: getattr(column.type, "name", "") for column in schema.inputs}
        known = {
            "boolean": "bool",
            "integer": "int32",
            "long": "int64",
            "float": "float32",
            "double": "float64",
            "string": "str",
        }
        return {name: known[kind] for name, kind in types.items() if kind in known}

    def _read_image(self, file: str) -> tuple[Any, int]:
        """One image as an array of bytes, in the shape that the model's signature asks for."""
        import numpy as np  # noqa: PLC0415
        from PIL import Image  # noqa: PLC0415

        with Image.open(file) as image:
            pixels = np.asarray(image, dtype=np.uint8)[None, ...]
        schema = self._model.metadata.get_input_schema()
        if schema is not None and schema.is_tensor_spec():
            tensor = schema.inputs[0]
            pixels = pixels.astype(tensor.type)
            wanted = [1 if size == -1 and place == 0 else size for place, size in enumerate(tensor.shape)]
            if -1 not in wanted[1:]:
                pixels = pixels.reshape(wanted)
        return pixels, 1


def _by_row(predicted: Any) -> list[list[Any]]:
    """What a model said, a list for each row, whatever the model says it in."""
    if hasattr(predicted, "to_numpy"):  # DataFrame, Series
        predicted = predicted.to_numpy()
    if hasattr(predicted, "tolist"):
        predicted = predicted.tolist()
    if not isinstance(predicted, (list, tuple)):
        return [[predicted]]
    return [list(row) if isinstance(row, (list, tuple)) else [row] for row in predicted]
