"""The table of commands: which function answers which command, and how az treats it.

Every row below a group is `command: (function, options)`; the group's module is named after it, the options are az's.
An `update` is az's generic update: a getter, az's --set/--add/--remove on what it returns, a setter.
"""

from __future__ import annotations

from typing import Any

from . import tables
from .errors import handle

_WAIT = {"supports_no_wait": True}
_DELETE = {"supports_no_wait": True, "confirmation": True}
_PREVIEW = {"is_preview": True}

Row = tuple[str, dict[str, Any]]

ASSET: dict[str, Row] = {"show": ("show", {}), "archive": ("archive", {}), "restore": ("restore", {})}

GROUPS: dict[str, dict[str, Row]] = {
    "workspace": {
        "show": ("show", {}),
        "list": ("list_", {"table_transformer": tables.workspaces}),
        "list-keys": ("list_keys", {}),
        "create": ("create", _WAIT),
        "delete": ("delete", _DELETE),
        "update": ("update", _WAIT),
    },
    "environment": {
        **ASSET,
        "create": ("create", _WAIT),
        "list": ("list_", {"transform": tables.environments, "table_transformer": tables.in_order}),
        "share": ("share", {}),
        "update": ("update", {}),
    },
    "data": {
        **ASSET,
        "create": ("create", _WAIT),
        "list": ("list_", {"table_transformer": tables.data}),
        "share": ("share", _PREVIEW),
        "update": ("update", {}),
    },
    "component": {
        **ASSET,
        "create": ("create", {}),
        "list": ("list_", {"table_transformer": tables.components}),
        "update": ("update", {}),
    },
    "model": {
        **ASSET,
        "create": ("create", _WAIT),
        "list": ("list_", {"transform": tables.models, "table_transformer": tables.in_order}),
        "download": ("download", {}),
        "package": ("package", _PREVIEW),
        "share": ("share", {}),
        "update": ("update", {}),
    },
    "datastore": {
        "show": ("show", {}),
        "list": ("list_", {"table_transformer": tables.datastores}),
        "create": ("create", {}),
        "delete": ("delete", {}),
        "update": ("update", {}),
    },
    "compute": {
        "show": ("show", {}),
        "list": ("list_", {"table_transformer": tables.computes}),
        "create": ("create", _WAIT),
        "delete": ("delete", _DELETE),
        "start": ("start", _WAIT),
        "stop": ("stop", _WAIT),
        "restart": ("restart", _WAIT),
        "list-nodes": ("list_nodes", {}),
        "list-sizes": ("list_sizes", {"table_transformer": tables.sizes}),
        "list-usage": ("list_usage", {"table_transformer": tables.usage}),
        "update": ("update", _WAIT),
    },
    "job": {
        "create": ("create", {}),
        "validate": ("validate", {}),
        "show": ("show", {}),
        "list": ("list_", {"table_transformer": tables.jobs}),
        "stream": ("stream", {}),
        "download": ("download", {}),
        "cancel": ("cancel", {}),
        "archive": ("archive", {}),
        "restore": ("restore", {}),
        "show-services": ("show_services", {}),
        "update": ("update", {}),
    },
    "schedule": {
        "show": ("show", {}),
        "list": ("list_", {"table_transformer": tables.schedules}),
        "create": ("create", _WAIT),
        "delete": ("delete", _WAIT),
        "enable": ("enable", _WAIT),
        "disable": ("disable", _WAIT),
        "trigger": ("trigger", {}),
        "update": ("update", _WAIT),
    },
    "connection": {
        "show": ("show", _PREVIEW),
        "list": ("list_", {"table_transformer": tables.connections, **_PREVIEW}),
        "create": ("create", _PREVIEW),
        "delete": ("delete", {"confirmation": True, **_PREVIEW}),
    },
    "registry": {
        "show": ("show", {}),
        "list": ("list_", {"table_transformer": tables.registries}),
        "create": ("create", _WAIT),
        "delete": ("delete", _WAIT),
        "update": ("update", _WAIT),
    },
    "online-endpoint": {
        "show": ("show", {}),
        "list": ("list_", {"transform": tables.online_endpoints}),
        "create": ("create", _WAIT),
        "delete": ("delete", _DELETE),
        "invoke": ("invoke", {}),
        "get-credentials": ("get_credentials", {}),
        "regenerate-keys": ("regenerate_keys", _WAIT),
        "update": ("update", _WAIT),
    },
    "online-deployment": {
        "show": ("show", {}),
        "list": ("list_", {"transform": tables.online_deployments}),
        "create": ("create", _WAIT),
        "delete": ("delete", _DELETE),
        "get-logs": ("get_logs", {}),
        "update": ("update", _WAIT),
    },
    "batch-endpoint": {
        "show": ("show", {}),
        "list": ("list_", {"transform": tables.batch_endpoints}),
        "list-jobs": ("list_jobs", {}),
        "create": ("create", _WAIT),
        "delete": ("delete", _DELETE),
        "invoke": ("invoke", {}),
        "update": ("update", _WAIT),
    },
    "batch-deployment": {
        "show": ("show", {}),
        "list": ("list_", {"transform": tables.batch_deployments}),
        "list-jobs": ("list_jobs", {"transform": tables.batch_deployment_jobs}),
        "create": ("create", _WAIT),
        "delete": ("delete", _DELETE),
        "update": ("update", _WAIT),
    },
}


def load_command_table(loader: Any) -> None:
    """Register every command with az."""
    from azure.cli.core.commands import CliCommandType

    with loader.command_group("ml"):
        pass
    for group, rows in GROUPS.items():
        module = f"azext_ml.{group.replace('-', '_')}"
        functions = CliCommandType(operations_tmpl=f"{module}#{{}}", exception_handler=handle)
        with loader.command_group(f"ml {group}", functions, custom_command_type=functions) as g:
            for command, (function, options) in rows.items():
                if command == "update":
                    g.generic_update_command(
                        "update",
                        getter_name="update_get",
                        getter_type=functions,
                        setter_name="update_set",
                        setter_type=functions,
                        exception_handler=handle,
                        **options,
                    )
                elif command == "show":
                    g.custom_show_command(command, function, exception_handler=handle, **options)
                else:
                    g.custom_command(command, function, **options)
