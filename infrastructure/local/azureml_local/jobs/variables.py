"""The environment variables of a step: Azure ML's, MLflow's, the way back to this workspace, none of the server's.

A step may call the workspace as a compute node's identity does on Azure: `DefaultAzureCredential` finds the workspace's
own principal in AZURE_CLIENT_ID, AZURE_CLIENT_SECRET and AZURE_TENANT_ID.

Source: learn.microsoft.com/azure/machine-learning/how-to-train-model ("environment variables"), and the variables that
azureml-core and azureml-mlflow read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from azureml_local import shell_environment
from azureml_local.environments.build import BuiltEnvironment
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services

from .layout import Places
from .processes import TOKEN
from .runs import Run
from .specs import CommandSpec

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Of the server's own variables only these reach a step: what the machine needs to work at all.
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "USER", "LOGNAME")


def base(built: BuiltEnvironment, places: Places) -> dict[str, str]:
    """What any process in the environment needs: the interpreter first in PATH, and UTF-8."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        **built.variables,
        "PATH": f"{built.path / 'bin'}:{_SYSTEM_PATH}",
        "VIRTUAL_ENV": str(built.path),
        "CONDA_PREFIX": str(built.path),
        "HOME": str(places.home),
        "TMPDIR": str(places.temporary),
        "PWD": str(places.working_directory),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }


def of_azure_ml(services: Services, workspace: WorkspaceRef, run: Run, compute: str | None) -> dict[str, str]:
    """Who the step is and how its clients reach the workspace."""
    config = services.settings
    document = services.store.get(workspace.id)
    return {
        **shell_environment.redirect(services.paths, config),
        "AZURE_CLIENT_ID": config.client_id,
        "AZURE_CLIENT_SECRET": config.client_secret,
        "AZURE_TENANT_ID": config.tenant_id,
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
        # azureml-core, on which older releases of azureml-mlflow stand, finds no service without it.
        "AZUREML_WORKSPACE_ID": document["properties"]["workspaceId"] if document else "",
        "AZUREML_EXPERIMENT_NAME": run.experiment,
        "AZUREML_COMPUTE": compute or "serverless",
        "AZUREML_NODE_COUNT": "1",
    }


def of_ports(inputs: Mapping[str, str], outputs: Mapping[str, str]) -> dict[str, str]:
    """AZURE_ML_INPUT_<name> and AZURE_ML_OUTPUT_<name>: the path or literal of each."""
    named = {f"AZURE_ML_INPUT_{name}": value for name, value in inputs.items()}
    named |= {f"AZURE_ML_OUTPUT_{name}": value for name, value in outputs.items()}
    return {name.replace(".", "_"): value for name, value in named.items()}


def of_processes(spec: CommandSpec, port: int) -> list[dict[str, str]]:
    """For each process of a (distributed) command, the variables that tell it its place.

    port: a free one for PyTorch's rendezvous; TensorFlow's workers take the ones after it.
    """
    if spec.distribution is None or spec.distribution.kind == "mpi":
        return [{}]  # mpirun tells its processes their places itself
    per_node = spec.distribution.processes_per_instance
    count = spec.instances * per_node
    if spec.distribution.kind == "tensorflow":
        workers = spec.distribution.workers or spec.instances
        servers = spec.distribution.parameter_servers
        hosts = [f"127.0.0.1:{port + number}" for number in range(workers + servers)]
        cluster = {"worker": hosts[:workers], **({"ps": hosts[workers:]} if servers else {})}
        return [_tensorflow(cluster, kind, index) for kind, many in cluster.items() for index in range(len(many))]
    return [
        {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "WORLD_SIZE": str(count),
            "RANK": str(rank),
            "LOCAL_RANK": str(rank % per_node),
            "LOCAL_WORLD_SIZE": str(per_node),
            "NODE_RANK": str(rank // per_node),
            "AZUREML_NODE_COUNT": str(spec.instances),
            "AZUREML_PROCESS_NAME": f"rank_{rank}",
        }
        for rank in range(count)
    ]


def _tensorflow(cluster: Mapping[str, list[str]], kind: str, index: int) -> dict[str, str]:

    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


def with_token(environment: Mapping[str, str], token: str) -> dict[str, str]:
    return {**environment, TOKEN: token}
