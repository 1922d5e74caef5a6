"""Step 3, evaluate: score the test images, compare with the best registered version, decide.

    python evaluate.py --data /tmp/digits/prepared --model /tmp/digits/model --output /tmp/digits/evaluation

The champion is the registered version with the highest recorded accuracy. It is scored again, on the same images;
only where it cannot be loaded does the accuracy recorded with it count. The decision goes into decision.json.

Exit codes: 0 decided, either way; 1 something is missing; 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

import images
import matplotlib as mpl
import mlflow
import pandas as pd
import plots
import scores
import tracking
from decision import Decision, Gate, Version
from registry import registered_versions

mpl.use("Agg")  # there is no screen on a compute node


def measure(model: Any, test: pd.DataFrame) -> tuple[dict[str, float], Any]:
    """The model's metrics on the test images, and what it took each image for."""
    pixels = test[[*images.PIXELS]]
    predicted = model.predict(pixels)
    return scores.classification_scores("test", test[images.TARGET], predicted, model.predict_proba(pixels)), predicted


def measure_champion(gate: Gate, name: str, champion: Version, test: pd.DataFrame) -> tuple[dict[str, float], bool]:
    """Its metrics on the test images and True, or the one recorded with it (perhaps none) and False."""
    try:
        return measure(mlflow.sklearn.load_model(f"models:/{name}/{champion.name}"), test)[0], True
    except Exception as error:  # noqa: BLE001 - unpickling an old model may raise anything
        recorded = champion.recorded(gate.metric)
        print(
            f"warning: the champion {name}:{champion.name} cannot be scored ({type(error).__name__}: {error}); "
            + ("and nothing is recorded with it" if math.isnan(recorded) else "what is recorded with it counts"),
            file=sys.stderr,
        )
        return ({} if math.isnan(recorded) else {gate.metric: recorded}), False


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder prep.py wrote")
    parser.add_argument("--model", type=Path, required=True, help="the folder train.py wrote")
    parser.add_argument("--output", type=Path, required=True, help="folder for decision.json")
    parser.add_argument("--model-name", default="digits", help="name in the registry, where the champion is looked up")
    parser.add_argument(
        "--tolerance", type=float, default=0.0, help="share by which the accuracy may be below the champion's"
    )
    parser.add_argument(
        "--accuracy-limit", type=float, default=0.9, help="below it nothing is registered, even as the first"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    gate = Gate("test_accuracy", higher_is_better=True, limit=args.accuracy_limit, tolerance=args.tolerance)
    try:
        test = pd.read_csv(args.data / "test.csv", dtype=dict.fromkeys(images.PIXELS, float))
    except FileNotFoundError as error:
        print(f"evaluate: {error.filename} is not there; prep.py writes it", file=sys.stderr)
        return 1
    metrics, predicted = measure(mlflow.sklearn.load_model(str(args.model)), test)

    champion = gate.champion_of(registered_versions(args.model_name))
    champion_metrics, measured = measure_champion(gate, args.model_name, champion, test) if champion else ({}, False)
    to_beat = champion_metrics.get(gate.metric, math.nan) if champion else None
    deploy_flag, reason = gate.verdict(metrics[gate.metric], to_beat)
    decision = Decision(
        deploy_flag=deploy_flag,
        reason=reason,
        model_name=args.model_name,
        metrics=metrics,
        champion_version=champion.name if champion else None,
        champion_metrics=champion_metrics,
        champion_measured=measured,
    )
    decision.write(args.output)

    shown = {**metrics, **{f"champion_{name}": value for name, value in champion_metrics.items()}}
    tags = {
        "deploy_flag": str(deploy_flag).lower(),
        "decision": reason,
        "champion_version": champion.name if champion else "none",
    }
    with tracking.step_run("evaluate") as run:
        mlflow.log_params({"tolerance": args.tolerance, "accuracy_limit": args.accuracy_limit})
        mlflow.log_metrics(shown)
        mlflow.set_tags(tags)
        mlflow.log_figure(plots.confusion(test[images.TARGET], predicted), "plots/confusion.png")
        mlflow.log_figure(plots.mistakes(test, predicted), "plots/mistakes.png")
        tracking.show_on_pipeline(run.info.run_id, shown, tags)

    for name, value in metrics.items():
        beside = f"   champion {champion_metrics[name]:.4f}" if name in champion_metrics else ""
        print(f"evaluate: {name} {value:.4f}{beside}")
    print(f"evaluate: {'register' if deploy_flag else 'do not register'} - {reason}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
