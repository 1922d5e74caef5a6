"""The composites' contract: each input reaches its script by environment, is documented, defaulted alike and tested."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
SCRIPTS = {
    "register-environment": "register_environment",
    "create-compute": "create_compute",
    "run-pipeline": "run_pipeline",
    "deploy-online": "deploy_online",
    "deploy-batch": "deploy_batch",
}
COMMON = ("session.py", "action.py", "deployment_files.py")


def action_of(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "actions" / name / "action.yml").read_text())
    return loaded


#: Modules that read inputs or set outputs on behalf of an action's script.
PARTS = {"create-compute": ["cluster"], "deploy-online": ["deployment", "rollout"], "deploy-batch": ["deployment"]}


def script_of(name: str) -> str:
    return "".join((ROOT / "scripts" / f"{each}.py").read_text() for each in [SCRIPTS[name], *PARTS.get(name, [])])


def main_step(name: str) -> dict[str, Any]:
    found: dict[str, Any] = action_of(name)["runs"]["steps"][-1]
    return found


def inputs() -> list[tuple[str, str]]:
    return [(name, each) for name in SCRIPTS for each in action_of(name)["inputs"]]


def outputs() -> list[tuple[str, str]]:
    return [(name, each) for name in SCRIPTS for each in action_of(name)["outputs"]]


@pytest.mark.parametrize(("name", "given"), inputs())
def test_an_input_is_forwarded_by_environment(name: str, given: str) -> None:
    variable = "INPUT_" + given.upper().replace("-", "_")
    assert main_step(name)["env"][variable] == "${{ inputs." + given + " }}"


@pytest.mark.parametrize(("name", "given"), inputs())
def test_an_input_is_read_by_the_script(name: str, given: str) -> None:
    code = script_of(name) + "".join((ROOT / "scripts" / file).read_text() for file in COMMON)
    assert re.search(rf'\(\s*"{given}"', code), f"no script reads {given}"


@pytest.mark.parametrize(("name", "given"), [*inputs(), *outputs()])
def test_it_is_documented(name: str, given: str) -> None:
    document = {**action_of(name)["inputs"], **action_of(name)["outputs"]}
    assert len(document[given]["description"]) > 10
    if row_of(name, given) is None:
        cells = [f"`{given}`", *([default_of(name, given)] if given in action_of(name)["inputs"] else [])]
        row = " | ".join([*cells, document[given]["description"]])
        pytest.fail(f"actions/{name}/README.md has no row for {given}. Add: | {row} |", pytrace=False)


def row_of(name: str, given: str) -> str | None:
    """The README's row of an input or output."""
    lines = (ROOT / "actions" / name / "README.md").read_text().splitlines()
    return next((line for line in lines if line.startswith(f"| `{given}` |")), None)


def default_of(name: str, given: str) -> str:
    """An input's default as the README has it."""
    definition = action_of(name)["inputs"][given]
    return "required" if definition.get("required") else f"`{definition['default']}`" if definition["default"] else ""


@pytest.mark.parametrize(("name", "given"), inputs())
def test_the_readme_has_the_inputs_default(name: str, given: str) -> None:
    row = row_of(name, given)
    if row is not None:  # else test_it_is_documented says so
        assert row.split("|")[2].strip() == default_of(name, given), f"actions/{name}/README.md: {row}"


@pytest.mark.parametrize(("name", "given"), inputs())
def test_it_is_tested(name: str, given: str) -> None:
    tests = (ROOT / "tests" / "unit" / "scripts" / f"test_{SCRIPTS[name]}.py").read_text()
    tests += (ROOT / "tests" / "unit" / "scripts" / "test_session.py").read_text()
    tests += (ROOT / "tests" / "support" / "fake_azure.py").read_text()
    assert re.search(rf"\b({given.replace('-', '_')}=|INPUT_{given.replace('-', '_').upper()}\b)", tests)


@pytest.mark.parametrize(("name", "given"), outputs())
def test_an_output_is_mapped_and_set(name: str, given: str) -> None:
    step = main_step(name)["id"]
    assert action_of(name)["outputs"][given]["value"] == "${{ steps." + step + ".outputs." + given + " }}"
    assert f'output("{given}"' in script_of(name)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_composite_is_thin(name: str) -> None:
    text = (ROOT / "actions" / name / "action.yml").read_text()
    steps = action_of(name)["runs"]["steps"]
    assert len(text.splitlines()) <= 140
    assert len(steps) <= 4
    for step in steps:
        assert step["name"]
        assert "${{" not in step.get("run", "")
        uses = step.get("uses", "actions/x@" + "0" * 40)
        assert re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40}", uses), "a sibling or a moving tag"
        for script in re.findall(r"\.\./\.\./scripts/(\w+\.py)", step.get("run", "")):
            assert (ROOT / "scripts" / script).is_file()
            assert step["run"].startswith("exec python3 "), "a signal must reach Python, not the shell"


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_default_is_a_string(name: str) -> None:
    for given, definition in action_of(name)["inputs"].items():
        if not definition.get("required"):
            assert isinstance(definition["default"], str), f"{given}: the runner has strings only"


def test_the_pinned_extension_is_the_same_everywhere() -> None:
    from az_cli import ML_EXTENSION

    for name in ("register-environment", "run-pipeline", "deploy-online", "deploy-batch"):
        assert action_of(name)["inputs"]["ml-extension-version"]["default"] == ML_EXTENSION


def test_the_scripts_need_the_standard_library_only() -> None:
    import ast
    import sys

    files = {path.stem: path for path in (ROOT / "scripts").glob("*.py")}
    more = ["extension", "cancel", "cancel_deployment", "train_settings", "deploy_settings"]
    queue, seen = [*SCRIPTS.values(), *more], set[str]()
    while queue:
        module = queue.pop()
        if module in seen:
            continue
        seen.add(module)
        for node in ast.walk(ast.parse(files[module].read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            for each in (name.partition(".")[0] for name in names):
                assert each in files or each in sys.stdlib_module_names, f"{module} imports {each}"
                queue += [each] if each in files else []


def test_no_script_hides_a_module_of_the_standard_library_or_of_azure() -> None:
    import sys

    names = {path.stem for path in (ROOT / "scripts").glob("*.py")}
    assert not names & (set(sys.stdlib_module_names) | {"azure", "yaml", "mlflow", "jsonschema"})
