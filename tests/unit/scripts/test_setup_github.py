"""Setting up: shown first, done once, undone by what it prints. `az` and `gh` are a small model of both services."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from az_cli import Finished
from infrastructure_stack import FOLDER
from known_failures import failure
from setup_github import main

ARGUMENTS = ["--prefix", "ydamlv2", "--postfix", "yd2023", "--location", "westeurope"]
REPOSITORY = ["--repository", "octo-org/octo-repo"]
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
TENANT = "99999999-8888-7777-6666-555555555555"
BRANCHES_ONLY = [
    "deployment_branch_policy[protected_branches]=false",
    "deployment_branch_policy[custom_branch_policies]=true",
]
IMMUTABLE = "repo:octo-org@123456/octo-repo@456789"


@dataclass
class Cloud:
    """Answers the commands as az and gh do, and remembers what they changed."""

    subject: dict[str, Any] = field(
        default_factory=lambda: {"use_default": True, "use_immutable_subject": True, "sub_claim_prefix": IMMUTABLE}
    )
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    variables: dict[str, dict[str, str]] = field(default_factory=dict)  # by environment, "": repository
    deployments: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: list[str] = field(default_factory=lambda: ["somebody's"])
    admin: bool = True
    missing: str = ""
    fails: Mapping[str, Finished] = field(default_factory=dict)
    calls: list[list[str]] = field(default_factory=list)

    def __call__(self, argv: Sequence[str], env: Mapping[str, str]) -> Finished:
        assert dict(env) == {"PATH": "/bin"}
        argv = list(argv)
        self.calls.append(argv)
        if argv[0] == self.missing:
            raise failure(f"{argv[0]} could not be started.", f"No such file or directory: '{argv[0]}'")
        for start, answer in self.fails.items():
            if shlex.join(argv).startswith(start):
                return answer
        return self.az(argv) if argv[0] == "az" else self.gh(argv)

    def az(self, argv: list[str]) -> Finished:
        if argv[1:3] == ["account", "show"]:
            return answer({"id": SUBSCRIPTION, "tenantId": TENANT, "name": "Team"})
        if argv[1:3] == ["group", "list"]:
            return Finished(0, json.dumps([{"name": name} for name in self.groups]), "")
        assert argv[1:3] == ["deployment", "sub"], argv
        name = argv[argv.index("--name") + 1]
        if argv[3] == "show":
            if name not in self.deployments:
                return Finished(3, "", "ERROR: (DeploymentNotFound) Deployment could not be found.")
            return answer(self.deployments[name])
        given = dict(item.split("=", 1) for item in argv if re.match(r"[a-zA-Z]+=", item))
        outputs = {
            "AZURE_CLIENT_ID": f"client-{given['env']}",
            "AZURE_TENANT_ID": TENANT,
            "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
            "RESOURCE_GROUP": f"rg-amlv2-{given['prefix']}-{given['postfix']}",
            "WORKSPACE_NAME": f"{given['prefix']}-{given['postfix']}-{given['env']}-mlw",
            "CLUSTER_IDENTITY": f"/subscriptions/{SUBSCRIPTION}/identities/{given['env']}",
            "planClientId": "client-plan" if "infrastructureIdentities" in given else "",
            "deployClientId": "client-deploy" if "infrastructureIdentities" in given else "",
            "planRoleName": "Deployment what-if (a, b)" if "infrastructureIdentities" in given else "",
        }
        self.groups.append(outputs["RESOURCE_GROUP"])
        self.deployments[name] = {
            "properties": {
                "provisioningState": "Succeeded",
                "parameters": {key: {"value": value} for key, value in given.items()},
                "outputs": {key: {"value": value} for key, value in outputs.items()},
            }
        }
        return answer(self.deployments[name])

    def gh(self, argv: list[str]) -> Finished:
        if argv[1:3] == ["repo", "view"]:
            return Finished(0, "octo-org/octo-repo\n", "")
        if argv[1] == "variable":
            environment = argv[argv.index("--env") + 1] if "--env" in argv else ""
            assert not environment or environment in self.environments, "a variable needs its environment first"
            self.variables.setdefault(environment, {})[argv[3]] = argv[argv.index("--body") + 1]
            return Finished(0, "", "")
        method = argv[argv.index("--method") + 1] if "--method" in argv else "GET"
        path = next(part for part in argv[2:] if "/" in part)
        fields = [argv[i + 1] for i, part in enumerate(argv) if part in {"-F", "-f"}]
        match = re.fullmatch(r"repos/octo-org/octo-repo(?:/(.*))?|users/(.*)", path)
        assert match, path
        rest = match[1] or ""
        if match[2]:
            return answer({"id": 77}) if match[2] == "alice" else NOT_FOUND
        if not rest:
            return answer(
                {
                    "id": 456789,
                    "name": "octo-repo",
                    "owner": {"login": "octo-org", "id": 123456},
                    "default_branch": "main",
                    "permissions": {"admin": self.admin},
                }
            )
        if rest == "actions/oidc/customization/sub":
            if method == "PUT":
                self.subject = {"use_default": True, "use_immutable_subject": True, "sub_claim_prefix": IMMUTABLE}
            return answer(self.subject)
        if "variables" in rest:
            place = rest.split("/")[1] if rest.startswith("environments") else ""
            if place and place not in self.environments:
                return NOT_FOUND
            found = [{"name": name, "value": value} for name, value in self.variables.get(place, {}).items()]
            page = int(path.rpartition("page=")[2])
            return answer({"total_count": len(found), "variables": found[30 * (page - 1) : 30 * page]})
        name = rest.split("/")[1]
        if method == "GET":
            if name not in self.environments:
                return NOT_FOUND
            rules = self.environments[name]
            if rest.endswith("/deployment-branch-policies"):
                return answer({"branch_policies": [{"name": each} for each in rules.get(rest.split("/")[-1], [])]})
            custom = "deployment_branch_policy[custom_branch_policies]=true" in rules.get(name, [])
            return answer({"deployment_branch_policy": {"custom_branch_policies": True} if custom else None, **rules})
        self.environments.setdefault(name, {}).setdefault(rest.split("/")[-1], []).extend(fields)
        return answer({"id": 31})

    @property
    def changing(self) -> list[list[str]]:
        return [
            call
            for call in self.calls
            if "--method" in call or "variable" in call or ("create" in call and "deployment" in call)
        ]


def answer(document: Mapping[str, Any]) -> Finished:
    return Finished(0, json.dumps(document), "")


NOT_FOUND = Finished(1, '{"message":"Not Found","status":"404"}', "gh: Not Found (HTTP 404)")


def setup(cloud: Cloud, *more: str) -> tuple[int, str]:
    out = io.StringIO()
    code = main([*ARGUMENTS, *REPOSITORY, *more], run=cloud, env={"PATH": "/bin"}, out=out)
    return code, out.getvalue()


def test_by_default_everything_is_shown_and_nothing_changed() -> None:
    cloud = Cloud()
    code, said = setup(cloud)
    assert code == 0
    assert cloud.changing == []
    assert said.count("would deploy main.bicep") == 3
    assert (
        f"$ az deployment sub create --name azureml-ydamlv2-yd2023-dev --location westeurope --template-file {FOLDER}"
        in said
    )
    assert f"prefix=ydamlv2 postfix=yd2023 env=dev githubSubjectPrefix={IMMUTABLE}" in said
    assert "would create the GitHub environment prod, for branch main only" in said
    assert "$ gh variable set WORKSPACE_NAME --repo octo-org/octo-repo --env test --body" in said
    assert said.rstrip().endswith("Run again with --apply to make these 27 changes.")
    assert "To undo" not in said


def test_apply_makes_environments_and_hands_on_the_outputs() -> None:
    cloud = Cloud()
    code, said = setup(cloud, "--apply", "--reviewer", "alice")
    assert code == 0, said
    assert cloud.variables["test"] == {
        "AZURE_CLIENT_ID": "client-test",
        "AZURE_TENANT_ID": TENANT,
        "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
        "RESOURCE_GROUP": "rg-amlv2-ydamlv2-yd2023",
        "WORKSPACE_NAME": "ydamlv2-yd2023-test-mlw",
        "CLUSTER_IDENTITY": f"/subscriptions/{SUBSCRIPTION}/identities/test",
    }
    assert set(cloud.environments) == {"dev", "test", "prod"}
    assert cloud.environments["dev"] == {
        "dev": BRANCHES_ONLY,
        "deployment-branch-policies": ["name=main"],
    }, "nobody has to approve the first"
    assert cloud.environments["prod"] == {
        "prod": [
            "reviewers[][type]=User",
            "reviewers[][id]=77",
            *BRANCHES_ONLY,
        ],
        "deployment-branch-policies": ["name=main"],
    }
    assert "Done: 27 changes." in said


def test_more_branches_may_use_the_first_environment_and_no_other() -> None:
    cloud = Cloud()
    code, said = setup(cloud, "--apply", "--branch", "feature/*", "--branch", "try")
    assert code == 0, said
    assert "create the GitHub environment dev, for branches main, feature/*, try only" in said
    assert cloud.environments["dev"]["deployment-branch-policies"] == ["name=main", "name=feature/*", "name=try"]
    assert cloud.environments["test"]["deployment-branch-policies"] == ["name=main"]


def test_an_environment_that_is_prod_alone_is_no_playground() -> None:
    cloud = Cloud()
    setup(cloud, "--apply", "--environments", "prod", "--branch", "feature/*", "--reviewer", "alice")
    assert cloud.environments["prod"]["deployment-branch-policies"] == ["name=main"]
    assert "reviewers[][id]=77" in cloud.environments["prod"]["prod"]


def test_a_run_that_broke_off_before_the_branches_is_mended() -> None:
    cloud = Cloud(environments={"prod": {"prod": list(BRANCHES_ONLY)}})
    _, said = setup(cloud, "--apply")
    assert "GitHub environment prod is there, for no branch yet" in said
    undo = said.split("To undo")[1]
    assert "gh api --method DELETE repos/octo-org/octo-repo/environments/prod/deployment-branch-policies/31" in undo
    assert "gh api --method DELETE repos/octo-org/octo-repo/environments/prod\n" not in undo
    assert cloud.environments["prod"]["deployment-branch-policies"] == ["name=main"]


def test_an_environment_that_every_branch_may_use_is_told_and_left_alone() -> None:
    cloud = Cloud(environments={"dev": {}})
    _, said = setup(cloud, "--apply")
    assert cloud.environments["dev"] == {}
    assert (
        "GitHub environment dev is there; its rules are left alone\n"
        "    ! every branch may use it. Limit it to branch main: "
        "https://github.com/octo-org/octo-repo/settings/environments\n"
    ) in said


def test_the_variables_of_all_pages_are_read() -> None:
    cloud = Cloud()
    setup(cloud, "--apply", "--environments", "dev")
    cloud.variables["dev"] = {**{f"OTHER_{number}": "x" for number in range(40)}, **cloud.variables["dev"]}
    cloud.calls.clear()
    assert "nothing to do" in setup(cloud, "--apply", "--environments", "dev")[1]
    assert cloud.changing == []


def test_what_a_run_shows_is_what_apply_runs() -> None:
    _, shown = setup(Cloud())
    applied = Cloud()
    setup(applied, "--apply")
    commands = [line.strip()[2:] for line in shown.splitlines() if line.strip().startswith("$ ")]
    for command, call in zip(commands, applied.changing, strict=True):
        known = re.sub(r"'<.*?>'", "VALUE", command)
        assert known == (shlex.join([*call[:-1], "VALUE"]) if known.endswith("VALUE") else shlex.join(call))


def test_a_second_run_changes_nothing() -> None:
    cloud = Cloud()
    setup(cloud, "--apply")
    cloud.calls.clear()
    code, said = setup(cloud, "--apply")
    assert code == 0
    assert cloud.changing == []
    assert "deployment azureml-ydamlv2-yd2023-prod is there with these parameters" in said
    assert said.rstrip().endswith("Everything is set up already; nothing to do.")


def test_what_is_there_is_left_alone_and_the_rest_is_made() -> None:
    cloud = Cloud(environments={"prod": {"rules": ["somebody's"]}}, variables={"prod": {"WORKSPACE_NAME": "old"}})
    code, said = setup(cloud, "--apply")
    assert code == 0
    assert cloud.environments["prod"] == {"rules": ["somebody's"]}
    assert "set WORKSPACE_NAME to ydamlv2-yd2023-prod-mlw (was old)" in said
    assert "gh variable set WORKSPACE_NAME --repo octo-org/octo-repo --env prod --body old" in said.split("To undo")[1]


def test_the_undo_runs_backwards_and_never_deletes_data_by_itself() -> None:
    _, said = setup(Cloud(), "--apply", "--environments", "dev")
    undo = [line.strip() for line in said.split("top to bottom:\n")[1].splitlines() if line.startswith("  ")]
    assert undo[0] == "gh variable delete CLUSTER_IDENTITY --repo octo-org/octo-repo --env dev"
    assert undo[-2] == "gh api --method DELETE repos/octo-org/octo-repo/environments/dev"
    assert not any("branch-polic" in line for line in undo), "they go with their environment"
    assert undo[-1].startswith("# removes the workspace and ALL that is in the group: az group delete --name rg-amlv2-")


def test_the_undo_of_one_environment_spares_the_others_in_its_group() -> None:
    cloud = Cloud()
    setup(cloud, "--apply", "--environments", "dev")
    _, said = setup(cloud, "--apply", "--environments", "dev,test,prod")
    undo = said.split("top to bottom:\n")[1]
    assert "az group delete" not in undo
    assert "was there before; what test has in it: az resource list --resource-group rg-amlv2-ydamlv2-yd2023" in undo
    fresh = setup(Cloud(), "--apply")[1].split("top to bottom:\n")[1]
    assert fresh.count("az group delete") == 1


def test_roles_on_the_subscription_are_undone_before_their_identities_go() -> None:
    _, said = setup(Cloud(), "--apply", "--environments", "dev", "--infrastructure")
    undo = [line.strip() for line in said.split("top to bottom:\n")[1].splitlines() if line.startswith("  ")]
    scope = f"--scope /subscriptions/{SUBSCRIPTION}"
    assert undo[-4:-1] == [
        f"az role assignment delete --assignee client-deploy {scope}",
        f"az role assignment delete --assignee client-plan {scope}",
        "az role definition delete --name 'Deployment what-if (a, b)'",
    ]
    assert undo[-1].startswith("# removes the workspace")


def test_names_only_in_the_subject_are_made_immutable_first() -> None:
    named = {"use_default": True, "use_immutable_subject": False, "sub_claim_prefix": "repo:octo-org/octo-repo"}
    cloud = Cloud(subject=named)
    _, shown = setup(cloud)
    assert "would make the subject immutable" in shown
    assert f"githubSubjectPrefix={IMMUTABLE}" in shown
    code, said = setup(cloud, "--apply")
    assert code == 0
    assert cloud.changing[0][3] == "PUT"
    assert cloud.changing[0][-1] == "use_immutable_subject=true"
    assert "-F use_immutable_subject=false" in said.split("To undo")[1]


NAMED = {"use_default": True, "use_immutable_subject": False, "sub_claim_prefix": "repo:octo-org/octo-repo"}


def test_both_subjects_are_accepted_while_moving() -> None:
    cloud = Cloud(subject=dict(NAMED))
    code, said = setup(cloud, "--apply", "--infrastructure", "--subject", "both")
    assert code == 0, said
    both = f"{IMMUTABLE} repo:octo-org/octo-repo"
    assert not any("oidc" in part for call in cloud.changing for part in call), "GitHub's setting is left as it is"
    assert all(f"githubSubjectPrefix={both}" in call for call in cloud.changing if call[0] == "az")
    assert cloud.variables[""]["AZUREML_SUBJECT_PREFIX"] == both
    cloud.calls.clear()
    setup(cloud, "--apply", "--infrastructure", "--subject", "both")
    assert cloud.changing == []


def test_names_only_where_an_organization_forbids_ids() -> None:
    cloud = Cloud(subject=dict(NAMED))
    _, said = setup(cloud, "--subject", "names")
    assert "githubSubjectPrefix=repo:octo-org/octo-repo" in said
    code, said = setup(Cloud(), "--apply", "--subject", "names")
    assert code == 2
    assert f"The tokens of octo-org/octo-repo begin with {IMMUTABLE}: names alone would match none of them." in said


def test_a_subject_of_ones_own_is_refused() -> None:
    cloud = Cloud(subject={"use_default": False, "include_claim_keys": ["repo", "job_workflow_ref"]})
    code, said = setup(cloud, "--apply")
    assert code == 2
    assert "have a subject of its own making (repo, job_workflow_ref)" in said
    assert "-F use_default=true -F use_immutable_subject=true" in said
    assert cloud.changing == []


def test_the_infrastructure_workflow_gets_a_looking_and_a_deploying_identity() -> None:
    cloud = Cloud()
    code, _ = setup(cloud, "--apply", "--infrastructure")
    assert code == 0
    assert cloud.variables["infrastructure-plan"]["AZURE_CLIENT_ID"] == "client-plan"
    assert cloud.variables["infrastructure-plan"]["WORKSPACE_NAME"] == "ydamlv2-yd2023-dev-mlw"
    assert cloud.variables["infrastructure"]["AZURE_CLIENT_ID"] == "client-deploy"
    assert "WORKSPACE_NAME" not in cloud.variables["infrastructure"]
    assert "deployment-branch-policies" in cloud.environments["infrastructure"]
    assert "deployment-branch-policies" not in cloud.environments["infrastructure-plan"], "pull requests use it"
    assert cloud.variables[""] == {
        "AZUREML_PREFIX": "ydamlv2",
        "AZUREML_POSTFIX": "yd2023",
        "AZUREML_LOCATION": "westeurope",
        "AZUREML_SUBJECT_PREFIX": IMMUTABLE,
        "AZUREML_ENVIRONMENTS": '["dev", "test", "prod"]',
    }
    creates = [call for call in cloud.changing if call[0] == "az"]
    assert ["infrastructureIdentities=true" in call for call in creates] == [True, False, False]
    cloud.calls.clear()
    setup(cloud, "--apply", "--infrastructure")
    assert cloud.changing == []


@pytest.mark.parametrize(
    ("cloud", "code", "words"),
    [
        (Cloud(missing="az"), 3, ["az could not be started", "https://aka.ms/install-azure-cli"]),
        (Cloud(missing="gh"), 3, ["gh could not be started", "https://cli.github.com"]),
        (
            Cloud(fails={"az account show": Finished(1, "", "ERROR: Please run 'az login' to setup account.")}),
            3,
            ["The Azure CLI is not signed in.", "Run `az login`"],
        ),
        (
            Cloud(fails={"gh api": Finished(4, "", "To get started with GitHub CLI, please run:  gh auth login")}),
            3,
            ["The GitHub CLI is not signed in.", "Run `gh auth login`"],
        ),
        (Cloud(admin=False), 3, ["You are not an admin of octo-org/octo-repo.", "Ask an admin"]),
        (
            Cloud(fails={"gh api repos/octo-org/octo-repo": NOT_FOUND}),
            2,
            ["There is no repository octo-org/octo-repo, or you may not see it."],
        ),
        (
            Cloud(fails={"az deployment sub create": Finished(1, "", "ERROR: (AuthorizationFailed) No.")}),
            3,
            ["Deploying azureml-ydamlv2-yd2023-dev failed.", "may not do this", "AuthorizationFailed"],
        ),
        (
            Cloud(fails={"gh api --method PUT": Finished(1, "", "gh: Validation Failed (HTTP 422)")}),
            4,
            ["GitHub environment dev, for branch main only failed.", "Create the environment by hand", "HTTP 422"],
        ),
    ],
    ids=["no az", "no gh", "az signed out", "gh signed out", "no admin", "no repository", "no rights", "no plan"],
)  # fmt: skip
def test_a_failure_says_what_to_do(cloud: Cloud, code: int, words: list[str]) -> None:
    got, said = setup(cloud, "--apply")
    assert got == code, said
    for word in words:
        assert word in said


def test_a_failure_half_way_prints_the_undo_and_the_next_run_goes_on() -> None:
    cloud = Cloud(fails={"gh variable set": Finished(1, "", "gh: Server Error (HTTP 500)")})
    code, said = setup(cloud, "--apply", "--environments", "dev")
    assert code == 4
    assert "gh api --method DELETE repos/octo-org/octo-repo/environments/dev" in said.split("To undo")[1]
    cloud.fails = {}
    code, said = setup(cloud, "--apply", "--environments", "dev")
    assert code == 0
    assert "deployment azureml-ydamlv2-yd2023-dev is there" in said
    assert "Done: 6 changes." in said


def test_other_parameters_deploy_again() -> None:
    cloud = Cloud()
    setup(cloud, "--apply", "--environments", "dev")
    before = cloud.deployments["azureml-ydamlv2-yd2023-dev"]["properties"]["parameters"]
    before["githubSubjectPrefix"] = {"value": "repo:octo-org/octo-repo"}
    _, said = setup(cloud, "--environments", "dev")
    assert "would deploy main.bicep as azureml-ydamlv2-yd2023-dev" in said


def test_wrong_arguments_are_told_together_before_anything_is_asked() -> None:
    cloud = Cloud()
    code, said = setup(
        cloud, "--prefix", "my_team", "--location", "West Europe", "--environments", "dev,dev,Production"
    )
    assert code == 2
    assert cloud.calls == []
    assert "--prefix is 'my_team': it must have 1 to 10 letters and digits." in said
    assert "--location is 'West Europe': it must be an Azure region's short name" in said
    assert "--environments is 'Production': it must have 1 to 7 lower-case letters and digits." in said
    assert "each may come once" in said


def test_an_unknown_reviewer_stops_before_the_environment_is_made() -> None:
    cloud = Cloud()
    code, said = setup(cloud, "--apply", "--reviewer", "bob")
    assert code == 2
    assert "There is no GitHub user bob." in said
    assert "prod" not in cloud.environments


def test_without_a_repository_the_folders_own_is_taken() -> None:
    cloud = Cloud()
    out = io.StringIO()
    assert main(ARGUMENTS, run=cloud, env={"PATH": "/bin"}, out=out) == 0
    assert ["gh", "repo", "view", "--json", "nameWithOwner", "--jq", ".nameWithOwner"] in cloud.calls
    assert "GitHub: octo-org/octo-repo (id 456789, owner id 123456)" in out.getvalue()


def test_an_interruption_prints_the_undo() -> None:
    class Interrupted(Cloud):
        def __call__(self, argv: Sequence[str], env: Mapping[str, str]) -> Finished:
            if argv[1] == "variable":
                raise KeyboardInterrupt
            return super().__call__(argv, env)

    code, said = setup(Interrupted(), "--apply")
    assert code == 130
    assert "run this again to go on from there" in said
    assert "gh api --method DELETE repos/octo-org/octo-repo/environments/dev" in said.split("To undo")[1]
