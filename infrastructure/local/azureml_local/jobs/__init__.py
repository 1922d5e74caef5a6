"""Jobs: commands, pipelines, sweeps and parallel runs, run as processes of this machine.

planning.py, *_reader.py, node_bindings.py            REST documents to checked plans, all problems told together
specs.py, values.py, bindings.py, references.py       what plans are made of
manager.py                                            submit, wait, cancel, delete
api.py, documents.py, history_documents.py            jobs and runs as Azure shows them
engine.py, *_runner.py                                the life of one run, the work of each kind of run
search_space.py, samplers.py, bayesian_child.py       what a sweep tries next
early_termination.py                                  which of its trials are given up
mltables.py                                           which files a table is made of, for parallel steps
nodes.py, processes.py, waiting.py                    who may run now, what runs, and how it ended
layout.py, variables.py, data.py, artifacts.py        folders, environment variables, inputs and outputs, logs
runs.py, states.py                                    records and states
reuse.py, recovery.py                                 steps that need not run again; what a killed workspace left
client_runs.py                                        runs that clients made with MLflow alone
"""

from __future__ import annotations

from azureml_local.environments.build import EnvironmentBuilder
from azureml_local.services import Services

from . import api, client_runs
from .manager import JobManager
from .processes import Launcher


def install(services: Services, *, launcher: Launcher | None = None) -> None:
    """Routes of jobs. Recovers at start, ends everything at stop."""
    if not hasattr(services, "environments"):
        services.environments = EnvironmentBuilder(
            services.paths.environments, env={"UV_CACHE_DIR": str(services.paths.uv_cache)}
        )
    services.jobs = JobManager(services, launcher=launcher)
    api.install(services, services.jobs)
    client_runs.install(services, services.jobs.runs)
    services.on_start.append(services.jobs.start)
    services.on_stop.append(services.jobs.stop)
