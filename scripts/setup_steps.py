"""The steps of setup_github.py, in order: look, then say and (with --apply) do what is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import setup_repository
from infrastructure_stack import VARIABLES, Stack
from setup_azure import AzureSide, signed_in
from setup_changes import Changes
from setup_repository import GitHubSide

PLAN, DEPLOY = "infrastructure-plan", "infrastructure"


@dataclass(frozen=True)
class Wish:
    """What is to be set up. `branches`: those that may use the first environment, beside the default branch."""

    repository: str
    environments: Sequence[str]
    reviewers: Sequence[str]
    branches: Sequence[str]
    subject: str
    infrastructure: bool


def everything(changes: Changes, stack: Stack, wish: Wish) -> None:
    """Azure and GitHub, environment by environment."""
    account = signed_in(changes, stack)
    repo = setup_repository.find(changes, wish.repository)
    changes.say(f"Azure:  {account.get('name', '')} ({account['id']})")
    changes.say(f"GitHub: {repo.full} (id {repo.id}, owner id {repo.owner_id})\n")
    github = GitHubSide(changes, repo, wish.reviewers)
    subjects = " ".join(github.subjects(wish.subject))
    stack = replace(stack, subscription=str(account["id"]), subject_prefix=subjects)
    azure = AzureSide(changes, stack, account)
    for position, environment in enumerate(wish.environments):
        _environment(azure, github, wish, environment, first=position == 0)
    if wish.infrastructure:
        changes.say("\nInfrastructure workflow")
        for name, value in {
            "AZUREML_PREFIX": stack.prefix,
            "AZUREML_POSTFIX": stack.postfix,
            "AZUREML_LOCATION": stack.location,
            "AZUREML_SUBJECT_PREFIX": subjects,
            "AZUREML_ENVIRONMENTS": json.dumps(list(wish.environments)),
        }.items():
            github.variable("", name, value)


def _environment(azure: AzureSide, github: GitHubSide, wish: Wish, name: str, *, first: bool) -> None:
    changes, main = azure.changes, github.repo.default_branch
    changes.say(f"\nEnvironment {name}")
    with_infrastructure = first and wish.infrastructure
    outputs = azure.deployment(name, with_infrastructure=with_infrastructure)
    # The first is for trying things out: more branches may use it, and nobody has to approve.
    tried_out = first and name != "prod"
    github.environment(name, [main, *wish.branches] if tried_out else [main], reviewed=not tried_out)
    for variable in VARIABLES:
        github.variable(name, variable, outputs[variable])
    if with_infrastructure:
        # Pull requests use the one that may look, from whatever branch: it can change nothing.
        # It reads this environment's workspace too: what is best there is told beside a pull request's training.
        for environment, output, branches, variables in (
            (PLAN, "planClientId", [], VARIABLES[1:5]),
            (DEPLOY, "deployClientId", [main], VARIABLES[1:3]),
        ):
            changes.say(f"\nEnvironment {environment}")
            github.environment(environment, branches, reviewed=environment == DEPLOY)
            github.variable(environment, "AZURE_CLIENT_ID", outputs[output])
            for variable in variables:
                github.variable(environment, variable, outputs[variable])
