"""Step 4, register: make a version of the model if the evaluation said so.

By hand: python register.py --model /tmp/wine/model --evaluation /tmp/wine/evaluation --name wine
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import mlflow
from mlflow.models import Model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="the folder train.py wrote")
    parser.add_argument("--evaluation", type=Path, required=True, help="the folder evaluate.py wrote")
    parser.add_argument("--name", default="wine", help="name in the registry")
    args = parser.parse_args()

    decision = json.loads((args.evaluation / "decision.json").read_text())
    if not decision["register"]:
        print(f"register: nothing, the accuracy is {decision['test_accuracy']:.3f}")
        return
    logged = Model.load(str(args.model))
    tags = {"test_accuracy": repr(decision["test_accuracy"])}
    made = mlflow.register_model(f"runs:/{logged.run_id}/{logged.artifact_path}", args.name, tags=tags)
    print(f"register: {args.name}:{made.version}")


if __name__ == "__main__":
    main()
