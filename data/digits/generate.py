"""Write the example request and the batch files from the images that scikit-learn ships.

    python data/digits/generate.py        # with the packages of data-science/models/digits/environment

The same images in the same order, always: the tests compare the files with what this writes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "data-science" / "models" / "digits" / "code"))

import images  # noqa: E402 - the folder is only known now

REQUEST = (0, 11, 42)  # a 0, a 1 and another 1, as written by different people
BATCH_FILES, BATCH_ROWS = 4, 30


def main(folder: Path = HERE) -> None:
    frame = images.all_images()
    pixels = frame[[*images.PIXELS]].astype(int)
    rows = [json.dumps(pixels.iloc[at].tolist(), separators=(",", ":")) for at in REQUEST]
    text = '{\n  "images": [\n    ' + ",\n    ".join(rows) + "\n  ]\n}\n"
    (folder / "digits-request.json").write_text(text, encoding="utf-8", newline="\n")
    (folder / "batch").mkdir(exist_ok=True)
    for number in range(BATCH_FILES):
        part = pixels.iloc[number * BATCH_ROWS : (number + 1) * BATCH_ROWS].astype(float)
        file = folder / "batch" / f"images-{number + 1:02}.csv"
        part.to_csv(file, index=False, lineterminator="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
