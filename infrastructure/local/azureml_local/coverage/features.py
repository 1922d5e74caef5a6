"""Features, and what becomes of each here. Each row that works names tests that would fail if it did not."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Outcome(enum.Enum):
    """What the local workspace does with a feature."""

    WORKS = "works"
    REFUSED = "refused"
    IGNORED = "ignored with a warning"


@dataclass(frozen=True)
class Feature:
    """One row. `tests`: `path::name` below the repository. `says`: how the 501's text begins, where there is one."""

    area: str
    name: str
    outcome: Outcome
    note: str = ""
    tests: tuple[str, ...] = ()
    says: str = ""


_UNIT = "tests/unit/local/"
_WIRE = "tests/wire/"


def _works(area: str, name: str, *tests: str, note: str = "") -> Feature:
    return Feature(area, name, Outcome.WORKS, note, tests)


def _refused(area: str, name: str, *tests: str, says: str = "", note: str = "") -> Feature:
    return Feature(area, name, Outcome.REFUSED, note or ("501" if says else ""), tests, says)


def _ignored(area: str, name: str, *tests: str, note: str = "") -> Feature:
    return Feature(area, name, Outcome.IGNORED, note, tests)


_SIGN_IN = "Signing in"
_JOBS = "Jobs"
_DATA = "Inputs, outputs and data"
_COMPUTE = "Compute"
_ENVIRONMENTS = "Environments"
_ASSETS = "Assets"
_MLFLOW = "MLflow"
_ONLINE = "Online endpoints"
_BATCH = "Batch endpoints"

_COMMANDS = _UNIT + "jobs/test_command_runs.py::"
_PIPELINES = _UNIT + "jobs/test_pipeline_runs.py::"
_REGISTRIES = _UNIT + "registries/test_registries.py::"
_PLANS = _UNIT + "jobs/test_job_plans.py::"
_SWEEPS = _UNIT + "jobs/test_sweeps.py::"
_SCHEDULES = _UNIT + "schedules/test_schedules.py::"
_SDK_SWEEPS = "test_sdk_sweeps.py::test_a_sweep_ends_early_a_table_is_scored_and_a_schedule_starts_it_again"
_PARALLEL = _UNIT + "jobs/test_parallel_steps.py::"
_ONLINE_API = _UNIT + "online/test_online_api.py::"
_IDENTITY = _UNIT + "test_identity.py::"
_ARM_DEPLOYMENTS = _UNIT + "test_arm_deployments.py::"

FEATURES: tuple[Feature, ...] = (
    _works(
        _SIGN_IN,
        "Service principal with a secret",
        _IDENTITY + "test_the_secret_opens_arm_and_a_wrong_one_does_not",
        _WIRE + "scripts/test_training_scripts.py::test_the_cluster_is_compared_and_updated",
        _WIRE + "test_az_ml_assets.py::test_environments",
    ),
    _works(
        _SIGN_IN,
        "Federated ID tokens (GitHub's OIDC): issuer, subject, audience, time and signature are checked",
        _IDENTITY + "test_an_id_token_with_a_trusted_subject_signs_in",
        _IDENTITY + "test_an_id_token_signed_by_another_key_is_refused",
        _WIRE + "scripts/test_faults.py::test_a_pipeline_is_followed_to_its_end_through_all_of_it",
        "tests/workflow/test_train.py::test_training_is_green_and_tells_job_by_job",
    ),
    _works(
        _SIGN_IN,
        "Access tokens: signature, audience and time are checked on every call",
        _IDENTITY + "test_arm_refuses_a_missing_or_foreign_token",
        _WIRE + "test_sdk_pipeline.py::test_a_program_without_credentials_is_refused",
    ),
    _refused(
        _SIGN_IN,
        "Users, device codes, managed identities",
        _UNIT + "workflow_run/test_azure_login.py::test_managed_identities_are_refused",
        note="as AADSTS70003; service principals only",
    ),
    _works(
        _JOBS,
        "Command jobs",
        _COMMANDS + "test_a_step_gets_its_own_variables_and_none_of_the_servers",
        _WIRE + "test_az_ml_job.py::test_a_job_from_its_yaml_to_its_files",
    ),
    _works(
        _JOBS,
        "Pipeline jobs: inline steps, component files, registered components; independent steps side by side",
        _PIPELINES + "test_steps_run_after_those_they_read_from",
        _WIRE + "test_jobs.py::test_a_pipeline_runs_and_its_log_is_streamed",
        _WIRE + "test_az_ml_job.py::test_pipelines_show_their_steps_and_are_cancelled",
        "tests/workflow/test_train.py::test_training_is_green_and_tells_job_by_job",
    ),
    _works(
        _JOBS,
        "Pipeline components in pipelines",
        _PIPELINES + "test_nested_pipelines_hand_inputs_down_and_outputs_up",
        _WIRE + "test_batch_mlflow.py::test_a_pipeline_component_runs_as_a_pipeline_with_its_parallel_step",
    ),
    _works(
        _JOBS,
        "Parallel steps: mini-batches of files, retries, time limits, thresholds",
        _PARALLEL + "test_a_component_with_the_settings_of_its_step_over_it",
        _WIRE + "test_batch_mlflow.py::test_a_pipeline_component_runs_as_a_pipeline_with_its_parallel_step",
    ),
    _works(
        _JOBS,
        "Parallel steps over an mltable: rows by size or by partition_keys, as pandas DataFrames",
        _PARALLEL + "test_a_table_is_dealt_out_by_bytes_or_by_keys",
        _WIRE + _SDK_SWEEPS,
        note="tables of delimited, Parquet and JSON-lines files; of the transformations keep_columns, drop_columns, "
        "take, skip, extract_columns_from_partition_format: others are an error that names them",
    ),
    _refused(
        _JOBS,
        "partition_keys over data that is no mltable",
        _PARALLEL + "test_partition_keys_need_a_table",
        says="partition_keys over data that is not an mltable",
    ),
    _works(
        _JOBS,
        "Sweep jobs and steps: random, grid and bayesian sampling; limits; the best trial's outputs",
        _SWEEPS + "test_the_best_trial_that_completed_is_the_sweeps_result",
        _SWEEPS + "test_a_sweep_step_hands_its_best_output_on",
        _WIRE + _SDK_SWEEPS,
        note="bayesian: the estimator of optuna, so its points are not Azure's; `rule: sobol` is told and ignored",
    ),
    _works(
        _JOBS,
        "Early termination of sweeps: bandit, median stopping, truncation selection",
        _UNIT + "jobs/test_early_termination.py::test_who_is_stopped",
        _SWEEPS + "test_a_stopped_trial_is_canceled_and_the_others_go_on",
        _WIRE + _SDK_SWEEPS,
        note="judged each second by the metrics logged so far",
    ),
    *(
        _refused(_JOBS, what.capitalize(), _PLANS + "test_what_cannot_be_done_here_is_said", says=what)
        for what in ("automl jobs", "spark jobs", "data labeling jobs", "fine-tuning jobs", "jobs without a type")
    ),
    *(
        _refused(_JOBS, what.capitalize(), _PLANS + "test_steps_that_cannot_be_done_here_are_named", says=what)
        for what in (
            "spark steps",
            "automl steps",
            "import steps",
            "data_transfer steps",
            "do_while steps",
            "if_else steps",
            "parallel_for steps",
        )
    ),
    _works(
        _JOBS,
        "Distribution: PyTorch, TensorFlow; processes of all nodes run on this machine",
        _COMMANDS + "test_pytorch_processes_know_their_places",
        _COMMANDS + "test_tensorflow_processes_know_their_cluster",
    ),
    _works(
        _JOBS,
        "Reuse of deterministic steps, force_rerun",
        _PIPELINES + "test_a_second_run_reuses_equal_steps",
        _WIRE + "test_jobs.py::test_the_second_run_reuses_what_is_deterministic",
    ),
    _works(
        _JOBS,
        "continue_on_step_failure",
        _PIPELINES + "test_continue_on_step_failure_does_what_does_not_depend_on_it",
    ),
    _works(_JOBS, "limits.timeout", _COMMANDS + "test_a_time_limit_cancels"),
    _works(
        _JOBS,
        "./outputs and ./logs are there before the command and become artifacts",
        _COMMANDS + "test_the_working_directory_is_a_private_copy_of_the_code",
    ),
    _works(
        _JOBS,
        "azureml_user.parallel_run in parallel and batch scripts: EntryScript().logger",
        _UNIT + "mini_batches/test_driver.py::test_azure_mls_own_logger_is_there",
        note="the logger only",
    ),
    _works(
        _JOBS,
        "Cancel: a job with its steps, or one step; processes are gone afterwards",
        _PIPELINES + "test_cancel_ends_all_steps",
        _WIRE + "test_jobs.py::test_cancel_leaves_no_process",
        "tests/workflow/test_train.py::test_a_cancelled_workflow_leaves_no_job_and_no_process",
    ),
    _works(
        _JOBS,
        "Preemption of low-priority nodes (by `azureml-local fault`): back to the queue, run again",
        _UNIT + "faults/test_run_faults.py::test_a_low_priority_node_is_taken_away_and_the_step_starts_again",
        _WIRE + "scripts/test_faults.py::test_a_pipeline_is_followed_to_its_end_through_all_of_it",
    ),
    _works(
        _JOBS,
        "Live logs, streaming, download of logs and outputs",
        _WIRE + "test_jobs.py::test_outputs_and_logs_are_downloaded",
        _WIRE + "test_az_ml_job.py::test_a_job_from_its_yaml_to_its_files",
    ),
    _works(
        _JOBS,
        "A restart of the workspace ends what it lost as Failed, with the reason",
        _UNIT + "jobs/test_jobs_api.py::test_a_restart_ends_what_was_left_and_says_why",
        _WIRE + "test_jobs.py::test_a_killed_workspace_ends_its_steps_when_it_is_back",
    ),
    _ignored(
        _JOBS,
        "identity, queue_settings, interactive services, resources.instance_type, docker_args, shm_size, locations",
        _PLANS + "test_what_is_ignored_is_said_once",
        note="steps are processes of this machine, under the workspace's own principal",
    ),
    _works(
        _JOBS,
        "Schedules of jobs: cron and recurrence, time zones, start and end, trigger, enable and disable",
        _SCHEDULES + "test_a_schedule_starts_its_job_each_time_it_is_due",
        _UNIT + "schedules/test_triggers.py::test_the_next_firings",
        _WIRE + _SDK_SWEEPS,
        note="they fire while the workspace runs; what was due while it was down is not made up for",
    ),
    *(
        _refused(_JOBS, what.capitalize(), _SCHEDULES + "test_what_is_refused_is_not_kept", says=what)
        for what in ("schedules of model monitors", "schedules of data imports")
    ),
    _works(
        _DATA,
        "Inputs: literals, uri_file, uri_folder, mltable, mlflow_model, custom_model",
        _COMMANDS + "test_data_that_is_not_there_fails_before_anything_runs",
        _UNIT + "test_uris.py::test_every_form_leads_to_its_file",
        _WIRE + "test_sdk_pipeline.py::test_the_sdk_submits_streams_and_downloads_and_mlflow_finds_the_metrics",
    ),
    _works(
        _DATA,
        "Modes: mount and download give a path, direct gives the URI",
        _COMMANDS + "test_direct_mode_hands_on_the_uri_of_the_data",
        note="mount and download are the same: the file itself, no copy",
    ),
    _works(_DATA, "Optional inputs, `$[[…]]`", _UNIT + "jobs/test_bindings.py::test_rendering"),
    _works(
        _DATA,
        "Outputs by path or name: registered as data or models",
        _COMMANDS + "test_outputs_are_registered_under_their_name",
        _PIPELINES + "test_a_pipeline_output_with_a_name_becomes_an_asset",
    ),
    _works(
        _DATA,
        "Uploads and downloads: block blobs, ranges, metadata, listing; SAS and tokens",
        _UNIT
        + "blob_api/test_blob_upload.py::test_blocks_are_joined_in_the_order_of_the_list_and_leave_nothing_behind",
        _WIRE + "test_assets.py::test_data",
    ),
    _refused(
        _DATA,
        "Other Blob operations: page and append blobs, copy, leases, snapshots, tiers",
        _UNIT + "blob_api/test_blob_upload.py::test_other_operations_are_refused_not_pretended",
        says="the Blob operation",
    ),
    _works(
        _DATA,
        "https:// inputs: files, and folders of public blob containers",
        _UNIT + "test_web_data.py::test_a_file_is_downloaded_once_under_its_own_name",
        _UNIT + "test_web_data.py::test_a_folder_of_a_public_container",
        note="downloaded once, through the caller's proxy",
    ),
    _refused(
        _DATA,
        "Data in other storage accounts, Data Lake, file shares",
        _UNIT + "test_datastores.py::test_one_elsewhere_is_kept_with_its_secret_apart_and_cannot_be_read",
        _UNIT + "test_uris.py::test_what_cannot_be_read_is_refused_by_name",
        note="such datastores can be created and shown; reading through them is an error that names them",
    ),
    _works(
        _COMPUTE,
        "Clusters (AmlCompute): create, update, list, delete; max nodes is what runs at once",
        _UNIT + "test_compute.py::test_a_cluster_is_created_then_updated",
        _UNIT + "jobs/test_pipeline_runs.py::test_independent_steps_share_the_nodes",
        _WIRE + "test_az_ml_assets.py::test_compute_datastores_and_the_workspace",
        _WIRE + "test_assets.py::test_compute",
        _WIRE + "scripts/test_training_scripts.py::test_the_cluster_is_compared_and_updated",
    ),
    _works(
        _COMPUTE,
        "Compute instances: start, stop, restart",
        _UNIT + "test_compute.py::test_an_instance_can_be_stopped_and_started",
    ),
    _works(_COMPUTE, "Serverless compute: one node", _UNIT + "test_compute.py::test_what_a_job_may_count_on"),
    _refused(
        _COMPUTE,
        "Kubernetes, virtual machines, Synapse and other attached compute",
        _UNIT + "test_compute.py::test_other_compute_is_not_pretended",
        says="compute of type '",
    ),
    _works(
        _COMPUTE,
        "Managed identity of a compute, system-assigned or user-assigned: checked, kept, shown",
        _UNIT + "test_compute.py::test_an_identity_is_checked_and_shown",
        _WIRE + "scripts/test_training_scripts.py::test_a_cluster_gets_an_identity",
        note="steps run as whoever started the workspace all the same",
    ),
    _works(
        _COMPUTE,
        "VM size, tier, idle time, min nodes: kept, shown and checked",
        _UNIT + "test_compute.py::test_size_and_tier_of_a_cluster_cannot_change",
        note="they change nothing else: nodes are this machine",
    ),
    _works(
        _ENVIRONMENTS,
        "conda files and pip requirements, built by uv, shared by content",
        _UNIT + "environments/test_environment_build.py::test_built_once_then_kept",
        _WIRE + "test_environments_build.py::test_an_environment_with_conda_and_pip_packages",
        "tests/workflow/test_train.py::test_training_is_green_and_tells_job_by_job",
        note="conda names are mapped to PyPI's",
    ),
    _ignored(
        _ENVIRONMENTS,
        "System packages of conda (cuda, gcc …), system packages of a Dockerfile",
        _UNIT + "environments/test_environment_conda.py::test_system_packages_are_left_out_with_one_warning",
        _UNIT + "environments/test_environment_dockerfile.py::test_what_needs_docker_is_told_in_one_warning",
    ),
    _works(
        _ENVIRONMENTS,
        "Docker build contexts whose Dockerfile installs requirements or a conda file",
        _UNIT + "environments/test_environment_dockerfile.py::test_a_requirements_file",
        _WIRE + "test_environments_build.py::test_a_docker_context",
    ),
    _refused(
        _ENVIRONMENTS,
        "Docker contexts and images without recognisable Python packages",
        _UNIT + "environments/test_environment_dockerfile.py::test_refusals_say_what_and_how_to_mend_it",
        _UNIT + "environments/test_environment_plan.py::test_other_images_are_not_guessed",
        note="the job fails, naming what and how to mend it; nothing runs in a container",
    ),
    _works(
        _ENVIRONMENTS,
        "Some curated environments",
        _UNIT + "environments/test_environment_plan.py::test_curated_environments",
        note="by package lists of our own, so versions differ from Azure's images",
    ),
    _works(
        _ENVIRONMENTS,
        "Versions are immutable; anonymous and inline environments; @latest, labels",
        _UNIT + "assets/test_asset_kinds.py::test_an_equal_environment_is_200_and_a_different_one_409",
        _WIRE + "test_az_ml_assets.py::test_environments",
        _WIRE + "scripts/test_training_scripts.py::test_the_environment_is_registered_once_per_content",
    ),
    _works(
        _ASSETS,
        "Data, models, components, code: versions, labels, tags, archive, lists in pages",
        _UNIT + "assets/test_asset_versions.py::test_lists_are_newest_first_and_in_pages",
        _WIRE + "test_assets.py::test_models_components_and_code",
        _WIRE + "test_az_ml_assets.py::test_data_components_and_models",
    ),
    _works(
        _ASSETS,
        "Models from a job's output, mlflow_model, custom_model",
        _UNIT + "assets/test_asset_kinds.py::test_a_model_from_a_jobs_output_lies_where_the_job_wrote_it",
        _UNIT + "assets/test_asset_kinds.py::test_an_mlflow_models_flavors_are_read_from_its_files",
    ),
    _works(
        _ASSETS,
        "Registries: create from YAML, show, list, delete; models, environments, components and data in them",
        _REGISTRIES + "test_a_registry_is_made_found_and_deleted_with_all_it_has",
        _WIRE + "test_registries.py::test_the_sdk_shares_uses_and_downloads_what_is_in_a_registry",
        _WIRE + "test_az_ml_registries.py::test_az_ml_works_with_registries",
        note="one machine: every region that a registry names is served, and none is checked",
    ),
    _works(
        _ASSETS,
        "`share` of models, environments and data; `azureml://registries/…` in jobs, pipelines and deployments",
        _REGISTRIES + "test_a_shared_model_is_a_copy_of_its_own",
        _REGISTRIES + "test_jobs_and_deployments_use_what_is_in_a_registry",
        _WIRE + "test_registries.py::test_the_sdk_shares_uses_and_downloads_what_is_in_a_registry",
    ),
    _works(
        _ASSETS,
        "Microsoft's registry `azureml`: its curated environments, read only",
        _REGISTRIES + "test_microsofts_registry_has_curated_environments_and_takes_nothing",
        note="as approximated from PyPI; its models, components and data are not there",
    ),
    _refused(_ASSETS, "MLflow's client on a registry's URI", note="501: no route"),
    _refused(_ASSETS, "Feature stores, connections, prompt flows, marketplace models", note="501: no route"),
    _works(
        _MLFLOW,
        "Tracking (MLflow 2): params, metrics, tags, artifacts, nested runs, search",
        _WIRE + "test_mlflow.py::test_a_laptop_logs_registers_and_loads_models_that_az_ml_sees",
        _WIRE + "test_mlflow.py::test_steps_log_side_by_side_to_the_run_they_are_given",
    ),
    _works(
        _MLFLOW,
        "Registry: one with `az ml model`; versions, stages, aliases, tags, search",
        _UNIT + "mlflow_server/test_registry.py::test_a_version_registered_with_mlflow_is_the_same_model_in_arm",
        _WIRE + "test_mlflow.py::test_the_registry_answers_as_mlflows_own",
    ),
    _refused(
        _MLFLOW,
        "MLflow 3 (logged models, traces)",
        _UNIT + "mlflow_server/test_registry.py::test_what_cannot_be_done_is_refused_in_mlflows_words",
        note="404 that says to pin mlflow<3; Azure's tracking server does not know them either",
    ),
    _works(
        _ONLINE,
        "Managed endpoints and deployments: create, update, show, list, delete, as long-running operations",
        _ONLINE_API + "test_a_deployment_is_created_and_completed",
        _WIRE + "test_online_endpoints.py::test_the_sdk_from_create_to_delete",
        _WIRE + "test_az_ml_serving.py::test_an_online_endpoint_from_creation_to_deletion",
        _WIRE + "scripts/test_deploy_scripts.py::test_the_first_deployment_serves",
    ),
    _works(
        _ONLINE,
        "Scoring scripts in the real azureml-inference-server-http; MLflow models without code",
        _UNIT + "online/test_online_files.py::test_files_lie_as_in_azures_container",
        _WIRE + "test_online_endpoints.py::test_an_mlflow_model_without_code",
    ),
    _works(
        _ONLINE,
        "Traffic weights, mirror traffic, the azureml-model-deployment header",
        _UNIT + "online/test_online_router.py::test_ten_thousand_choices_are_as_the_weights_say",
        _UNIT + "online/test_online_router.py::test_the_mirror_gets_copies_and_never_answers",
        _WIRE + "test_online_endpoints.py::test_traffic_is_split_mirrored_and_moved_without_losing_a_request",
    ),
    _works(
        _ONLINE,
        "auth_mode key, aml_token, aad_token; regenerate keys",
        _UNIT + "online/test_online_access.py::test_both_keys_open_and_nothing_else",
        _WIRE + "test_online_endpoints.py::test_tokens",
        _WIRE + "test_online_endpoints.py::test_what_callers_are_told",
    ),
    _works(
        _ONLINE,
        "instance_count, request_settings, liveness and readiness probes, restarts",
        _UNIT + "online/test_online_instance.py::test_a_server_that_stops_answering_is_started_again",
        _WIRE + "test_online_endpoints.py::test_a_server_that_dies_comes_back",
    ),
    _works(_ONLINE, "Logs of the server and of the storage initializer", _ONLINE_API + "test_logs"),
    _ignored(
        _ONLINE,
        "instance_type, app_insights_enabled, data_collector, model_mount_path, networks, user-assigned identities, "
        "max_queue_wait_ms",
        _ONLINE_API + "test_what_is_ignored_is_told_once",
        _UNIT + "test_ignored_settings.py::test_a_setting_in_vain_is_told",
        _WIRE + "test_serving_fields.py::test_every_field_is_honoured_told_as_ignored_or_refused",
    ),
    _refused(
        _ONLINE,
        "Kubernetes endpoints and deployments",
        _ONLINE_API + "test_endpoints_that_are_refused",
        note="501",
    ),
    _refused(
        _ONLINE,
        "Containers of one's own (inference_config, custom images, Triton)",
        _ONLINE_API + "test_deployments_that_are_refused_leave_nothing",
        note="an error that says what runs here",
    ),
    _refused(
        _ONLINE,
        "Autoscale rules (Microsoft.Insights)",
        _UNIT + "test_other_services.py::test_a_service_that_is_not_here",
        note="501 that says what to do instead",
    ),
    _works(
        _BATCH,
        "Endpoints and model deployments: scoring scripts and MLflow models, default deployment",
        _UNIT + "batch/test_batch_scoring.py::test_a_folder_is_scored_and_the_rows_lie_where_azure_puts_them",
        _WIRE + "test_batch.py::test_endpoint_and_deployments_show_what_was_asked_for",
        _WIRE + "test_az_ml_serving.py::test_a_batch_endpoint_from_creation_to_deletion",
        "tests/workflow/test_deploy_batch.py::test_a_folder_is_scored_and_its_predictions_are_kept",
    ),
    _works(
        _BATCH,
        "Mini-batches, concurrency, retries, error_threshold, append_row, summary_only",
        _UNIT + "mini_batches/test_driver.py::test_a_killed_worker_is_replaced_and_its_mini_batch_tried_again",
        _WIRE + "test_batch.py::test_all_rows_of_all_files_but_the_corrupt_one",
        _WIRE + "test_batch.py::test_summary_only_leaves_the_files_that_the_script_wrote",
    ),
    _works(
        _BATCH,
        "Pipeline component deployments, also of components without inputs",
        _UNIT + "batch/test_batch_pipelines.py::test_data_and_literals_go_to_the_pipeline",
        _UNIT + "batch/test_batch_requests.py::test_a_request_may_ask_for_nothing",
        _WIRE + "test_batch_mlflow.py::test_a_pipeline_component_runs_as_a_pipeline_with_its_parallel_step",
    ),
    _refused(
        _BATCH,
        "Scoring of mltable data",
        _UNIT + "batch/test_batch_scoring.py::test_refusals_start_nothing",
        says="scoring of ",
    ),
    _ignored(
        _BATCH,
        "resources: instance_type, locations, max_instance_count, properties, docker_args, shm_size",
        _UNIT + "test_ignored_settings.py::test_many_are_told_in_one_sentence",
        note="in the job's warnings",
    ),
    _works(
        "Workspaces",
        "Resource groups and workspaces: create, update, show, list; resource providers are registered",
        _UNIT + "test_arm.py::test_a_second_workspace_has_a_guid_of_its_own_and_keeps_it",
        _UNIT + "test_arm.py::test_a_workspace_keeps_what_an_update_does_not_name",
        _UNIT + "test_arm.py::test_resource_providers_are_registered_already",
        _WIRE + "test_az_ml_assets.py::test_compute_datastores_and_the_workspace",
    ),
    _works(
        "Workspaces",
        "Deleting workspaces and resource groups",
        _UNIT + "test_arm_deletion.py::test_a_workspace_goes_with_its_jobs_endpoints_files_and_runs",
        _UNIT + "test_arm_deletion.py::test_what_every_client_is_pointed_at_cannot_be_deleted",
        _WIRE + "test_arm_deletion.py::test_workspaces_and_groups_are_deleted_with_their_runs",
        note="for good: there is no soft delete; the workspace of the settings and its group stay",
    ),
    _works(
        "Workspaces",
        "Pages at ml.azure.com: jobs with steps, metrics and logs; online endpoints; a list of both",
        _UNIT + "studio/test_studio_pages.py::test_a_pipelines_page_shows_its_tree_and_leads_to_its_steps",
        _UNIT + "studio/test_viewer.py::test_without_the_key_nothing_is_shown",
        _WIRE + "test_studio.py::test_a_jobs_studio_link_leads_to_its_page",
        note="by `azureml-local open`; nothing else of the studio",
    ),
    _works(
        "Workspaces",
        "Template deployments that make one workspace, as `az ml workspace create` and the SDK send them",
        _ARM_DEPLOYMENTS + "test_the_workspace_of_a_template_is_made_and_what_stands_beside_it_is_not",
    ),
    *(
        _refused(
            "Workspaces", name, _ARM_DEPLOYMENTS + "test_what_it_cannot_deploy_is_named_and_nothing_is_made", says=says
        )
        for name, says in (
            ("Linked templates", "deployments whose template is linked"),
            ("Template expressions", "template expressions"),
            ("Templates of several workspaces or of other resources", "deployments "),
            ("Hubs, projects and feature stores", "workspaces of the kind '"),
        )
    ),
    _refused(
        "Workspaces",
        "Role assignments, networks, key vaults, identities, container registries, storage accounts, monitoring",
        _UNIT + "test_other_services.py::test_a_service_that_is_not_here",
        note="501 that says what to do instead; one principal may do everything",
    ),
    _refused("Workspaces", "Quotas", note="501: no route"),
)
