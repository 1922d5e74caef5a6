"""Step 1, prep: the rows that scikit-learn brings, split into train.csv and test.csv.

By hand: python prep.py --output /tmp/wine/prepared
"""

from __future__ import annotations

import argparse
from pathlib import Path

from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=42, help="another seed, another split")
    parser.add_argument("--test-share", type=float, default=0.3, help="part of the rows to be judged on")
    parser.add_argument("--output", type=Path, required=True, help="folder for train.csv and test.csv")
    args = parser.parse_args()

    frame = load_wine(as_frame=True).frame
    train, test = train_test_split(frame, test_size=args.test_share, random_state=args.seed, stratify=frame["target"])
    args.output.mkdir(parents=True, exist_ok=True)
    train.to_csv(args.output / "train.csv", index=False)
    test.to_csv(args.output / "test.csv", index=False)
    print(f"prep: {len(train)} rows to train on, {len(test)} to test on")


if __name__ == "__main__":
    main()
