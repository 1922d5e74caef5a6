"""Step 2, train: fit the model, log it to MLflow and hand exactly what was logged to the next steps.

    python train.py --data /tmp/taxi/prepared --model /tmp/taxi/model

Exit codes: 0 done, 1 the data is not what prep.py writes or there is a model already, 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import warnings
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
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_limits

# What an endpoint installs to serve the model.
SERVING_PACKAGES = ("mlflow", "scikit-learn", "pandas", "numpy", "cloudpickle", "azureml-inference-server-http")


def build(args: argparse.Namespace) -> Pipeline:
    """The untrained model: text columns encoded, all others as they are, into boosted trees."""
    return Pipeline(
        [
            (
                "columns",
                ColumnTransformer(
                    [("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), [*rows.CATEGORIES])],
                    remainder="passthrough",
                ),
            ),
            (
                "trees",
                HistGradientBoostingRegressor(
                    learning_rate=args.learning_rate,
                    max_iter=args.max_iter,
                    max_leaf_nodes=args.max_leaf_nodes,
                    min_samples_leaf=args.min_samples_leaf,
                    l2_regularization=args.l2_regularization,
                    early_stopping=False,
                    random_state=args.seed,
                ),
            ),
        ]
    )


def serving_environment() -> dict[str, Any]:
    """The conda environment that travels with the model: the Python and the package versions it was trained with."""
    pins = [f"{package}=={version(package)}" for package in SERVING_PACKAGES]
    python = f"python={sys.version_info.major}.{sys.version_info.minor}"
    return {"name": "taxi-serve", "channels": ["conda-forge"], "dependencies": [python, "pip", {"pip": pins}]}


def log_model(model: Pipeline, example: pd.DataFrame, into: Path) -> str:
    """Log the model to the active run, then fetch it: what is evaluated is byte for byte what may be registered."""
    with warnings.catch_warnings():
        # MLflow warns that integer columns cannot hold missing values; prep.py lets none through.
        warnings.filterwarnings("ignore", message=".*integer column.*")
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
    parser.add_argument("--max-iter", type=int, default=200, help="number of trees")
    parser.add_argument("--max-leaf-nodes", type=int, default=15, help="size of a tree")
    parser.add_argument("--min-samples-leaf", type=int, default=20, help="rows that a leaf must have at least")
    parser.add_argument("--l2-regularization", type=float, default=0.0, help="0 is none; more keeps the trees tamer")
    parser.add_argument("--seed", type=int, default=42, help="of the trees' random choices")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    if args.model.exists() and any(args.model.iterdir()):
        print(f"train: {args.model} is not empty; give a new folder", file=sys.stderr)
        return 1
    try:
        frames = {name: pd.read_csv(args.data / f"{name}.csv") for name in ("train", "validation")}
    except FileNotFoundError as error:
        print(f"train: {error.filename} is not there; prep.py writes it", file=sys.stderr)
        return 1

    model = build(args)
    with tracking.step_run("train"):
        settings = {name: value for name, value in vars(args).items() if not isinstance(value, Path)}
        mlflow.log_params(settings)
        # One thread: 7000 rows gain nothing from more, and the same rows give the same model on every machine size.
        with threadpool_limits(limits=1):
            model.fit(frames["train"][[*rows.FEATURES]], frames["train"][rows.TARGET])
        metrics: dict[str, float] = {}
        for name, frame in frames.items():
            metrics |= scores.regression_scores(name, frame[rows.TARGET], model.predict(frame[[*rows.FEATURES]]))
        mlflow.log_metrics(metrics)
        uri = log_model(model, frames["train"][[*rows.FEATURES]].head(3), args.model)
    print(f"train: {len(frames['train'])} rows, " + ", ".join(f"{k} {v:.4f}" for k, v in metrics.items()))
    print(f"train: model {uri} -> {args.model}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
