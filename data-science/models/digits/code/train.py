"""Step 2, train: fit the model, log it to MLflow and hand exactly what was logged to the next steps.

    python train.py --data /tmp/digits/prepared --model /tmp/digits/model

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

import images
import mlflow
import pandas as pd
import scores
import tracking
from mlflow.models import infer_signature
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

# What an endpoint installs to serve the model.
SERVING_PACKAGES = ("mlflow", "scikit-learn", "pandas", "numpy", "cloudpickle", "azureml-inference-server-http")


def build(args: argparse.Namespace) -> Pipeline:
    """The untrained model: pixels scaled to 0..1, into a support vector machine that also tells how sure it is."""
    machine = SVC(C=args.regularization, gamma=args.gamma, probability=True, random_state=args.seed)
    return Pipeline([("scale", MinMaxScaler()), ("machine", machine)])


def serving_environment() -> dict[str, Any]:
    """The conda environment that travels with the model: the Python and the package versions it was trained with."""
    pins = [f"{package}=={version(package)}" for package in SERVING_PACKAGES]
    python = f"python={sys.version_info.major}.{sys.version_info.minor}"
    return {"name": "digits-serve", "channels": ["conda-forge"], "dependencies": [python, "pip", {"pip": pins}]}


def log_model(model: Pipeline, example: pd.DataFrame, into: Path) -> str:
    """Log the model to the active run, then fetch it: what is evaluated is byte for byte what may be registered."""
    with warnings.catch_warnings():
        # MLflow warns that integer columns cannot hold missing values; a digit is always there.
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
    parser.add_argument("--regularization", type=float, default=10.0, help="C: larger fits the training images closer")
    parser.add_argument("--gamma", type=float, default=0.05, help="larger: an image matters to nearer ones only")
    parser.add_argument("--seed", type=int, default=42, help="of the probabilities' cross-validation")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    if args.model.exists() and any(args.model.iterdir()):
        print(f"train: {args.model} is not empty; give a new folder", file=sys.stderr)
        return 1
    try:
        frame = pd.read_csv(args.data / "train.csv", dtype=dict.fromkeys(images.PIXELS, float))
    except FileNotFoundError as error:
        print(f"train: {error.filename} is not there; prep.py writes it", file=sys.stderr)
        return 1
    pixels, digits = frame[[*images.PIXELS]], frame[images.TARGET]
    model = build(args)
    with tracking.step_run("train"):
        mlflow.log_params({name: value for name, value in vars(args).items() if not isinstance(value, Path)})
        model.fit(pixels, digits)
        metrics = scores.classification_scores("train", digits, model.predict(pixels), model.predict_proba(pixels))
        mlflow.log_metrics(metrics)
        uri = log_model(model, pixels.head(2), args.model)
    print(f"train: {len(frame)} images, " + ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
    print(f"train: model {uri} -> {args.model}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
