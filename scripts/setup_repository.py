"""What setup_github.py sets up on GitHub: the subject of the repository's tokens, environments, variables.

Sources: https://docs.github.com/rest/deployments/environments, https://docs.github.com/rest/actions/oidc and
https://docs.github.com/actions/reference/security/oidc#immutable-subject-claims
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from az_cli import json_of
from errors import ActionError, ExitCode
from setup_changes import Changes
from setup_errors import refused

_IMMUTABLE = re.compile(r"repo:[^/@:]+@\d+/[^/@:]+@\d+")
SUBJECTS = ("immutable", "names", "both")


@dataclass(frozen=True)
class Repository:
    """The repository as GitHub knows it. The ids never change; the names may."""

    owner: str
    name: str
    owner_id: int
    id: int
    default_branch: str

    @property
    def full(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def immutable_subject(self) -> str:
        """Names and ids: default of every repository that was made or renamed since the summer of 2026."""
        return f"repo:{self.owner}@{self.owner_id}/{self.name}@{self.id}"

    @property
    def subject_of_names(self) -> str:
        """Names only: whoever gets the names after this repository gets its tokens' subject too."""
        return f"repo:{self.full}"


def find(changes: Changes, name: str) -> Repository:
    """The repository `name` (this folder's for ""), which must be one that may be set up."""
    if not name:
        done = changes.start(["gh", "repo", "view", "--json", "nameWithOwner", "--jq", ".nameWithOwner"])
        if done.code:
            raise refused("gh", "Finding this folder's GitHub repository (--repository names it)", done)
        name = done.stdout.strip()
    document = changes.gh(f"repos/{name}")
    if document is None:
        raise ActionError(
            f"There is no repository {name}, or you may not see it.",
            fix="Check --repository, and `gh auth status`.",
            exit_code=ExitCode.BAD_INPUT,
        )
    if not (document.get("permissions") or {}).get("admin"):
        raise ActionError(
            f"You are not an admin of {name}.",
            "Environments, variables and the token's subject are settings of the repository.",
            "Ask an admin to run this, or to make you one.",
            exit_code=ExitCode.SIGN_IN,
        )
    owner = document["owner"]
    return Repository(
        owner["login"], document["name"], owner["id"], document["id"], document.get("default_branch", "main")
    )


@dataclass
class GitHubSide:
    """Makes what is missing on GitHub, and leaves alone what is there."""

    changes: Changes
    repo: Repository
    reviewers: Sequence[str] = ()
    present: dict[str, dict[str, str]] = field(default_factory=dict)  # variables by environment

    def subjects(self, kind: str) -> list[str]:
        """How the subjects that Azure shall accept begin; see SUBJECTS."""
        changes, repo = self.changes, self.repo
        path = f"repos/{repo.full}/actions/oidc/customization/sub"
        now = changes.gh(path) or {}
        if now.get("use_default") is False:
            keys = ", ".join(now.get("include_claim_keys") or []) or "the organization's template"
            raise ActionError(
                f"The tokens of {repo.full} have a subject of its own making ({keys}).",
                "Azure compares the whole subject, and only GitHub's default form is set up here.",
                f"Go back to the default (gh api --method PUT {path} -F use_default=true "
                "-F use_immutable_subject=true), or create the federated credentials by hand.",
                "https://docs.github.com/actions/reference/security/oidc",
                exit_code=ExitCode.BAD_INPUT,
            )
        found = str(now.get("sub_claim_prefix") or "")
        immutable = _IMMUTABLE.fullmatch(found) is not None
        if kind == "names" and immutable:
            raise ActionError(
                f"The tokens of {repo.full} begin with {found}: names alone would match none of them.",
                fix="Leave --subject out, or give --subject both.",
                exit_code=ExitCode.BAD_INPUT,
            )
        if kind == "names":
            changes.say(f"Subject of GitHub's tokens: {repo.subject_of_names}:environment:NAME (names only)")
            return [repo.subject_of_names]
        if kind == "both":
            ours = [found if immutable else repo.immutable_subject, repo.subject_of_names]
            changes.say("Subjects of GitHub's tokens: with ids and, until all have moved, names only")
            return ours
        if immutable:
            changes.say(f"Subject of GitHub's tokens: {found}:environment:NAME (immutable already)")
            return [found]
        self._make_immutable(path)
        return [repo.immutable_subject]

    def _make_immutable(self, path: str) -> None:
        changes = self.changes
        changes.say("Subject of GitHub's tokens")
        put = ["gh", "api", "--method", "PUT", path, "-F", "use_default=true", "-F"]
        changes.change(
            "make the subject immutable: a repository that takes over this name later cannot sign in. "
            "Other clouds that trust this repository must learn the new subject (--subject both: leave it as it is)",
            [*put, "use_immutable_subject=true"],
            shlex.join([*put, "use_immutable_subject=false"]),
        )
        if changes.apply and (changes.gh(path) or {}).get("sub_claim_prefix") != self.repo.immutable_subject:
            raise ActionError(
                "GitHub did not take over the immutable subject.",
                "GitHub Enterprise Server does not have it, and an organization's policy can forbid it.",
                f"Look at `gh api {path}`, or give --subject names; nothing was made in Azure yet.",
            )

    def environment(self, name: str, branches: Sequence[str], *, reviewed: bool) -> None:
        """Create the GitHub environment, for these branches only (none: for all). One that is there keeps its rules."""
        path = f"repos/{self.repo.full}/environments/{name}"
        found = self.changes.gh(path)
        if found is not None:
            self._existing(name, path, found, branches)
            return
        create = ["gh", "api", "--method", "PUT", path]
        reviewers = self.reviewers if reviewed else ()
        for reviewer in reviewers:
            create += ["-F", "reviewers[][type]=User", "-F", f"reviewers[][id]={self.user_id(reviewer)}"]
        if branches:
            create += ["-F", "deployment_branch_policy[protected_branches]=false"]
            create += ["-F", "deployment_branch_policy[custom_branch_policies]=true"]
        rules = f", for {_branches(branches)} only" if branches else ""
        rules += f", reviewed by {', '.join(reviewers)}" if reviewers else ""
        undo = shlex.join(["gh", "api", "--method", "DELETE", path])
        self.changes.change(f"create the GitHub environment {name}{rules}", create, undo)
        self._let(name, path, branches, existed=False)

    def _existing(self, name: str, path: str, found: dict[str, Any], branches: Sequence[str]) -> None:
        say = self.changes.say
        policy = found.get("deployment_branch_policy") or {}
        if branches and policy.get("custom_branch_policies"):
            listed = self.changes.gh(f"{path}/deployment-branch-policies") or {}
            if not listed.get("branch_policies"):  # a run was broken off between the two
                say(f"  = GitHub environment {name} is there, for no branch yet")
                self._let(name, path, branches, existed=True)
                return
        say(f"  = GitHub environment {name} is there; its rules are left alone")
        if branches and not policy:
            say(
                f"    ! every branch may use it. Limit it to {_branches(branches)}: "
                f"https://github.com/{self.repo.full}/settings/environments"
            )

    def _let(self, name: str, path: str, branches: Sequence[str], *, existed: bool) -> None:
        for branch in branches:
            policy = ["gh", "api", "--method", "POST", f"{path}/deployment-branch-policies", "-f", f"name={branch}"]
            done = self.changes.change(f"let {name} be used from {branch}", policy, "")
            if done is not None and existed:  # else it goes with the environment
                made = json_of(done.stdout).get("id", "ID")
                delete = ["gh", "api", "--method", "DELETE", f"{path}/deployment-branch-policies/{made}"]
                self.changes.undo.append(shlex.join(delete))

    def user_id(self, login: str) -> int:
        document = self.changes.gh(f"users/{login}")
        if document is None:
            raise ActionError(
                f"There is no GitHub user {login}.", fix="Check --reviewer.", exit_code=ExitCode.BAD_INPUT
            )
        return int(document["id"])

    def variables(self, environment: str) -> dict[str, str]:
        """Variables that are there now, read once for each environment ("": the repository)."""
        if environment not in self.present:
            place = f"environments/{environment}" if environment else "actions"
            entries: list[dict[str, str]] = []
            page = 1
            while True:
                found = self.changes.gh(f"repos/{self.repo.full}/{place}/variables?per_page=30&page={page}") or {}
                entries += found.get("variables", [])
                if len(entries) >= int(found.get("total_count") or 0):
                    break
                page += 1
            self.present[environment] = {entry["name"]: entry["value"] for entry in entries}
        return self.present[environment]

    def variable(self, environment: str, name: str, value: str) -> None:
        """Set a variable of an environment (or, with "", of the repository)."""
        before = self.variables(environment).get(name)
        if before == value:
            self.changes.say(f"  = {name} is {value}")
            return
        where = ["--repo", self.repo.full, *(["--env", environment] if environment else [])]
        if before is None:
            undo = ["gh", "variable", "delete", name, *where]
        else:
            undo = ["gh", "variable", "set", name, *where, "--body", before]
        was = "" if before is None else f" (was {before})"
        command = ["gh", "variable", "set", name, *where, "--body", value]
        self.changes.change(f"set {name} to {value}{was}", command, shlex.join(undo))


def _branches(branches: Sequence[str]) -> str:
    return f"branch{'es' if len(branches) > 1 else ''} {', '.join(branches)}"
