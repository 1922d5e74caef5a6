"""The online endpoint's scoring script: images in, digits and how sure the model is out.

The request is {"images": [[64 numbers], …]}, each image row by row or as 8 rows of 8, every number from 0 to 16. The
answer is one {"digit": 3, "probability": 0.98} an image. Anything else is told back in words, with status 400.
Contract of `init` and `run`: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-online-endpoints
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from azureml_inference_server_http.api.aml_response import AMLResponse

PIXELS = [f"p{row}{column}" for row in range(8) for column in range(8)]
_LOG = logging.getLogger("digits")
_MODEL: list[Any] = []


class BadRequest(ValueError):  # noqa: N818 - it names what the caller sent
    """The request cannot be answered; the message says which image, and what is expected."""


def model_folder(root: Path) -> Path:
    """The MLflow model below AZUREML_MODEL_DIR, however deep the registry put it."""
    found = sorted(root.rglob("MLmodel"))
    if not found:
        raise FileNotFoundError(f"no MLmodel file below {root}")
    return found[0].parent


def init() -> None:
    """Load the model, once a process."""
    folder = model_folder(Path(os.environ["AZUREML_MODEL_DIR"]))
    _MODEL[:] = [mlflow.sklearn.load_model(str(folder))]
    _LOG.info("loaded %s", folder)


def parse(text: str | bytes) -> pd.DataFrame:
    """The pixels of every image of a request, one row an image. Raises BadRequest."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise BadRequest(f"the request is not JSON: {error}") from None
    given = document.get("images") if isinstance(document, dict) else None
    if not isinstance(given, list) or not given:
        raise BadRequest('the request must be {"images": [[64 numbers], ...]}, with at least one image')
    rows = []
    for position, image in enumerate(given):
        try:
            pixels = np.asarray(image, dtype=float).reshape(-1)
        except (TypeError, ValueError):
            pixels = np.empty(0)
        if pixels.size != len(PIXELS):
            raise BadRequest(f"images[{position}] must be 64 numbers, or 8 rows of 8")
        if not bool(((pixels >= 0) & (pixels <= 16)).all()):
            raise BadRequest(f"images[{position}] has a pixel outside 0..16")
        rows.append(pixels)
    return pd.DataFrame(rows, columns=PIXELS)


def run(raw_data: str | bytes) -> Any:
    """Answer one request."""
    try:
        frame = parse(raw_data)
    except BadRequest as error:
        return AMLResponse({"error": str(error)}, 400, json_str=True)
    model = _MODEL[0]
    probabilities = model.predict_proba(frame)
    best = probabilities.argmax(axis=1)
    return [
        {"digit": int(model.classes_[column]), "probability": round(float(row[column]), 6)}
        for row, column in zip(probabilities, best, strict=True)
    ]
