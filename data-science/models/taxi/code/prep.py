"""Step 1, prep: check the raw rows and split them into train, validation and test.

    python prep.py --raw ../../../../data/taxi/taxi-data.csv --output /tmp/taxi/prepared

Exit codes: 0 done, 1 the data cannot be trained on (the message names file, line and column), 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import mlflow
import rows
import tracking


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, required=True, help="a CSV file, or a folder of them")
    parser.add_argument("--output", type=Path, required=True, help="folder for train.csv, validation.csv, test.csv")
    parser.add_argument("--seed", type=int, default=42, help="another seed, another split")
    parser.add_argument("--validation-share", type=float, default=0.1, help="part of the rows to tune on")
    parser.add_argument("--test-share", type=float, default=0.2, help="part of the rows to be judged on")
    parser.add_argument("--max-bad-rows", type=int, default=0, help="leave out so many bad rows before giving up")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    try:
        rows.check_shares(args.validation_share, args.test_share)
        prepared = rows.prepare(
            rows.csv_files(args.raw),
            seed=args.seed,
            validation_share=args.validation_share,
            test_share=args.test_share,
            max_bad_rows=args.max_bad_rows,
        )
    except ValueError as error:
        print(f"prep: {error}", file=sys.stderr)
        return 1
    for message in prepared.rejected:
        print(f"left out: {message}", file=sys.stderr)

    args.output.mkdir(parents=True, exist_ok=True)
    for name, split in prepared.splits.items():
        with (args.output / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows.COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(split)

    with tracking.step_run("prep"):
        mlflow.log_params({"seed": args.seed, "validation_share": args.validation_share, "test_share": args.test_share})
        mlflow.log_metrics({f"{name}_rows": count for name, count in prepared.counts().items()})
    print("prep: " + ", ".join(f"{count} {name}" for name, count in prepared.counts().items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
