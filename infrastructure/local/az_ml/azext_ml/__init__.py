"""`az ml` for the local workspace: the commands of the official extension, thin over azure-ai-ml.

It knows nothing of the local workspace. What it sends goes to Azure's host names with az's own credential, so it is
also a plain client of Azure; it exists because the official extension is not on a package registry.
"""

from __future__ import annotations

from typing import Any

from azure.cli.core import AzCommandsLoader

from . import _help  # noqa: F401  az reads the help texts that importing this registers


class MachineLearningCommandsLoader(AzCommandsLoader):  # type: ignore[misc]
    """What az asks for the extension's commands and arguments."""

    def __init__(self, cli_ctx: Any = None) -> None:
        from azure.cli.core.commands import CliCommandType

        from .errors import handle

        default = CliCommandType(operations_tmpl="azext_ml.job#{}", exception_handler=handle)
        super().__init__(cli_ctx=cli_ctx, custom_command_type=default)

    def load_command_table(self, args: list[str] | None) -> Any:
        from .commands import load_command_table

        load_command_table(self)
        return self.command_table

    def load_arguments(self, command: str) -> None:
        from .arguments import load_arguments

        load_arguments(self)


COMMAND_LOADER_CLS = MachineLearningCommandsLoader
