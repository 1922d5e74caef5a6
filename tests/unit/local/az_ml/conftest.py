"""The extension's modules are importable without az."""

from __future__ import annotations

from support import azext_ml_package  # noqa: F401 - its import is its effect
