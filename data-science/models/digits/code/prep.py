"""Step 1, prep: take the images from scikit-learn and split them into train and test.

    python prep.py --output /tmp/digits/prepared

Exit codes: 0 done, 1 the split cannot be made (the message says why), 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import images
import mlflow
import tracking


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder for train.csv and test.csv")
    parser.add_argument("--seed", type=int, default=42, help="another seed, another split")
    parser.add_argument("--test-share", type=float, default=0.3, help="part of the images to be judged on")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    try:
        splits = images.split(images.all_images(), test_share=args.test_share, seed=args.seed)
    except ValueError as error:
        print(f"prep: {error}", file=sys.stderr)
        return 1
    args.output.mkdir(parents=True, exist_ok=True)
    for name, frame in splits.items():
        frame.to_csv(args.output / f"{name}.csv", index=False, lineterminator="\n")
    counts = {f"{name}_images": len(frame) for name, frame in splits.items()}
    with tracking.step_run("prep"):
        mlflow.log_params({"seed": args.seed, "test_share": args.test_share})
        mlflow.log_metrics(counts)
    print("prep: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
