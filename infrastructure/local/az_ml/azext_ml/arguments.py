"""The commands' arguments: options, types and help, by the scope they hold for.

az looks an argument up by name in every scope that its command is under ("ml", "ml job", "ml job list"), the longest
one wins; an argument that no row names gets `--its-name`. Which ones a command has, and which must be given, is in its
function's signature.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


class SetProperties(argparse.Action):
    """`--set a.b=1 c=2`, repeatable: a list of `{path: value}`, in the order given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        found = list(getattr(namespace, self.dest, None) or [])
        for item in values or []:
            key, separator, value = str(item).partition("=")
            if not separator:
                parser.error(f"usage error: {option_string} KEY=VALUE [KEY=VALUE ...]")
            found.append({key: value})
        setattr(namespace, self.dest, found)


@dataclass(frozen=True)
class Argument:
    """`options` empty: az derives `--the-name`. `more` goes to az as it is."""

    help: str
    options: tuple[str, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)


def _arg(help_text: str, *options: str, **more: Any) -> Argument:
    return Argument(help_text, options, more)


def _file(what: str) -> Argument:
    return _arg(f"Path of the YAML file that describes the {what}.", "--file", "-f")


def _name(what: str) -> Argument:
    return _arg(f"Name of the {what}.", "--name", "-n")


def _asset(what: str) -> dict[str, Argument]:
    """What every versioned asset's commands take."""
    return {
        "name": _name(what),
        "file": _file(what),
        "version": _arg(f"Version of the {what}.", "--version", "-v"),
        "label": _arg(f"Label of the {what}, such as latest. Not together with --version.", "--label", "-l"),
        "path": _arg(f"Local or remote path of the {what}.", "--path", "-p"),
        "share_with_name": _arg("Name in the registry."),
        "share_with_version": _arg("Version in the registry."),
    }


COMMON = {
    "params_override": _arg(
        "Override a property of the YAML file. Example: --set compute=azureml:cpu-cluster inputs.rate=0.1",
        "--set",
        action=SetProperties,
        nargs="+",
    ),
    "max_results": _arg("At most this many results.", "--max-results", "-r"),
    "no_wait": _arg("Return without waiting for the operation's end."),
    "description": _arg("Description of the object.", "--description"),
    "include_archived": _arg("List archived ones, too.", "--include-archived"),
    "archived_only": _arg("List archived ones only.", "--archived-only"),
    "registry_name": _arg("Use this registry instead of a workspace.", "--registry-name"),
    "skip_validation": _arg("Create it unchecked. What it refers to is checked all the same.", "--skip-validation"),
    "datastore": _arg("Datastore to upload local files to.", "--datastore"),
    "local": _arg("Work on a deployment in local Docker. Not supported by this extension.", "--local"),
}

SCOPES: dict[str, dict[str, Argument]] = {
    "ml environment": {
        **_asset("environment"),
        "image": _arg("Docker image. Not together with --build-context.", "--image", "-i"),
        "conda_file": _arg("Path of a conda specification, on top of --image.", "--conda-file", "-c"),
        "build_context": _arg("Folder with a Dockerfile. Not together with --image.", "--build-context", "-b"),
        "dockerfile_path": _arg("Path of the Dockerfile within the build context.", "--dockerfile-path", "-d"),
        "os_type": _arg("linux or windows.", "--os-type"),
    },
    "ml environment list": {"name": _arg("List this environment's versions.", "--name", "-n")},
    "ml data": _asset("data asset"),
    "ml data create": {
        "description": _arg("Description of the data asset.", "--description", "-d"),
        "skip_validation": _arg("Do not check MLTable metadata.", "--skip-validation"),
        "type": _arg("Type of the data asset.", "--type", "-t", choices=["uri_file", "uri_folder", "mltable"]),
    },
    "ml data list": {"name": _arg("List this data asset's versions.", "--name", "-n")},
    "ml component": _asset("component"),
    "ml component list": {"name": _arg("List this component's versions.", "--name", "-n")},
    "ml model": {
        **_asset("model"),
        "stage": _arg("Stage of the model.", "--stage", "-s"),
        "type": _arg("custom_model (default), mlflow_model or triton_model.", "--type", "-t"),
        "download_path": _arg("Folder to download to. Default: the current one.", "--download-path", "-p"),
    },
    "ml model list": {"name": _arg("List this model's versions.", "--name", "-n")},
    "ml datastore": {"name": _name("datastore"), "file": _file("datastore")},
    "ml compute": {
        "name": _name("compute"),
        "file": _file("compute"),
        "type": _arg("Type: AmlCompute, ComputeInstance or Kubernetes.", "--type"),
        "identity_type": _arg("Managed identity: SystemAssigned or UserAssigned."),
        "user_assigned_identities": _arg(
            "Resource ids of the identities, separated by commas.", "--user-assigned-identities", "-i"
        ),
        "location": _arg("Azure region. Default: the workspace's."),
        "min_instances": _arg("Fewest nodes. Default: 0."),
        "max_instances": _arg("Most nodes. Default: 4."),
        "idle_time_before_scale_down": _arg(
            "Seconds a node idles before it is given up. Default: 120.", "--idle-time-before-scale-down", "-d"
        ),
    },
    "ml compute create": {
        "type": _arg("Type: AmlCompute or ComputeInstance. Needed without --file.", "--type", "-t"),
        "size": _arg("Size of the virtual machines, such as Standard_DS3_v2."),
        "tier": _arg("dedicated or low_priority."),
        "location": _arg("Azure region. Default: the workspace's.", "--location", "-l"),
        "ssh_public_access_enabled": _arg("Whether port 22 is public.", "--ssh-public-access-enabled", "-p"),
        "ssh_key_value": _arg("Public SSH key of the administrator."),
        "admin_username": _arg("Name of the administrator's account on the nodes."),
        "admin_password": _arg("Password of the administrator's account."),
        "vnet_name": _arg("Virtual network."),
        "subnet": _arg("Subnet, by name or by resource id."),
        "user_tenant_id": _arg("Tenant of the user that the compute instance is for."),
        "user_object_id": _arg("Object id of the user that the compute instance is for."),
        "enable_node_public_ip": _arg("Whether nodes have public addresses. Default: True."),
    },
    "ml compute list-sizes": {"type": _arg("Type: AmlCompute or ComputeInstance.", "--type", "-t")},
    "ml job": {
        "name": _name("job"),
        "file": _file("job"),
        "save_as": _arg("File to write the created job to, as YAML.", "--save-as", "-a"),
        "stream": _arg("Follow the job's log until it ends.", "--stream", "-s"),
        "web": _arg("Open the job in Azure ML studio.", "--web", "-e"),
        "all_results": _arg("List them all.", three_state=True),
        "parent_job_name": _arg("List the steps of this job.", "--parent-job-name", "-p"),
        "node_index": _arg("Which node's services.", "--node-index", "-i"),
        "download_path": _arg("Folder to download to. Default: the current one.", "--download-path", "-p"),
        "output_name": _arg("Download this output. Default: the artifacts, logs included.", "--output-name"),
        "all": _arg("Download artifacts and every output.", "--all"),
    },
    "ml job list": {"max_results": _arg("At most this many results. Default: 50.", "--max-results", "-r", type=int)},
    "ml schedule": {
        "name": _name("schedule"),
        "file": _file("schedule"),
        "include_disabled": _arg("List disabled ones, too.", "--include-disabled"),
        "disabled_only": _arg("List disabled ones only.", "--disabled-only"),
    },
    "ml connection": {
        "name": _name("connection"),
        "file": _file("connection"),
        "type": _arg("Only connections of this type.", "--type"),
    },
    "ml registry": {
        "name": _name("registry"),
        "file": _file("registry"),
        "location": _arg("Azure region.", "--location", "-l"),
        "public_network_access": _arg("Whether the registry answers the internet: Enabled (default) or Disabled."),
    },
    "ml online-endpoint": {
        "name": _name("online endpoint"),
        "file": _file("online endpoint"),
        "auth_mode": _arg("How callers prove themselves: key (default), aml_token or aad_token."),
        "traffic": _arg('Percent of the traffic per deployment, in quotes: "blue=90 green=10".', "--traffic", "-r"),
        "mirror_traffic": _arg('Percent of the traffic to copy to a deployment: "green=10".', "--mirror-traffic"),
        "online_deployment_name": _arg("Ask this deployment, whatever the traffic.", "--deployment-name", "-d"),
        "request_file": _arg("Path of the file with the request's body.", "--request-file", "-r"),
        "key_type": _arg("Which key to make anew: primary (default) or secondary."),
        "web": _arg("Open the endpoint in Azure ML studio.", "--web", "-e"),
    },
    "ml online-deployment": {
        "name": _name("deployment"),
        "endpoint_name": _arg("Name of the online endpoint.", "--endpoint-name", "-e"),
        "file": _file("online deployment"),
        "all_traffic": _arg("Send all traffic to the deployment once it is there."),
        "local_enable_gpu": _arg("GPU for --local.", "--local-enable-gpu"),
        "vscode_debug": _arg("Debugger for --local."),
        "skip_script_validation": _arg("Do not check the scoring script.", "--skip-script-validation"),
        "web": _arg("Open the endpoint in Azure ML studio.", "--web"),
        "lines": _arg("At most this many of the last lines.", "--lines", "-l"),
        "container": _arg("inference-server (default) or storage-initializer.", "--container", "-c"),
    },
    "ml batch-endpoint": {
        "name": _name("batch endpoint"),
        "file": _file("batch endpoint"),
        "defaults": _arg('The deployment that is asked by default: "deployment_name=d".'),
    },
    "ml batch-endpoint invoke": {
        "file": _arg("Path of a YAML file with inputs and outputs.", "--file", "-f"),
        "batch_deployment_name": _arg("Ask this deployment, not the default.", "--deployment-name", "-d"),
        "input": _arg("Data: a data asset, a path on a datastore, a public URI or a local folder."),
        "input_type": _arg("uri_folder or uri_file, for a path or a URI."),
        "output_path": _arg("Where the predictions go: azureml://datastores/<datastore>/paths/<path>."),
        "mini_batch_size": _arg("Files a mini-batch.", "--mini-batch-size", "-m"),
        "instance_count": _arg("Nodes.", "--instance-count", "-c"),
        "job_name": _arg("Name of the job."),
        "inputs": _arg("Named inputs."),
        "outputs": _arg("Named outputs."),
        "experiment_name": _arg("Experiment of a pipeline component deployment's job."),
    },
    "ml batch-deployment": {
        "name": _name("deployment"),
        "endpoint_name": _arg("Name of the batch endpoint.", "--endpoint-name", "-e"),
        "file": _file("batch deployment"),
        "set_default": _arg("Make it the endpoint's default once it is there."),
        "skip_script_validation": _arg("Do not check the scoring script.", "--skip-script-validation"),
    },
}

WORKSPACE = {
    "file": _file("workspace"),
    "display_name": _arg("Name to show.", "--display-name"),
    "location": _arg("Azure region.", "--location", "-l"),
    "all_resources": _arg("Delete the storage account, key vault and so on with it."),
    "permanently_delete": _arg("Leave nothing to recover.", "--permanently-delete", "-p"),
    "filtered_kinds": _arg("Only these kinds, separated by commas.", "--filtered-kinds"),
}
_WORKSPACE_HELP = (
    "Name of the Azure ML workspace. You can configure the default workspace using "
    "`az configure --defaults workspace=<name>`"
)


def load_arguments(loader: Any) -> None:
    """Register every argument with az."""
    from azure.cli.core.commands.parameters import get_three_state_flag, resource_group_name_type, tags_type

    def register(scope: str, arguments: dict[str, Argument]) -> None:
        with loader.argument_context(scope) as context:
            for name, argument in arguments.items():
                more = dict(argument.more)
                if argument.options:
                    more["options_list"] = list(argument.options)
                if more.pop("three_state", False) or name == "local":
                    more["arg_type"] = get_three_state_flag()
                context.argument(name, help=argument.help, **more)

    with loader.argument_context("ml") as context:
        context.argument("resource_group_name", resource_group_name_type)
        context.argument("tags", tags_type, help="Space-separated tags: key[=value] [key[=value] ...].")
        workspace = {"help": _WORKSPACE_HELP, "configured_default": "workspace"}
        context.argument("workspace_name", options_list=["--workspace-name", "-w"], **workspace)
    register("ml", COMMON)
    for scope, arguments in SCOPES.items():
        register(scope, arguments)
    register("ml workspace", WORKSPACE)
    with loader.argument_context("ml workspace") as context:  # here the workspace is the object itself
        context.argument("name", options_list=["--name", "-n"], **workspace)
    with loader.argument_context("ml workspace create") as context:
        context.argument(
            "name", options_list=["--name", "-n"], help="Name of the new workspace.", configured_default=None
        )
