"""The commands' help: one line each, and an example where one says more."""

from __future__ import annotations

from knack.help_files import helps

GROUPS = {
    "ml": "Manage Azure Machine Learning resources.",
    "ml workspace": "Manage workspaces.",
    "ml environment": "Manage environments: what a job or a deployment runs in.",
    "ml data": "Manage data assets.",
    "ml component": "Manage components: the reusable steps of pipelines.",
    "ml model": "Manage models.",
    "ml datastore": "Manage datastores.",
    "ml compute": "Manage compute: clusters and instances.",
    "ml job": "Manage jobs: commands, pipelines, sweeps.",
    "ml schedule": "Manage schedules, which start pipeline jobs by the clock.",
    "ml connection": "Manage connections to other services. Not in the local workspace.",
    "ml registry": "Manage registries, which share assets between workspaces.",
    "ml online-endpoint": "Manage online endpoints: the address, keys and traffic of live models.",
    "ml online-deployment": "Manage online deployments: the models behind an online endpoint.",
    "ml batch-endpoint": "Manage batch endpoints: the address of models that score files.",
    "ml batch-deployment": "Manage batch deployments: the models behind a batch endpoint.",
}

COMMANDS = {
    "workspace": {
        "show": "Show a workspace.",
        "list": "List the workspaces of a resource group, or of the subscription.",
        "list-keys": "List the keys of what belongs to a workspace, such as its storage account.",
        "create": "Create a workspace.",
        "delete": "Delete a workspace.",
        "update": "Update a workspace.",
    },
    "environment": {
        "create": "Create an environment, or a new version of one.",
        "show": "Show an environment.",
        "list": "List environments, or the versions of one.",
        "update": "Update an environment's description and tags.",
        "archive": "Archive an environment: it works on and is listed no more.",
        "restore": "Restore an archived environment.",
        "share": "Copy an environment to a registry.",
    },
    "data": {
        "create": "Create a data asset from local files or a URI.",
        "show": "Show a data asset.",
        "list": "List data assets, or the versions of one.",
        "update": "Update a data asset's description and tags.",
        "archive": "Archive a data asset.",
        "restore": "Restore an archived data asset.",
        "share": "Copy a data asset to a registry.",
    },
    "component": {
        "create": "Create a component.",
        "show": "Show a component.",
        "list": "List components, or the versions of one.",
        "update": "Update a component's description and tags.",
        "archive": "Archive a component.",
        "restore": "Restore an archived component.",
    },
    "model": {
        "create": "Create a model from local files, a job's output or a datastore.",
        "show": "Show a model.",
        "list": "List models, or the versions of one.",
        "download": "Download a model's files.",
        "update": "Update a model's description, tags and properties.",
        "archive": "Archive a model.",
        "restore": "Restore an archived model.",
        "package": "Package a model into an environment.",
        "share": "Copy a model to a registry.",
    },
    "datastore": {
        "create": "Create a datastore.",
        "show": "Show a datastore, without its secrets.",
        "list": "List datastores.",
        "update": "Update a datastore.",
        "delete": "Delete a datastore. The data stays.",
    },
    "compute": {
        "create": "Create a compute cluster or instance; one that exists is updated.",
        "show": "Show a compute.",
        "list": "List computes.",
        "update": "Update a cluster's size limits, idle time, identity or tags.",
        "delete": "Delete a compute.",
        "start": "Start a compute instance.",
        "stop": "Stop a compute instance.",
        "restart": "Restart a compute instance.",
        "list-nodes": "List a cluster's nodes.",
        "list-sizes": "List the sizes of virtual machines.",
        "list-usage": "List quotas and what is used of them.",
    },
    "job": {
        "create": "Start a job.",
        "validate": "Check a job without starting it.",
        "show": "Show a job.",
        "list": "List jobs, the newest first, or the steps of one.",
        "stream": "Follow a job's log until it ends. Fails if the job fails.",
        "download": "Download a job's logs, artifacts and outputs.",
        "cancel": "Cancel a job.",
        "update": "Update a job's description, tags and the like.",
        "archive": "Archive a job.",
        "restore": "Restore an archived job.",
        "show-services": "Show the services of a job's node.",
    },
    "schedule": {
        "create": "Create a schedule.",
        "show": "Show a schedule.",
        "list": "List schedules.",
        "enable": "Enable a schedule.",
        "disable": "Disable a schedule.",
        "trigger": "Run a schedule's job now.",
        "update": "Update a schedule: its trigger, description, tags.",
        "delete": "Delete a schedule. It has to be disabled.",
    },
    "connection": {
        "create": "Create a connection.",
        "show": "Show a connection, without its secrets.",
        "list": "List connections.",
        "delete": "Delete a connection.",
    },
    "registry": {
        "create": "Create a registry.",
        "show": "Show a registry.",
        "list": "List the registries of a resource group or, without one, of the subscription.",
        "update": "Update a registry: its tags, its public network access, by --file its regions.",
        "delete": "Delete a registry.",
    },
    "online-endpoint": {
        "create": "Create an online endpoint. Fails if there is one of that name.",
        "show": "Show an online endpoint.",
        "list": "List online endpoints.",
        "update": "Update an online endpoint: traffic, tags and the like.",
        "delete": "Delete an online endpoint and its deployments.",
        "invoke": "Send a request to an online endpoint and print its answer.",
        "get-credentials": "Show an online endpoint's keys or token.",
        "regenerate-keys": "Make a key of an online endpoint anew.",
    },
    "online-deployment": {
        "create": "Create a deployment of an online endpoint. Fails if there is one of that name.",
        "show": "Show a deployment.",
        "list": "List the deployments of an online endpoint.",
        "update": "Update a deployment.",
        "delete": "Delete a deployment.",
        "get-logs": "Print a deployment's log.",
    },
    "batch-endpoint": {
        "create": "Create a batch endpoint, or update it.",
        "show": "Show a batch endpoint.",
        "list": "List batch endpoints.",
        "list-jobs": "List the scoring jobs of a batch endpoint.",
        "update": "Update a batch endpoint.",
        "delete": "Delete a batch endpoint and its deployments.",
        "invoke": "Score files: start a job of a batch endpoint.",
    },
    "batch-deployment": {
        "create": "Create a deployment of a batch endpoint, or update it.",
        "show": "Show a deployment.",
        "list": "List the deployments of a batch endpoint.",
        "list-jobs": "List the scoring jobs of a deployment.",
        "update": "Update a deployment.",
        "delete": "Delete a deployment.",
    },
}

EXAMPLES = {
    "ml environment create": "az ml environment create --file environment.yml",
    "ml compute create": (
        "az ml compute create --name cpu-cluster --type amlcompute --size Standard_DS3_v2 --max-instances 4"
    ),
    "ml job create": "az ml job create --file pipeline.yml --set inputs.rate=0.1 --query name -o tsv",
    "ml job download": "az ml job download --name my-job --all --download-path results",
    "ml model show": "az ml model show --name taxi --label latest",
    "ml online-endpoint update": 'az ml online-endpoint update --name taxi --traffic "blue=90 green=10"',
    "ml online-endpoint invoke": "az ml online-endpoint invoke --name taxi --request-file request.json",
    "ml batch-endpoint invoke": "az ml batch-endpoint invoke --name taxi --input ./batch",
}

for _group, _summary in GROUPS.items():
    helps[_group] = f"type: group\nshort-summary: {_summary!r}\n"
for _group, _rows in COMMANDS.items():
    for _verb, _summary in _rows.items():
        _command = f"ml {_group} {_verb}"
        _example = EXAMPLES.get(_command)
        helps[_command] = f"type: command\nshort-summary: {_summary!r}\n" + (
            f"examples:\n  - name: {_summary!r}\n    text: {_example!r}\n" if _example else ""
        )
