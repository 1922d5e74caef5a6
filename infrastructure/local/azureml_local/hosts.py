"""Which of Azure's host names are answered here: what the proxy leads to the server and what its certificate names."""

from __future__ import annotations

from .settings import Settings


def answered(settings: Settings) -> tuple[str, ...]:
    """Names and wildcards. A wildcard covers one label only, so regions are spelled out."""
    return (
        "management.azure.com",
        "login.microsoftonline.com",
        "login.microsoft.com",
        "login.windows.net",
        "graph.microsoft.com",
        "ml.azure.com",
        "aka.ms",
        "token.actions.githubusercontent.com",
        # Only the workspace's own storage account: public data sets of other accounts stay where they are.
        f"{settings.storage_account}.blob.core.windows.net",
        "azcliextensionsync.blob.core.windows.net",
        "azcliprod.blob.core.windows.net",
        "*.api.azureml.ms",
        "*.experiments.azureml.net",  # a region's resource provider, which serves the assets of registries
        f"*.{settings.location}.inference.ml.azure.com",
    )
