"""Step 3, evaluate: score the test rows, compare with the best registered version, decide.

    python evaluate.py --data /tmp/taxi/prepared --model /tmp/taxi/model --output /tmp/taxi/evaluation

The champion is the registered version with the lowest recorded error. It is scored again, on the same test rows;
only where it cannot be loaded do the figures recorded with it count. The decision goes into decision.json.

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
import plots
import rows
import scores
import tracking
from decision import JUDGED_BY, Decision, Version, champion_of, verdict
from registry import registered_versions

mpl.use("Agg")  # there is no screen on a compute node


def measure_champion(name: str, champion: Version, test: pd.DataFrame) -> tuple[dict[str, float], bool]:
    """Its metrics on the test rows and True, or those recorded with it (perhaps none) and False."""
    try:
        model = mlflow.pyfunc.load_model(f"models:/{name}/{champion.name}")
        return scores.regression_scores("test", test[rows.TARGET], model.predict(test[[*rows.FEATURES]])), True
    except Exception as error:  # noqa: BLE001 - unpickling an old model may raise anything
        recorded = champion.recorded()
        print(
            f"warning: the champion {name}:{champion.name} cannot be scored ({type(error).__name__}: {error}); "
            + ("the error recorded with it counts" if recorded is not None else "and no error is recorded with it"),
            file=sys.stderr,
        )
        return ({} if recorded is None else {JUDGED_BY: recorded}), False


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder prep.py wrote")
    parser.add_argument("--model", type=Path, required=True, help="the folder train.py wrote")
    parser.add_argument("--output", type=Path, required=True, help="folder for decision.json")
    parser.add_argument("--model-name", default="taxi", help="name in the registry, where the champion is looked up")
    parser.add_argument(
        "--tolerance", type=float, default=0.0, help="share by which the error may exceed the champion's; 0.02 is 2 %%"
    )
    parser.add_argument(
        "--rmse-limit", type=float, default=5.0, help="dollars; above it nothing is registered, even as the first"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    try:
        test = pd.read_csv(args.data / "test.csv")
    except FileNotFoundError as error:
        print(f"evaluate: {error.filename} is not there; prep.py writes it", file=sys.stderr)
        return 1
    predicted = mlflow.pyfunc.load_model(str(args.model)).predict(test[[*rows.FEATURES]])
    metrics = scores.regression_scores("test", test[rows.TARGET], predicted)

    champion = champion_of(registered_versions(args.model_name))
    champion_metrics, measured = measure_champion(args.model_name, champion, test) if champion else ({}, False)
    to_beat = champion_metrics.get(JUDGED_BY, math.nan) if champion else None
    deploy_flag, reason = verdict(metrics[JUDGED_BY], to_beat, tolerance=args.tolerance, limit=args.rmse_limit)
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
        mlflow.log_params({"tolerance": args.tolerance, "rmse_limit": args.rmse_limit})
        mlflow.log_metrics(shown)
        mlflow.set_tags(tags)
        mlflow.log_figure(plots.predicted_against_actual(test[rows.TARGET], predicted), "plots/predicted.png")
        mlflow.log_figure(plots.error_by_hour(test, predicted), "plots/error_by_hour.png")
        tracking.show_on_pipeline(run.info.run_id, shown, tags)

    for name, value in metrics.items():
        beside = f"   champion {champion_metrics[name]:.4f}" if name in champion_metrics else ""
        print(f"evaluate: {name} {value:.4f}{beside}")
    print(f"evaluate: {'register' if deploy_flag else 'do not register'} - {reason}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
