"""The first step of a job that names a GitHub environment, as `azureml-local run` gives it: ask, wait, go on or fail.

act knows no environments. See job_environments.py for how this step comes into a job, and reviews.py for who answers.
Runs with the machine's python3: standard library only. Exit codes: 0 the job may go on; 1 it may not.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from pathlib import Path

MARK = "azureml-local environment: "
ANSWERS = "answers"  # in the run's folder
POLL_SECONDS = 0.1


def main() -> int:
    name = os.environ["ENVIRONMENT_NAME"]
    if not name:  # as on GitHub, an empty name is no environment
        return 0
    answer = Path(os.environ["AZUREML_LOCAL_RUN_FOLDER"]) / ANSWERS / f"{uuid.uuid4().hex}.json"
    print(MARK + json.dumps({"environment": name, "answer": answer.name, "pid": os.getpid()}), flush=True)
    while not answer.exists():
        if not _alive(int(os.environ.get("AZUREML_LOCAL_RUN_PID", "0"))):
            print("::error::azureml-local run is gone: nobody can let this job in.", flush=True)
            return 1
        time.sleep(POLL_SECONDS)
    said = json.loads(answer.read_text())
    if not said["approved"]:
        print(f"::error::{said['told']}", flush=True)
        return 1
    with Path(os.environ["GITHUB_ENV"]).open("a") as variables:
        variables.write(f"ACTIONS_ID_TOKEN_REQUEST_URL={said['url']}\n")
    print(f"ID tokens of this job have the subject {said['subject']}", flush=True)
    return 0


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # 0, when nobody said which, is this very group
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
