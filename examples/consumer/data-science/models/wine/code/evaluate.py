"""Step 3, evaluate: score the test rows and decide whether the model is good enough.

By hand: python evaluate.py --data /tmp/wine/prepared --model /tmp/wine/model --output /tmp/wine/evaluation
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import mlflow
import pandas as pd
from sklearn.metrics import accuracy_score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder prep.py wrote")
    parser.add_argument("--model", type=Path, required=True, help="the folder train.py wrote")
    parser.add_argument("--minimum-accuracy", type=float, default=0.9, help="below it nothing is registered")
    parser.add_argument("--output", type=Path, required=True, help="folder for decision.json")
    args = parser.parse_args()

    frame = pd.read_csv(args.data / "test.csv")
    predicted = mlflow.pyfunc.load_model(str(args.model)).predict(frame.drop(columns="target"))
    accuracy = float(accuracy_score(frame["target"], predicted))
    decision = {"register": accuracy >= args.minimum_accuracy, "test_accuracy": accuracy}
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "decision.json").write_text(json.dumps(decision))
    with mlflow.start_run():
        mlflow.log_metric("test_accuracy", accuracy)
    print(f"evaluate: accuracy {accuracy:.3f}, at least {args.minimum_accuracy:g} is wanted")


if __name__ == "__main__":
    main()
