"""The extension as az sees it: found in the index, installed, complete in commands, arguments and help."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from azureml_local import tools
from azureml_local.extension_index import is_current
from conftest import LocalWorkspace
from support.az_batch import az_batch

pytestmark = pytest.mark.wire

# What az itself says of the extension's commands: their arguments, and those without a help text.
INSPECT = """
import json
from azure.cli.core import get_default_cli
from knack.help_files import helps

cli = get_default_cli()
cli.invocation = cli.invocation_cls(
    cli_ctx=cli, parser_cls=cli.parser_cls, commands_loader_cls=cli.commands_loader_cls, help_cls=cli.help_cls)
loader = cli.invocation.commands_loader
found = {}
for name in loader.load_command_table(["ml", "job", "create"]):
    if not name.startswith("ml "):
        continue
    cli.invocation.data["command_string"] = loader.command_name = name
    loader.load_arguments(name)
    arguments = {}
    for argument in loader.command_table[name].arguments.values():
        settings = argument.type.settings
        options = [str(option) for option in settings.get("options_list") or []]
        if options and settings.get("help") != "==SUPPRESS==":
            arguments[options[0]] = {"help": bool(settings.get("help")), "all": options}
    found[name] = {"help": name in helps, "arguments": arguments}
print(json.dumps(found))
"""


def test_az_installs_lists_and_updates_it(workspace: LocalWorkspace, tmp_path: Path) -> None:
    assert is_current(Path(workspace.environment["AZURE_EXTENSION_DIR"]))
    listed, updated, again, pinned, other = az_batch(
        workspace,
        "extension list",
        "extension update -n ml",
        "extension add -n ml -y --upgrade",
        "extension add -n ml -y --version 2.42.0",
        "extension add -n no-such-extension -y",
        cwd=tmp_path,
    )
    assert [(one["name"], one["version"]) for one in listed.json] == [("ml", "2.42.0")]
    assert "Latest version of 'ml' is already installed." in updated.err
    assert (updated.code, again.code, pinned.code) == (0, 0, 0)
    assert "No extension found with name 'no-such-extension'" in other.err
    assert other.code == 1


def test_every_command_has_help_and_so_has_every_argument(workspace: LocalWorkspace) -> None:
    python = tools.ensure(workspace.paths, "az", print) / "bin" / "python"
    commands = json.loads(workspace.run(str(python), "-s", "-c", INSPECT).stdout.splitlines()[-1])
    assert len(commands) > 80
    assert [name for name, command in commands.items() if not command["help"]] == []
    bare = [
        f"{name} {option}"
        for name, command in commands.items()
        for option, argument in command["arguments"].items()
        if not argument["help"]
    ]
    assert bare == []
    assert commands["ml job create"]["arguments"]["--stream"]["all"] == ["--stream", "-s"]
    for name, command in commands.items():
        options = [option for argument in command["arguments"].values() for option in argument["all"]]
        assert len(options) == len(set(options)), name
