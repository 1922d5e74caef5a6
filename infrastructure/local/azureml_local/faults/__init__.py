"""Faults on demand: what Azure does on a bad day, so that the actions can be tested against it. Off by default.

kinds.py       which faults there are, and what each may be told
switches.py    the faults that were asked for, and whom they hit;  answers.py: the answers they give
watching.py    faults that need a moment to come: preempted nodes, killed servers
routes.py      their switch on the local API, for `azureml-local fault`

They live in the server's memory: `azureml-local fault clear` ends them, and so does `down`.
"""

from __future__ import annotations

from azureml_local.services import Services

from .routes import add_routes
from .switches import Faults
from .watching import Watcher


def install(services: Services) -> None:
    """Set `services.faults`, which the front door and the parts ask, and the routes that switch it."""
    services.faults = Faults(services)
    add_routes(services, services.faults, Watcher(services, services.faults))


__all__ = ["Faults", "install"]
