"""Step 2, train: fit the model, log it to MLflow, and hand what was logged to the next steps.

By hand: python train.py --data /tmp/wine/prepared --model /tmp/wine/model
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

SERVING_PACKAGES = ("mlflow", "scikit-learn", "pandas", "numpy", "cloudpickle", "azureml-inference-server-http")


def serving_environment() -> dict[str, Any]:
    """What an endpoint installs to serve the model: the Python and the versions it was trained with."""
    python = f"python={sys.version_info.major}.{sys.version_info.minor}"
    pins = [f"{package}=={version(package)}" for package in SERVING_PACKAGES]
    return {"name": "wine-serve", "channels": ["conda-forge"], "dependencies": [python, "pip", {"pip": pins}]}


def log_model(model: Pipeline, example: pd.DataFrame, into: Path) -> None:
    """Log the model to the step's run and fetch it again: what is evaluated is what may be registered."""
    logged = mlflow.sklearn.log_model(
        model,
        artifact_path="model",
        signature=infer_signature(example, model.predict(example)),
        conda_env=serving_environment(),
    )
    with tempfile.TemporaryDirectory() as scratch:
        fetched = mlflow.artifacts.download_artifacts(artifact_uri=logged.model_uri, dst_path=scratch)
        shutil.copytree(fetched, into, dirs_exist_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder prep.py wrote")
    parser.add_argument("--regularization", type=float, default=1.0, help="smaller is stronger")
    parser.add_argument("--model", type=Path, required=True, help="folder for the model")
    args = parser.parse_args()

    frame = pd.read_csv(args.data / "train.csv")
    features = frame.drop(columns="target")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=args.regularization, max_iter=1000))
    model.fit(features, frame["target"])
    with mlflow.start_run():
        mlflow.log_param("regularization", args.regularization)
        mlflow.log_metric("train_accuracy", model.score(features, frame["target"]))
        log_model(model, features.head(3), args.model)
    print(f"train: {len(frame)} rows")


if __name__ == "__main__":
    main()
