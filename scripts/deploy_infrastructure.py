"""Deploy main.bicep for one environment, and say what it made: the variables of that GitHub environment.

Inputs: INPUT_ENVIRONMENT, INPUT_PREFIX, INPUT_POSTFIX, INPUT_LOCATION, INPUT_SUBJECT_PREFIX; `az` is signed in with an
identity that may deploy. Exit codes: see errors.ExitCode.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO

from az_cli import Launch, essence, json_of, launch
from errors import ActionError
from github import Runner
from infrastructure_stack import ENVIRONMENT, VARIABLES, outputs_of, read_stack
from inputs import Inputs
from known_failures import failure
from markdown_text import cell, table

TITLE = "deploy infrastructure"


def main(*, run: Launch = launch, env: Mapping[str, str] | None = None, out: TextIO | None = None) -> int:
    env = os.environ if env is None else env
    runner = Runner(env, out)
    try:
        inputs = Inputs(env)
        stack = read_stack(inputs)
        environment = inputs.text("environment", required=True, pattern=ENVIRONMENT[0], allowed=ENVIRONMENT[1])
        inputs.check()
        name = stack.deployment_name(environment)
        runner.say(f"Deploying main.bicep as {name}; this takes some minutes.")
        done = run(stack.command("create", environment), env)
        if done.code:
            raise failure(f"The deployment {name} failed.", essence(done.stderr))
        outputs = outputs_of(json_of(done.stdout))
    except ActionError as error:
        runner.fail(TITLE, error)
        return int(error.exit_code)
    rows = [(variable, cell(outputs.get(variable, ""))) for variable in VARIABLES]
    runner.summary(f"### ✅ {environment} is deployed\n\n{table(('variable', 'value'), rows)}")
    for variable, value in rows:
        runner.say(f"{variable}={value}")
    runner.say(f"{name}: Succeeded")
    return 0


if __name__ == "__main__":
    sys.exit(main())
