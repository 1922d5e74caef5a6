"""Run by test_sdk_sweeps.py with the real SDK: a sweep that is stopped early, a bayesian one, a table, a schedule."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from azure.ai.ml import Input, MLClient, Output, command, dsl
from azure.ai.ml.entities import AmlCompute, CronTrigger, Environment, JobSchedule, RecurrencePattern, RecurrenceTrigger
from azure.ai.ml.parallel import RunFunction, parallel_run_function
from azure.ai.ml.sweep import BanditPolicy, Choice, Uniform
from azure.identity import DefaultAzureCredential

here, target = Path(sys.argv[1]), Path(sys.argv[2])
client = MLClient(
    DefaultAzureCredential(),
    os.environ["AZURE_SUBSCRIPTION_ID"],
    os.environ["AZURE_RESOURCE_GROUP"],
    os.environ["AZUREML_WORKSPACE_NAME"],
)
client.compute.begin_create_or_update(AmlCompute(name="sweeps", size="Standard_DS3_v2", max_instances=4)).result()
train = command(
    code=here,
    command="python train.py ${{inputs.rate}} ${{outputs.model}}",
    environment=Environment(image="python:3.11-slim"),
    inputs={"rate": 1.0},
    outputs={"model": Output(type="uri_folder")},
    compute="sweeps",
)


def sweep(rate: object, sampling: str, trials: int, **more: object) -> dict[str, object]:
    job = train(rate=rate).sweep(
        sampling_algorithm=sampling,
        primary_metric="acc",
        goal="Maximize",
        max_total_trials=trials,
        max_concurrent_trials=2,
        **more,
    )
    job.experiment_name = "sweeps"
    made = client.jobs.create_or_update(job)
    client.jobs.stream(made.name)
    ended = client.jobs.get(made.name)
    trials_of = {run.name: run.status for run in client.jobs.list(parent_job_name=made.name)}
    return {"name": made.name, "status": ended.status, "properties": ended.properties, "trials": trials_of}


stopped = sweep(
    Choice(values=[1, 5]), "grid", 2,
    early_termination_policy=BanditPolicy(slack_factor=0.5, evaluation_interval=1),
)  # fmt: skip
client.jobs.download(str(stopped["name"]), download_path=target, output_name="model")
bayesian = sweep(Uniform(min_value=4, max_value=6), "bayesian", 3)

score = parallel_run_function(
    name="score",
    inputs={"table": Input(type="mltable")},
    outputs={"rows": Output(type="uri_file")},
    input_data="${{inputs.table}}",
    partition_keys=["shop"],
    instance_count=1,
    max_concurrency_per_instance=2,
    task=RunFunction(
        code=str(here),
        entry_script="score.py",
        environment=Environment(image="python:3.11-slim", conda_file=here / "pandas.yml"),
        append_row_to="${{outputs.rows}}",
    ),
)


@dsl.pipeline(default_compute="sweeps")
def by_shop(table):  # type: ignore[no-untyped-def]  # the decorator would read annotations
    return {"rows": score(table=table).outputs.rows}


pipeline = by_shop(table=Input(type="mltable", path=str(here / "table")))
scored = client.jobs.create_or_update(pipeline, experiment_name="sweeps")
client.jobs.stream(scored.name)
client.jobs.download(scored.name, download_path=target, output_name="rows")

weekly = RecurrenceTrigger(
    frequency="week", interval=1, schedule=RecurrencePattern(hours=10, minutes=[0], week_days=["monday"]),
    start_time="2022-07-10T10:00:00", time_zone="Pacific Standard Time",
)  # fmt: skip
schedule = JobSchedule(name="weekly", trigger=weekly, create_job=pipeline, tags={"team": "a"})
schedule = client.schedules.begin_create_or_update(schedule).result()
triggered = client.schedules.trigger("weekly")
schedule.trigger = CronTrigger(expression="0 10 * * 1", start_time="2022-07-10T10:00:00")
updated = client.schedules.begin_create_or_update(schedule).result()
disabled = client.schedules.begin_disable("weekly").result()
listed = [[each.name for each in client.schedules.list(list_view_type=view)] for view in ("EnabledOnly", "All")]
client.jobs.stream(triggered.job_name)
client.schedules.begin_delete("weekly").result()

print("RESULT " + json.dumps({
    "stopped": stopped,
    "bayesian": bayesian,
    "trigger": updated.trigger.expression,
    "enabled": [schedule.is_enabled, disabled.is_enabled],
    "listed": listed,
    "triggered": triggered.job_name,
    "status": client.jobs.get(triggered.job_name).status,
    "display_name": client.jobs.get(triggered.job_name).display_name,
    "left": [each.name for each in client.schedules.list(list_view_type="All")],
}))  # fmt: skip
