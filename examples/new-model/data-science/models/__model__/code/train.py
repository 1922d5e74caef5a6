"""Step 2, train: fit the model, log it to MLflow and hand exactly what was logged to the next steps.

    python train.py --data /tmp/__model__/prepared --model /tmp/__model__/model

Exit codes: 0 done, 1 the data is not what prep.py writes or there is a model already, 2 wrong arguments.
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
import rows
import scores
import tracking
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

# What an endpoint installs to serve the model.
SERVING_PACKAGES = ("mlflow", "scikit-learn", "pandas", "numpy", "cloudpickle", "azureml-inference-server-http")


def build(args: argparse.Namespace, features: pd.DataFrame) -> Pipeline:
    """The untrained model: text columns encoded, numbers as they are, into boosted trees."""
    texts = [name for name in features.columns if not pd.api.types.is_numeric_dtype(features[name])]
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    trees = HistGradientBoostingClassifier(
        learning_rate=args.learning_rate, max_iter=args.max_iter, early_stopping=False, random_state=args.seed
    )
    columns = ColumnTransformer([("texts", encoder, texts)], remainder="passthrough")
    return Pipeline([("columns", columns), ("trees", trees)])


def serving_environment() -> dict[str, Any]:
    """The conda environment that travels with the model: the Python and the package versions it was trained with."""
    pins = [f"{package}=={version(package)}" for package in SERVING_PACKAGES]
    python = f"python={sys.version_info.major}.{sys.version_info.minor}"
    return {"name": "__model__-serve", "channels": ["conda-forge"], "dependencies": [python, "pip", {"pip": pins}]}


def log_model(model: Pipeline, example: pd.DataFrame, into: Path) -> str:
    """Log the model to the active run, then fetch it: what is evaluated is byte for byte what may be registered."""
    logged = mlflow.sklearn.log_model(
        model,
        artifact_path="model",
        signature=infer_signature(example, model.predict(example)),
        input_example=example,
        conda_env=serving_environment(),
    )
    with tempfile.TemporaryDirectory() as scratch:
        fetched = mlflow.artifacts.download_artifacts(artifact_uri=logged.model_uri, dst_path=scratch)
        shutil.copytree(fetched, into, dirs_exist_ok=True)
    uri: str = logged.model_uri
    return uri


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder prep.py wrote")
    parser.add_argument("--model", type=Path, required=True, help="folder for the trained MLflow model")
    parser.add_argument("--learning-rate", type=float, default=0.1, help="how much of each tree counts")
    parser.add_argument("--max-iter", type=int, default=60, help="number of trees")
    parser.add_argument("--seed", type=int, default=42, help="of the trees' random choices")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    if args.model.exists() and any(args.model.iterdir()):
        print(f"train: {args.model} is not empty; give a new folder", file=sys.stderr)
        return 1
    try:
        frame = rows.read(args.data / "train.csv")
    except ValueError as error:
        print(f"train: {error}; prep.py writes it", file=sys.stderr)
        return 1
    features, labels = rows.features(frame), frame[rows.TARGET]
    model = build(args, features)
    with tracking.step_run("train"):
        mlflow.log_params({name: value for name, value in vars(args).items() if not isinstance(value, Path)})
        model.fit(features, labels)
        metrics = scores.classification_scores("train", labels, model.predict(features))
        mlflow.log_metrics(metrics)
        uri = log_model(model, features.head(3), args.model)
    print(f"train: {len(frame)} rows, " + ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
    print(f"train: model {uri} -> {args.model}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
