"""Settings of endpoints and deployments that are taken, kept and shown, but change nothing here: what is told of them.

Servers and steps are processes of this machine, so what concerns virtual machines, networks and Azure's own monitoring
has nothing to work on. Each is named as YAML names it. Defaults are not worth a word.
"""

from __future__ import annotations

from collections.abc import Iterable

from .store import Document

_NO_MACHINES = {
    "instanceType": "resources.instance_type",
    "locations": "resources.locations",
    "maxInstanceCount": "resources.max_instance_count",
    "properties": "resources.properties",
    "dockerArgs": "resources.docker_args",
    "shmSize": "resources.shm_size",
}
_ONLINE_DEPLOYMENT = {
    "appInsightsEnabled": "app_insights_enabled",
    "dataCollector": "data_collector (no production data is collected)",
    "modelMountPath": "model_mount_path (the model is at AZUREML_MODEL_DIR)",
    "privateNetworkConnection": "private_network_connection",
}
_QUEUE_WAIT = "PT0.5S"


class Told:
    """Tells each setting once, as long as the workspace is up."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def new(self, ignored: Iterable[str]) -> list[str]:
        """A sentence for each setting that was not told yet."""
        new = [text for text in ignored if text not in self._told]
        self._told.update(new)
        return [f"the local workspace ignores {text}" for text in new]


def of_online_endpoint(endpoint: Document) -> list[str]:
    """endpoint: the resource, `{"identity", "properties": {…}}`."""
    found = []
    if endpoint["properties"].get("publicNetworkAccess") == "Disabled":
        found.append("public_network_access: disabled (endpoints answer on this machine, and nowhere else)")
    if "userassigned" in str((endpoint.get("identity") or {}).get("type")).lower():
        found.append("identity: user_assigned (scoring scripts act as the workspace's own principal)")
    return found


def of_online_deployment(properties: Document) -> list[str]:
    """properties: the deployment's, completed with Azure's defaults."""
    found = [text for field, text in _ONLINE_DEPLOYMENT.items() if properties.get(field)]
    if str(properties.get("egressPublicNetworkAccess")).lower() == "disabled":
        found.append("egress_public_network_access: disabled (scoring scripts reach what this machine reaches)")
    if properties["requestSettings"]["maxQueueWait"] != _QUEUE_WAIT:
        found.append("request_settings.max_queue_wait_ms (a request waits for its turn until request_timeout_ms)")
    found.append(f"instance_type {properties['instanceType']} (servers run on this machine)")
    return found


def of_batch_deployment(properties: Document) -> tuple[str, ...]:
    """Warnings of the jobs that it starts, in a job's own words."""
    resources = properties.get("resources") or {}
    named = [text for field, text in _NO_MACHINES.items() if resources.get(field)]
    if not named:
        return ()
    verb = "is" if len(named) == 1 else "are"
    return (f"{', '.join(named)} {verb} ignored: steps run as processes of this machine",)
