"""What the pages say is so: links, commands, files, YAML and Python in them are held against the repository."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
import yaml

from azureml_local.commands import parser
from azureml_local.coverage.features import FEATURES, Outcome
from azureml_local.paths import REPOSITORY
from azureml_local.workflow_run.calls import check
from azureml_local.workflow_run.repositories import STAND_INS, mapping, target_of
from azureml_local.workflow_run.workflow_file import check_inputs, events, find, load, remote_uses, steps
from errors import ExitCode
from failures_in_logs import IN_LOGS
from known_failures import KNOWN
from models import parse_manifest
from setup_github import arguments
from support import azext_ml_package, troubleshooting  # noqa: F401 - the first makes azext_ml importable
from support.pages import Page, commands, pages, repository_files

PAGES = {page.name: page for page in pages()}
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
#: A file by its ending or its folder. Others in backticks (decision.json, train.csv) are mostly what steps write.
_FILE = re.compile(
    r"[\w./<>*-]+\.(py|yml|bicep|md|sh|rest|toml|schema\.json)|[\w./<>-]+/"
    r"|(actions|data|data-science|docs|examples|infrastructure|mlops|scripts|tests)/[\w./<>*-]+"
)
#: Named as what is not, or only for a while, in this repository.
NOT_HERE = {".suite/", "/actions/", "az.in"}
#: Its workflows are looked at by tests/unit/workflows/test_examples.py.
LOOKED_AT = "examples/README.md"


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> Page:
    return PAGES[request.param]


@pytest.fixture(scope="module")
def files() -> set[str]:
    return repository_files()


def test_the_pages_are_found() -> None:
    assert {"README.md", "docs/architecture.md", "actions/run-pipeline/README.md", "mlops/README.md"} <= set(PAGES)


def test_links_lead_to_files_and_headings(page: Page) -> None:
    for link in page.links():
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.file.parent / path).resolve() if path else page.file
        assert target.exists(), f"{page.name} links to {link}"
        if anchor:
            assert anchor in Page(target).anchors(), f"{page.name} links to {link}"


def test_files_in_backticks_exist(page: Page, files: set[str]) -> None:
    missing = []
    for text in page.inline():
        if _FILE.fullmatch(text) and text not in NOT_HERE and not exists(text, files):
            missing.append(text)
    assert not missing, f"{page.name} names files that are not there"


def exists(text: str, files: set[str]) -> bool:
    """A file or folder by its path, or the end of its path; `<model>` and `churn` are any model, `*` anything."""
    ending = re.escape(text).replace(r"\*", "[^/]*").replace("churn", "(churn|__model__)")
    ending = re.sub(r"<[\w-]+>", "[^/]+", ending)
    return any(re.search(rf"(^|/){ending}/?$", file) for file in files)


def page_commands(program: str, *, also: str = "") -> list[tuple[str, list[str]]]:
    """(page, words) of each command of a program, by its name or its path."""
    found = [(name, words) for name, each in PAGES.items() for words in each.commands()]
    for file in WORKFLOWS:
        comments = re.findall(r"^# .*?((?:azureml-local|gh) .*)$", file.read_text(), re.MULTILINE)
        found += [(file.name, words) for line in comments for words in commands(line)]
    return [(name, words) for name, words in found if Path(words[0]).name == program]


def label(value: object) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


@pytest.mark.parametrize(("where", "words"), page_commands("make"), ids=label)
def test_make_targets_exist(where: str, words: list[str]) -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    for word in words[1:]:
        name, given, _ = word.partition("=")
        assert (f"$({name})" in makefile) if given else re.search(rf"^{name}:", makefile, re.MULTILINE), (where, word)


def settings_exist(pipeline: str, settings: list[str]) -> None:
    """Each `inputs.x=value` is an input of that pipeline, which may be the template's."""
    template = REPOSITORY / "examples" / "new-model"
    document = load((template if "__model__" in pipeline else REPOSITORY) / pipeline) if settings else {}
    for setting in settings:
        assert setting.partition("=")[0].removeprefix("inputs.") in document["inputs"], f"{pipeline}: {setting}"


@pytest.mark.parametrize(("where", "words"), page_commands("azureml-local"), ids=label)
def test_azureml_local_understands_its_commands(
    where: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    if words[1:] in ([], ["fault"], ["run"]):  # told by its name, without what it needs
        return
    if "<workflow>" in words:
        words = ["train" if word == "<workflow>" else word for word in words]
    if words[-1] == "--help":
        with pytest.raises(SystemExit) as end:
            parser().parse_args(words[1:])
        assert end.value.code == 0, f"{where}: {capsys.readouterr().err}"
        return
    given = parser().parse_args(words[1:])
    if given.command == "run" and given.directory is None:
        file = find(REPOSITORY, given.workflow)
        if given.event_file is None:
            declared = events(load(file))["workflow_dispatch"].get("inputs") or {}
            inputs = dict(pair.split("=", 1) for pair in given.input)
            check_inputs(file, declared, inputs)
            model = inputs.get("model", "taxi").replace("churn", "__model__")
            settings_exist(f"mlops/azureml/train/{model}_pipeline.yml", inputs.get("set", "").split())


@pytest.mark.parametrize(("where", "words"), page_commands("gh"), ids=label)
def test_gh_starts_what_can_be_started(where: str, words: list[str]) -> None:
    if words[1:3] == ["workflow", "run"]:
        document = load(REPOSITORY / ".github" / "workflows" / words[3])
        inputs = events(document)["workflow_dispatch"].get("inputs") or {}
        assert {word.split("=")[0] for word in words if "=" in word} <= set(inputs), where
    if any(word.endswith("/dispatches") for word in words):
        kinds = {
            kind for file in WORKFLOWS for kind in events(load(file)).get("repository_dispatch", {}).get("types", [])
        }
        [kind] = [word.removeprefix("event_type=") for word in words if word.startswith("event_type=")]
        assert kind in kinds, where


@pytest.mark.parametrize(("where", "words"), page_commands("python3") + page_commands("python"), ids=label)
def test_scripts_and_tests_that_are_started_exist(where: str, words: list[str]) -> None:
    for word in words[1:]:
        if word.startswith(("scripts/", "tests/")):
            assert (REPOSITORY / word).is_file(), where
    if words[1:2] == ["scripts/setup_github.py"] and len(words) > 2:
        given = [word.replace("…", "westeurope") for word in words[2:]]
        if "--prefix" in given:
            arguments(given)


@pytest.mark.parametrize(("where", "words"), page_commands("az"), ids=label)
def test_az_has_the_command_and_the_files_it_is_given(where: str, words: list[str]) -> None:
    from azext_ml.commands import GROUPS

    if words[1:2] == ["ml"] and len(words) > 3 and not words[3].startswith("-"):
        assert words[3] in GROUPS.get(words[2], {}), where
    folder = REPOSITORY / "infrastructure" if "deployment" in words else REPOSITORY
    for option, value in itertools.pairwise(words):
        if option in {"-f", "--file", "--template-file", "--request-file"} and value not in {"…", "FILE"}:
            assert (folder / value).is_file(), f"{where}: {value}"
            if "--set" in words:
                settings_exist(value, words[words.index("--set") + 1 :])


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, page in PAGES.items() for text in page.fences("python")]
)
def test_python_compiles(name: str, text: str) -> None:
    compile(text, name, "exec")


def yaml_fences() -> list[tuple[str, str]]:
    return [(name, text) for name, page in PAGES.items() for text in page.fences("yaml") if name != LOOKED_AT]


def as_workflow(text: str, tmp_path: Path) -> Path | None:
    """A block with `uses:` as a whole workflow file, or None: it is something else."""
    document = yaml.safe_load(text)
    if isinstance(document, list):
        document = {"steps": document}
    if "steps" in document:
        document = {"jobs": {"job": {"runs-on": "ubuntu-24.04", **document}}}
    if "jobs" not in document:
        return None
    document.pop(True, None)  # YAML 1.1 reads `on` as true
    document = {"on": "workflow_dispatch", **document}
    file = tmp_path / ".github" / "workflows" / "pasted.yml"
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(document))
    return file


@pytest.mark.parametrize(("name", "text"), yaml_fences())
def test_yaml_uses_inputs_that_exist(name: str, text: str, tmp_path: Path) -> None:
    file = as_workflow(text, tmp_path)
    if file is None:
        return
    folders = mapping(
        remote_uses(tmp_path, file), given={"OWNER/REPO@v1": REPOSITORY}, suite_names=[], scratch=tmp_path / "scratch"
    )
    assert check(tmp_path, file, folders) == [], name
    document = load(file)
    for step in steps(document):
        target = target_of(tmp_path, file, document, step["uses"], folders) if "uses" in step else None
        if target and STAND_INS not in target[1].parents:
            inputs = load(target[1]).get("inputs") or {}
            required = {key for key, settings in inputs.items() if settings.get("required")}
            assert required <= set(step.get("with", {})), f"{name}: {step['uses']}"


@pytest.mark.parametrize(("name", "text"), yaml_fences())
def test_entries_of_the_manifest_keep_its_schema(name: str, text: str) -> None:
    if text.startswith("models:"):
        assert parse_manifest(REPOSITORY, text).names(), name


def test_the_readme_names_every_action_workflow_and_page() -> None:
    links = set(PAGES["README.md"].links())
    assert {f"actions/{file.parent.name}/README.md" for file in REPOSITORY.glob("actions/*/action.yml")} <= links
    called_only = {"deliver-stage.yml"}
    assert {f".github/workflows/{file.name}" for file in WORKFLOWS if file.name not in called_only} <= links
    assert {name for name in PAGES if name.startswith("docs/")} <= links


@pytest.mark.parametrize("action", sorted(file.parent.name for file in REPOSITORY.glob("actions/*/action.yml")))
@pytest.mark.parametrize("part", ["inputs", "outputs"])
def test_an_actions_page_has_a_row_for_what_it_has_and_for_nothing_else(action: str, part: str) -> None:
    """That defaults agree too is the matter of tests/unit/actions."""
    section = PAGES[f"actions/{action}/README.md"].text.split(f"\n## {part.title()}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([\w-]+)` \|(?:.*\|)? (.*?) \|$", section, re.MULTILINE)
    document = load(REPOSITORY / "actions" / action / "action.yml")[part]
    page, code = dict(rows), {name: settings["description"] for name, settings in document.items()}
    problems = [f"no row for {name}" for name in code.keys() - page.keys()]
    problems += [f"a row for {name}, which action.yml does not have" for name in page.keys() - code.keys()]
    problems += [
        f"{name}: the page says '{page[name]}', action.yml '{code[name]}'"
        for name in code.keys() & page.keys()
        if page[name] != code[name]
    ]
    if problems:
        pytest.fail(f"actions/{action}/README.md, {part}: " + "; ".join(sorted(problems)), pytrace=False)


def test_the_architecture_tells_of_every_part_of_the_local_workspace() -> None:
    package = REPOSITORY / "infrastructure" / "local" / "azureml_local"
    parts = {f"{folder.name}/" for folder in package.iterdir() if (folder / "__init__.py").is_file()}
    assert parts <= set(PAGES["docs/architecture.md"].inline())


def test_what_the_limits_call_refused_is_refused() -> None:
    section = PAGES["docs/limits.md"].text.partition("| refused | instead |")[2]
    named = re.findall(r"^\| (.+?) \|", section, re.MULTILINE)[1:]
    refused = {feature.name for feature in FEATURES if feature.outcome is Outcome.REFUSED}
    assert len(named) > 3
    assert set(named) <= refused, "see infrastructure/local/COVERAGE.md"


def test_the_page_of_a_job_summary_has_the_parts_that_summaries_have() -> None:
    written = (REPOSITORY / "scripts" / "job_report.py").read_text()
    shown = re.findall(r"^#{4} .*$", PAGES["docs/job-summary.md"].text, re.MULTILINE)
    assert shown
    assert set(shown) == set(re.findall(r"#{4} \w+", written)), "run `make pictures`"


def test_the_troubleshooting_page_is_what_the_generator_gives() -> None:
    assert troubleshooting.FILE.read_text() == troubleshooting.page(), "run `make docs`"


def test_the_troubleshooting_page_tells_every_failure_and_exit_code() -> None:
    assert set(troubleshooting.MEANINGS) == set(ExitCode)
    assert {known.exit_code for known in KNOWN} == set(troubleshooting.HEADINGS)
    text = troubleshooting.page()
    assert text.count("**Cause.**") == text.count("\n### ") == len(KNOWN) + len(IN_LOGS)
