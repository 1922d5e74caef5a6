"""The steps of setup_github.py: look, then say and (with --apply) do what is missing, and remember how to undo it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TextIO

from az_cli import Finished, Launch, json_of
from errors import ActionError, ExitCode
from infrastructure_stack import VARIABLES, Stack, committed_settings, outputs_of, parameters_of
from setup_errors import missing, refused

_IMMUTABLE = re.compile(r"repo:[^/@:]+@\d+/[^/@:]+@\d+")
PLAN, DEPLOY = "infrastructure-plan", "infrastructure"


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
        """https://docs.github.com/actions/reference/security/oidc#immutable-subject-claims"""
        return f"repo:{self.owner}@{self.owner_id}/{self.name}@{self.id}"


@dataclass
class Setup:
    """One run. `apply` false: read, and print what would be done."""

    stack: Stack
    environments: list[str]
    reviewers: list[str]
    infrastructure: bool
    apply: bool
    run: Launch
    env: Mapping[str, str]
    out: TextIO
    undo: list[str] = field(default_factory=list)
    account: dict[str, Any] = field(default_factory=dict)  # az's subscription
    groups: set[str] = field(default_factory=set)  # resource groups that were there before, or have their undo already
    present: dict[str, dict[str, str]] = field(default_factory=dict)  # variables by environment
    changes: int = 0

    # ---------------------------------------------------------------- talking

    def say(self, text: str = "") -> None:
        self.out.write(text + "\n")
        self.out.flush()

    def start(self, argv: Sequence[str]) -> Finished:
        """Run one command; a missing program is one clear error."""
        try:
            return self.run(list(argv), self.env)
        except ActionError as error:
            raise missing(argv[0]) from error

    def announce(self, what: str, argv: Sequence[str]) -> None:
        self.changes += 1
        self.say(f"  {'+' if self.apply else 'would'} {what}")
        self.say(f"    $ {shlex.join(argv)}")

    def change(self, what: str, argv: Sequence[str], undo: str) -> Finished | None:
        """Print a change and, with --apply, make it. None when it is only shown."""
        self.announce(what, argv)
        if not self.apply:
            return None
        done = self.start(argv)
        if done.code:
            raise refused(argv[0], what, done)
        self.undo.append(undo)
        return done

    def gh(self, path: str) -> dict[str, Any] | None:
        """GET of GitHub's REST API; None when it answers 404."""
        done = self.start(["gh", "api", path])
        if done.code == 0:
            document = json.loads(done.stdout)
            return document if isinstance(document, dict) else {}
        if "HTTP 404" in done.stderr or "Not Found" in done.stdout:
            return None
        raise refused("gh", f"Reading {path}", done)

    # ---------------------------------------------------------------- the steps

    def everything(self, repository: str) -> None:
        self.account = self.signed_in()
        repo = self.repository(repository)
        self.say(f"Azure:  {self.account.get('name', '')} ({self.account['id']})")
        self.say(f"GitHub: {repo.full} (id {repo.id}, owner id {repo.owner_id})\n")
        self.stack = replace(self.stack, subscription=str(self.account["id"]))
        subject = self.subject(repo)
        self.stack = Stack(self.stack.prefix, self.stack.postfix, self.stack.location, self.stack.subscription, subject)
        for position, environment in enumerate(self.environments):
            self.environment(repo, environment, first=position == 0)
        if self.infrastructure:
            self.say("\nInfrastructure workflow")
            for name, value in {
                "AZUREML_PREFIX": self.stack.prefix,
                "AZUREML_POSTFIX": self.stack.postfix,
                "AZUREML_LOCATION": self.stack.location,
                "AZUREML_SUBJECT_PREFIX": subject,
                "AZUREML_ENVIRONMENTS": json.dumps(self.environments),
            }.items():
                self.variable(repo, "", name, value)

    def signed_in(self) -> dict[str, Any]:
        """The subscription that az is signed in to."""
        done = self.start(["az", "account", "show", *self.stack.in_subscription(), "--output", "json"])
        if done.code:
            raise refused("az", "Reading the Azure subscription", done)
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def repository(self, name: str) -> Repository:
        if not name:
            done = self.start(["gh", "repo", "view", "--json", "nameWithOwner", "--jq", ".nameWithOwner"])
            if done.code:
                raise refused("gh", "Finding this folder's GitHub repository (--repository names it)", done)
            name = done.stdout.strip()
        document = self.gh(f"repos/{name}")
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

    def subject(self, repo: Repository) -> str:
        """How the subject of this repository's tokens begins, after making sure that it names ids, not only names."""
        path = f"repos/{repo.full}/actions/oidc/customization/sub"
        now = self.gh(path) or {}
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
        if _IMMUTABLE.fullmatch(found):
            self.say(f"Subject of GitHub's tokens: {found}:environment:NAME (immutable already)")
            return found
        self.say("Subject of GitHub's tokens")
        put = ["gh", "api", "--method", "PUT", path, "-F", "use_default=true", "-F"]
        self.change(
            "make the subject immutable: a repository that takes over this name later cannot sign in. "
            "Other clouds that trust this repository must learn the new subject",
            [*put, "use_immutable_subject=true"],
            shlex.join([*put, "use_immutable_subject=false"]),
        )
        if self.apply and (self.gh(path) or {}).get("sub_claim_prefix") != repo.immutable_subject:
            raise ActionError(
                "GitHub did not take over the immutable subject.",
                "GitHub Enterprise Server does not have it, and an organization's policy can forbid it.",
                f"Look at `gh api {path}`; nothing was made in Azure yet.",
            )
        return repo.immutable_subject

    def environment(self, repo: Repository, name: str, *, first: bool) -> None:
        self.say(f"\nEnvironment {name}")
        with_infrastructure = first and self.infrastructure
        outputs = self.deployment(name, with_infrastructure=with_infrastructure)
        self.github_environment(repo, name, protected=name != self.environments[0] or name == "prod")
        for variable in VARIABLES:
            self.variable(repo, name, variable, outputs[variable])
        if with_infrastructure:
            for environment, output in ((PLAN, "planClientId"), (DEPLOY, "deployClientId")):
                self.say(f"\nEnvironment {environment}")
                self.github_environment(repo, environment, protected=environment == DEPLOY)
                self.variable(repo, environment, "AZURE_CLIENT_ID", outputs[output])
                for variable in VARIABLES[1:3]:
                    self.variable(repo, environment, variable, outputs[variable])

    def deployment(self, name: str, *, with_infrastructure: bool) -> dict[str, str]:
        """Outputs of the environment's deployment: the one that is there, or a new one."""
        wanted: dict[str, Any] = {**committed_settings(name), **self.stack.parameters(name)}
        extra = {"infrastructureIdentities": "true"} if with_infrastructure else {}
        deployment = self.stack.deployment_name(name)
        show = ["az", "deployment", "sub", "show", "--name", deployment, *self.stack.in_subscription()]
        done = self.start([*show, "--output", "json"])
        found: dict[str, Any] = json.loads(done.stdout) if done.code == 0 else {}
        if done.code and "DeploymentNotFound" not in done.stderr:
            raise refused("az", f"Reading the deployment {deployment}", done)
        before = parameters_of(found)
        same = all(before.get(key) == value for key, value in wanted.items())
        state = (found.get("properties") or {}).get("provisioningState", "")
        if same and state == "Succeeded" and (not with_infrastructure or outputs_of(found).get("planClientId")):
            self.say(f"  = deployment {deployment} is there with these parameters")
            return outputs_of(found)
        command = self.stack.command("create", name, extra)
        what = f"deploy main.bicep as {deployment} (takes about 5 minutes)"
        self.announce(what, command)
        if not self.apply:
            names = (*VARIABLES, "planClientId", "deployClientId")
            known = {"AZURE_TENANT_ID": self.account["tenantId"], "AZURE_SUBSCRIPTION_ID": self.account["id"]}
            return {output: f"<{output} of {deployment}>" for output in names} | known
        before_us = self.start(["az", "group", "list", *self.stack.in_subscription(), "--output", "json"])
        if before_us.code:
            raise refused("az", "Reading the resource groups", before_us)
        self.groups |= {group["name"] for group in json.loads(before_us.stdout)}
        done = self.start(command)
        if done.code:
            raise refused("az", f"Deploying {deployment}", done)
        outputs = outputs_of(json_of(done.stdout))
        absent = [output for output in VARIABLES if not outputs.get(output)]
        if absent:
            raise ActionError(
                f"The deployment {deployment} has no output {', '.join(absent)}.",
                fix="Use the main.bicep of this repository.",
            )
        self.undo_deployment(name, outputs)
        return outputs

    def undo_deployment(self, name: str, outputs: Mapping[str, str]) -> None:
        """How to take a deployment back. What holds data is printed as a comment: nobody deletes it by pasting."""
        group, subscription = outputs["RESOURCE_GROUP"], self.stack.in_subscription()
        if group in self.groups:
            listing = [
                "az",
                "resource",
                "list",
                "--resource-group",
                group,
                "--tag",
                f"environment={name}",
                *subscription,
            ]
            self.undo.append(f"# {group} was there before; what {name} has in it: {shlex.join(listing)}")
        else:
            delete = ["az", "group", "delete", "--name", group, *subscription]
            self.undo.append(f"# removes the workspace and ALL that is in the group: {shlex.join(delete)}")
        self.groups.add(group)
        if outputs.get("planRoleName"):
            self.undo.append(shlex.join(["az", "role", "definition", "delete", "--name", outputs["planRoleName"]]))
            for output in ("planClientId", "deployClientId"):
                scope = f"/subscriptions/{self.stack.subscription}"
                delete = ["az", "role", "assignment", "delete", "--assignee", outputs[output], "--scope", scope]
                self.undo.append(shlex.join(delete))

    def github_environment(self, repo: Repository, name: str, *, protected: bool) -> None:
        """Create the GitHub environment. One that is there keeps its rules, whatever they are."""
        path = f"repos/{repo.full}/environments/{name}"
        if self.gh(path) is not None:
            self.say(f"  = GitHub environment {name} is there; its rules are left alone")
            return
        create = ["gh", "api", "--method", "PUT", path]
        if protected:
            for reviewer in self.reviewers:
                create += ["-F", "reviewers[][type]=User", "-F", f"reviewers[][id]={self.user_id(reviewer)}"]
            create += ["-F", "deployment_branch_policy[protected_branches]=false"]
            create += ["-F", "deployment_branch_policy[custom_branch_policies]=true"]
        rules = f", for branch {repo.default_branch} only" if protected else ""
        rules += f", reviewed by {', '.join(self.reviewers)}" if protected and self.reviewers else ""
        undo = shlex.join(["gh", "api", "--method", "DELETE", path])
        self.change(f"create the GitHub environment {name}{rules}", create, undo)
        if protected:
            policy = ["gh", "api", "--method", "POST", f"{path}/deployment-branch-policies"]
            self.change(
                f"let {name} be used from {repo.default_branch}",
                [*policy, "-f", f"name={repo.default_branch}"],
                f"# goes with the environment {name}",
            )

    def user_id(self, login: str) -> int:
        document = self.gh(f"users/{login}")
        if document is None:
            raise ActionError(
                f"There is no GitHub user {login}.", fix="Check --reviewer.", exit_code=ExitCode.BAD_INPUT
            )
        return int(document["id"])

    def variables(self, repo: Repository, environment: str) -> dict[str, str]:
        """Variables that are there now, read once for each environment ("": the repository)."""
        if environment not in self.present:
            place = f"environments/{environment}" if environment else "actions"
            found = self.gh(f"repos/{repo.full}/{place}/variables?per_page=30") or {}
            self.present[environment] = {entry["name"]: entry["value"] for entry in found.get("variables", [])}
        return self.present[environment]

    def variable(self, repo: Repository, environment: str, name: str, value: str) -> None:
        """Set a variable of an environment (or, with "", of the repository)."""
        before = self.variables(repo, environment).get(name)
        if before == value:
            self.say(f"  = {name} is {value}")
            return
        where = ["--repo", repo.full, *(["--env", environment] if environment else [])]
        if before is None:
            undo = ["gh", "variable", "delete", name, *where]
        else:
            undo = ["gh", "variable", "set", name, *where, "--body", before]
        was = "" if before is None else f" (was {before})"
        command = ["gh", "variable", "set", name, *where, "--body", value]
        self.change(f"set {name} to {value}{was}", command, shlex.join(undo))
