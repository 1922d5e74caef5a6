"""Set up Azure and GitHub for this repository: resources, identities, environments, variables.

    python3 scripts/setup_github.py --prefix ydamlv2 --postfix yd2023 --location westeurope

shows every command it would run and changes nothing; with `--apply` it runs them.

Needs `az` (signed in as Owner, or as Contributor and User Access Administrator) and `gh` (signed in as an admin of the
repository). It looks before it acts: what is there already is left alone, so it can be run again after a failure, or
with one environment more. At the end it prints the commands that undo what it did, last first. It stores no secret:
GitHub signs in by OIDC.

Exit codes: 0 done (or shown), 2 bad argument, 3 az or gh missing, not signed in or without rights, 4 refused or failed,
130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

from az_cli import Launch, launch
from errors import ActionError, ExitCode, Problem
from infrastructure_stack import ENVIRONMENT, LOCATION, NAME_PART, SUBSCRIPTION, Stack
from setup_changes import Changes
from setup_repository import SUBJECTS
from setup_steps import Wish, everything

_BRANCH = (r"[\w.*/-]+", "it must be a branch or a pattern of branches, such as feature/*")
_REPOSITORY = (r"[\w.-]+/[\w.-]+", "it must be OWNER/REPO")


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The command line, checked: every wrong argument is told at once."""
    parser = argparse.ArgumentParser(
        prog="setup_github.py",
        description="Set up Azure and GitHub for this repository. Shows what it would do; --apply does it.",
    )
    parser.add_argument("--prefix", required=True, help="first part of the resources' names, 1-10 letters and digits")
    parser.add_argument("--postfix", required=True, help="second part of the resources' names")
    parser.add_argument("--location", required=True, help="Azure region, for example westeurope")
    parser.add_argument(
        "--environments", default="dev,test,prod", help="comma-separated, in order of promotion (default: %(default)s)"
    )
    parser.add_argument("--repository", default="", help="OWNER/REPO (default: this folder's)")
    parser.add_argument("--subscription", default="", help="subscription id (default: az's present one)")
    parser.add_argument(
        "--reviewer", action="append", default=[], help="GitHub user who must approve all but the first; repeatable"
    )
    parser.add_argument(
        "--branch",
        action="append",
        default=[],
        help="branch, or pattern such as feature/*, that may use the first environment beside the default branch; "
        "repeatable",
    )
    parser.add_argument(
        "--subject",
        choices=SUBJECTS,
        default="immutable",
        help="subjects of GitHub's tokens that Azure accepts: with ids (immutable, the default; switched on where it "
        "is off), names only, or both while moving from one to the other",
    )
    parser.add_argument(
        "--infrastructure",
        action="store_true",
        help="also set up the infrastructure workflow: two identities with roles on the subscription",
    )
    parser.add_argument("--apply", action="store_true", help="make the changes; without it they are only shown")
    given = parser.parse_args(argv)
    given.environments = [name.strip() for name in given.environments.split(",") if name.strip()]
    checks = [("--prefix", given.prefix, NAME_PART), ("--postfix", given.postfix, NAME_PART)]
    checks += [("--location", given.location, LOCATION)]
    checks += [("--environments", name, ENVIRONMENT) for name in given.environments or [""]]
    checks += [("--branch", name, _BRANCH) for name in given.branch]
    checks += [("--repository", given.repository, _REPOSITORY)] if given.repository else []
    checks += [("--subscription", given.subscription, SUBSCRIPTION)] if given.subscription else []
    problems = [
        Problem(f"{name} is '{value}': {words}.")
        for name, value, (pattern, words) in checks
        if re.fullmatch(pattern, value) is None
    ]
    if len(set(given.environments)) != len(given.environments):
        problems.append(Problem(f"--environments is '{','.join(given.environments)}': each may come once."))
    if problems:
        raise ActionError(
            "These arguments cannot be used; nothing was changed.", problems=problems, exit_code=ExitCode.BAD_INPUT
        )
    return given


def main(
    argv: Sequence[str],
    *,
    run: Launch = launch,
    env: Mapping[str, str] | None = None,
    out: TextIO | None = None,
) -> int:
    out = out or sys.stdout
    changes: Changes | None = None
    code = 0
    try:
        given = arguments(argv)
        changes = Changes(given.apply, run, os.environ if env is None else env, out)
        stack = Stack(given.prefix, given.postfix, given.location, given.subscription)
        wish = Wish(
            given.repository, given.environments, given.reviewer, given.branch, given.subject, given.infrastructure
        )
        everything(changes, stack, wish)
    except ActionError as error:
        out.write(f"\nError: {error.text()}\n")
        code = int(error.exit_code)
    except KeyboardInterrupt:
        out.write(
            "\nInterrupted. A deployment that had started goes on in Azure; run this again to go on from there.\n"
        )
        code = int(ExitCode.INTERRUPTED)
    if changes is not None and changes.undo:
        out.write("\nTo undo what was done, run from top to bottom:\n")
        out.write("".join(f"  {command}\n" for command in reversed(changes.undo)))
    if changes is not None and code == 0:
        out.write(f"\n{_ending(changes)}\n")
    return code


def _ending(changes: Changes) -> str:
    if not changes.count:
        return "Everything is set up already; nothing to do."
    if changes.apply:
        return f"Done: {changes.count} changes."
    return f"Nothing was changed. Run again with --apply to make these {changes.count} changes."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
