from __future__ import annotations

import argparse

import pytest
from azext_ml import batch_inputs, tables
from azext_ml.arguments import SCOPES, SetProperties


def parse(*arguments: str) -> list[dict[str, str]]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--set", nargs="+", action=SetProperties, dest="params_override")
    found: list[dict[str, str]] = parser.parse_args(list(arguments)).params_override
    return found


def test_set_keeps_order_and_everything_after_the_first_equals_sign() -> None:
    given = parse("--set", "compute=azureml:c", "inputs.a=b=c", "--set", "display_name=x")
    assert given == [{"compute": "azureml:c"}, {"inputs.a": "b=c"}, {"display_name": "x"}]


def test_set_without_an_equals_sign_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse("--set", "compute")
    assert stopped.value.code == 2
    assert "usage error: --set KEY=VALUE [KEY=VALUE ...]" in capsys.readouterr().err


def test_no_two_arguments_of_a_scope_share_an_option() -> None:
    """But for those that never meet in one command, such as `--request-file` and `--traffic`."""
    apart = {"-r", "-p", "-s", "-d", "-e", "-i", "-c"}
    for scope, arguments in SCOPES.items():
        options = [option for argument in arguments.values() for option in argument.options if option not in apart]
        assert len(options) == len(set(options)), scope


def test_overrides_of_a_batch_invocation_become_a_tree() -> None:
    given = [{"inputs.data.path": "p"}, {"inputs.data.type": "uri_file"}, {"outputs.score.path": "o"}]
    assert batch_inputs.nested(given) == {
        "inputs": {"data": {"path": "p", "type": "uri_file"}},
        "outputs": {"score": {"path": "o"}},
    }


def test_models_are_listed_with_their_type_under_another_name() -> None:
    names, versions = (
        tables.models([{"name": "taxi", "latest_version": "2", "type": "custom_model"}]),
        tables.models([{"name": "taxi", "version": "2", "type": "mlflow_model", "path": "p", "description": "d"}]),
    )
    assert names[0]["latest version"] == "2"
    assert "model type" not in names[0]
    assert names[0]["description"] == ""
    assert (versions[0]["version"], versions[0]["model type"], versions[0]["path"]) == ("2", "mlflow_model", "p")


def test_environments_are_listed_by_name_or_by_version() -> None:
    listed = tables.environments([{"name": "a", "latest_version": "3", "tags": {}}, {"name": "a", "version": "2"}])
    assert listed == [{"name": "a", "latest version": "3"}, {"name": "a", "version": "2"}]


def test_a_column_of_a_nested_field_may_be_missing() -> None:
    rows: list[dict[str, object]] = [{"name": "e", "defaults": {"deploymentName": "d"}}, {"name": "f"}]
    assert [row["deployment_name"] for row in tables.batch_endpoints(rows)] == ["d", None]
