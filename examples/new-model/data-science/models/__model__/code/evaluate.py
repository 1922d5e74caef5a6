"""Step 3, evaluate: score the test rows, compare with the best registered version, decide.

    python evaluate.py --data /tmp/__model__/prepared --model /tmp/__model__/model --output /tmp/__model__/evaluation

The champion is the registered version with the highest recorded accuracy. It is scored again, on the same rows;
only where it cannot be loaded does the accuracy recorded with it count. The decision goes into decision.json.

Exit codes: 0 decided, either way; 1 something is missing; 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import matplotlib as mpl
import mlflow
import pandas as pd
import rows
import scores
import tracking
from decision import Decision, Gate, Version
from matplotlib.figure import Figure
from registry import registered_versions
from sklearn.metrics import ConfusionMatrixDisplay

mpl.use("Agg")  # there is no screen on a compute node


def measure_champion(gate: Gate, name: str, champion: Version, test: pd.DataFrame) -> tuple[dict[str, float], bool]:
    """Its metrics on the test rows and True, or the one recorded with it (perhaps none) and False."""
    try:
        model = mlflow.pyfunc.load_model(f"models:/{name}/{champion.name}")
        return scores.classification_scores("test", test[rows.TARGET], model.predict(rows.features(test))), True
    except Exception as error:  # noqa: BLE001 - unpickling an old model may raise anything
        recorded = champion.recorded(gate.metric)
        print(
            f"warning: the champion {name}:{champion.name} cannot be scored ({type(error).__name__}: {error}); "
            + ("and nothing is recorded with it" if math.isnan(recorded) else "what is recorded with it counts"),
            file=sys.stderr,
        )
        return ({} if math.isnan(recorded) else {gate.metric: recorded}), False


def confusion(test: pd.DataFrame, predicted: object) -> Figure:
    """How often each label was taken for each other."""
    figure = Figure(figsize=(6, 6), layout="constrained")
    ConfusionMatrixDisplay.from_predictions(test[rows.TARGET], predicted, ax=figure.subplots(), colorbar=False)
    return figure


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder prep.py wrote")
    parser.add_argument("--model", type=Path, required=True, help="the folder train.py wrote")
    parser.add_argument("--output", type=Path, required=True, help="folder for decision.json")
    parser.add_argument("--model-name", default="__model__", help="name in the registry, for the champion")
    parser.add_argument(
        "--tolerance", type=float, default=0.0, help="share by which the accuracy may be below the champion's"
    )
    parser.add_argument(
        "--accuracy-limit", type=float, default=0.6, help="below it nothing is registered, even as the first"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    gate = Gate("test_accuracy", higher_is_better=True, limit=args.accuracy_limit, tolerance=args.tolerance)
    try:
        test = rows.read(args.data / "test.csv")
    except ValueError as error:
        print(f"evaluate: {error}; prep.py writes it", file=sys.stderr)
        return 1
    predicted = mlflow.pyfunc.load_model(str(args.model)).predict(rows.features(test))
    metrics = scores.classification_scores("test", test[rows.TARGET], predicted)

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
        mlflow.log_figure(confusion(test, predicted), "plots/confusion.png")
        tracking.show_on_pipeline(run.info.run_id, shown, tags)

    for name, value in metrics.items():
        beside = f"   champion {champion_metrics[name]:.4f}" if name in champion_metrics else ""
        print(f"evaluate: {name} {value:.4f}{beside}")
    print(f"evaluate: {'register' if deploy_flag else 'do not register'} - {reason}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
