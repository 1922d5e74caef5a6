"""The `run` command: check, set up, run under act, tell.

Exit codes: 0 every job succeeded; 1 a job failed; 2 the run could not be started as asked; 3 nothing failed, but a job
was held back because its environment's reviewers did not approve; 130 it was cancelled.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from azureml_local import certificates, daemon, settings, shell_environment
from azureml_local.paths import REPOSITORY, StatePaths, own_command, shown_path
from azureml_local.settings import Settings

from . import act, calls, checkouts, id_tokens, job_environments, reviews, workflow_file
from .records import Event, Reader, RunRecord, keep_jobs
from .repositories import mapping
from .summary_text import plain
from .terminal import Terminal, job_rows, reasons, table
from .workflow_file import WorkflowError

# Other repositories name the suite by its GitHub name; the documentation's placeholder works too.
PLACEHOLDER = "OWNER/REPO"
HELD_BACK = 3
CANCELLED = 130
DEFAULT_REPOSITORY = "local/repository"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `azureml-local run`."""
    parser.add_argument("workflow", help="a workflow of .github/workflows (with or without .yml), or a path")
    parser.add_argument("-i", "--input", action="append", default=[], metavar="K=V", help="an input of a manual run")
    parser.add_argument("--event", help="event to send (default workflow_dispatch, else the file's first)")
    parser.add_argument("-e", "--event-file", type=Path, help="JSON payload of the event")
    parser.add_argument("--var", action="append", default=[], metavar="K=V", help="a configuration variable (vars.K)")
    parser.add_argument("--secret", action="append", default=[], metavar="K=FILE", help="a secret, read from a file")
    parser.add_argument("-C", "--directory", type=Path, help="another repository (default: this one)")
    parser.add_argument("-j", "--job", default="", help="only this job and what it needs")
    parser.add_argument("--local-repository", action="append", default=[], metavar="OWNER/REPO@REF=FOLDER",
                        help="a folder that stands for a remote action or workflow")  # fmt: skip
    parser.add_argument("--suite", action="append", default=[], metavar="OWNER/REPO",
                        help="a GitHub name under which workflows use this suite")  # fmt: skip
    parser.add_argument("--reviewed", action="append", default=[], metavar="ENV[,ENV]",
                        help="GitHub environments with required reviewers; their jobs wait for it")  # fmt: skip
    parser.add_argument("--approve", action="append", default=[], metavar="ENV[,ENV]",
                        help="GitHub environments with required reviewers who approve")  # fmt: skip
    parser.add_argument("--subject-prefix", default="", metavar="repo:OWNER@ID/REPO@ID",
                        help="how the subject of ID tokens begins (default: repo:OWNER/REPO)")  # fmt: skip
    parser.add_argument("-q", "--quiet", action="store_true", help="no step logs, only jobs, steps and errors")


def pairs(values: list[str], what: str) -> dict[str, str]:
    """`K=V` options as a dictionary. Raises WorkflowError for one without `=`."""
    found = {}
    for value in values:
        name, separator, rest = value.partition("=")
        if not separator or not name:
            raise WorkflowError(f"{what} '{value}': write it as NAME=VALUE")
        found[name] = rest
    return found


def git(repository: Path, *arguments: str) -> str:
    """A fact from git, or '' where there is none."""
    done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def repository_name(repository: Path) -> str:
    """OWNER/REPO from the origin remote, else a stand-in name."""
    url = git(repository, "remote", "get-url", "origin").removesuffix(".git")
    parts = url.replace(":", "/").split("/")
    return "/".join(parts[-2:]) if "github.com" in url and len(parts) > 2 else DEFAULT_REPOSITORY


def choose_event(file: Path, document: Mapping[object, object], asked: str | None) -> str:
    """The event to send; one that the workflow does not listen to is refused."""
    listens = workflow_file.events(document)
    event = asked or ("workflow_dispatch" if "workflow_dispatch" in listens else next(iter(listens), ""))
    if event not in listens:
        raise WorkflowError(f"{file.name} does not run on '{event}'; it runs on: {', '.join(listens) or 'nothing'}")
    return event


def names(values: list[str], what: str) -> frozenset[str]:
    """`A,B` options as a set of names. Raises WorkflowError for an empty one."""
    found = [name.strip() for value in values for name in value.split(",")]
    if not all(found):
        raise WorkflowError(f"{what} '{','.join(values)}': name environments, as in {what} test,prod")
    return frozenset(found)


def prepare(paths: StatePaths, config: Settings, arguments: argparse.Namespace) -> act.ActRun:
    """Check everything that can be checked before act starts, and lay out the run's folder."""
    repository = (arguments.directory or REPOSITORY).resolve()
    if not git(repository, "rev-parse", "--git-dir"):
        raise WorkflowError(f"{repository} is not a git repository; act needs one to know commit and branch")
    file = workflow_file.find(repository, arguments.workflow)
    document = workflow_file.load(file)
    event = choose_event(file, document, arguments.event)
    inputs = pairs(arguments.input, "--input")
    if event == "workflow_dispatch":
        workflow_file.check_inputs(file, workflow_file.events(document)[event].get("inputs") or {}, inputs)
    elif inputs:
        raise WorkflowError(f"inputs belong to workflow_dispatch; a {event} event carries them in --event-file")
    run_id = str(time.time_ns() // 1_000_000)
    folder = paths.runs / f"{time.strftime('%Y%m%d-%H%M%S')}-{file.stem}-{uuid.uuid4().hex[:4]}"
    folder.mkdir(parents=True)
    name = repository_name(repository)
    given = {
        key: Path(value).resolve() for key, value in pairs(arguments.local_repository, "--local-repository").items()
    }
    folders = mapping(
        workflow_file.remote_uses(repository, file),
        given=given,
        suite_names=[PLACEHOLDER, repository_name(REPOSITORY), *arguments.suite],
        scratch=folder,
    )
    checkouts.write(repository, name, file, folders, given=given, scratch=folder)
    for warning in calls.check(repository, file, folders):
        print(f"warning: {warning}", file=sys.stderr)
    payload = json.loads(arguments.event_file.read_text()) if arguments.event_file else {}
    if event == "workflow_dispatch":
        payload.setdefault("inputs", inputs)
    event_file = folder / "event.json"
    event_file.write_text(json.dumps(payload))
    claims = {
        "repository": name,
        "repository_owner": name.split("/")[0],
        "ref": f"refs/heads/{git(repository, 'rev-parse', '--abbrev-ref', 'HEAD') or 'main'}",
        "sha": git(repository, "rev-parse", "HEAD"),
        "event_name": event,
        "run_id": run_id,
        "run_attempt": "1",
        "actor": "local",
        "workflow": file.name,
    }
    if arguments.subject_prefix:
        if re.fullmatch(r"repo:[^/:\s]+/[^/:\s]+", arguments.subject_prefix) is None:
            raise WorkflowError(f"--subject-prefix '{arguments.subject_prefix}': write it as repo:OWNER@ID/REPO@ID")
        claims["subject_prefix"] = arguments.subject_prefix
    token = id_tokens.request_token(paths, config, claims)
    answers = reviews.Reviews(
        folder,
        id_tokens.trust_of(paths, config, claims),
        reviewed=names(arguments.reviewed, "--reviewed"),
        approved=names(arguments.approve, "--approve"),
        ask=reviews.ask_terminal,
    )
    file, folders = job_environments.copies(repository, name, file, folders, folder)
    certificates.write_bundle(paths)
    azure = shell_environment.variables(paths, config)
    for secret in ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_ID", "AZURE_TENANT_ID"):
        del azure[secret]  # a runner has none of these; workflows take them from vars and secrets
    ids = {
        "AZURE_CLIENT_ID": config.client_id,
        "AZURE_TENANT_ID": config.tenant_id,
        "AZURE_SUBSCRIPTION_ID": config.subscription_id,
    }
    service_principal = {
        "clientId": config.client_id,
        "clientSecret": config.client_secret,
        "subscriptionId": config.subscription_id,
        "tenantId": config.tenant_id,
    }
    return act.ActRun(
        repository=repository,
        workflow=file,
        event=event,
        event_file=event_file,
        folder=folder,
        repositories=folders,
        inputs=inputs,
        env={
            "GITHUB_RUN_ID": run_id,
            "GITHUB_REPOSITORY": name,
            "ACTIONS_ID_TOKEN_REQUEST_URL": id_tokens.URL,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": token,
            "AZUREML_LOCAL_RUN_FOLDER": str(folder),
            "AZUREML_LOCAL_RUN_PID": str(os.getpid()),
        },
        secrets={
            # Not for workflows to read: act masks the values of secrets in every log line.
            "ID_TOKEN_REQUEST_TOKEN": token,
            "AZURE_CREDENTIALS": json.dumps(service_principal),
            # Many repositories keep the ids as secrets. Only for those: act masks secrets, and ids make links readable.
            **{name: value for name, value in ids.items() if f"secrets.{name}" in file.read_text()},
            **{key: Path(value).read_text() for key, value in pairs(arguments.secret, "--secret").items()},
        },
        variables={
            **ids,
            "RESOURCE_GROUP": config.resource_group,
            "WORKSPACE_NAME": config.workspace,
            **pairs(arguments.var, "--var"),
        },
        process_env={
            **azure,
            "AZURE_CONFIG_DIR": str(folder / "home" / "azure"),
            "PATH": act.search_path(shell_environment.bin_folder(paths)),
            "LANG": "C.UTF-8",
            # A workflow that starts a workspace of its own finds tools and packages where this one has them.
            "AZUREML_LOCAL_CACHE": str(paths.cache),
            "UV_CACHE_DIR": str(paths.uv_cache),
        },
        job=arguments.job,
        state=paths,
        reviews=answers,
    )


def keep_summaries(record: RunRecord, folder: Path) -> list[Path]:
    """The jobs' summaries as Markdown files in the run's folder."""
    files = []
    for job in record.jobs.values():
        if job.summary.strip():
            file = folder / f"summary-{job.label.replace('/', '-')}.md"
            file.write_text(job.summary)
            files.append(file)
    return files


def execute(run: act.ActRun, terminal: Terminal) -> tuple[RunRecord, int]:
    """Run it, showing, recording and answering; the code is 0, 1, 3 or 130, see above."""

    def listen(event: Event) -> None:
        if event.kind == "environment" and run.reviews is not None:
            run.reviews.answer(event)
        terminal.show(event)

    reader = Reader(listen, time.monotonic)
    with (run.folder / "act.jsonl").open("w") as log:

        def feed(line: str) -> None:
            log.write(line)
            reader.feed(line)

        code = act.execute(run, feed)
    keep_jobs(reader.record, run.folder)
    if code == CANCELLED:
        return reader.record, CANCELLED
    if reader.record.held_back:
        return reader.record, HELD_BACK
    return reader.record, 0 if reader.record.succeeded else 1


def report(record: RunRecord, run: act.ActRun, code: int) -> None:
    """The end of a run on the terminal: summaries, jobs and steps with durations, what went wrong, where it is kept."""
    for file in keep_summaries(record, run.folder):
        if text := plain(file.read_text()):
            print(f"\n{'─' * 20} {file.name} {'─' * 20}\n{text}")
    print("\n" + table(job_rows(record), header=("job / step", "result", "duration", "environment")))
    if not record.jobs:
        print("No job ran: every job's `if:` was false, or act could not read the workflow.")
    for problem in record.problems:
        print(f"✗ {problem}")
    for reason in reasons(record) if code == 1 else []:
        print(reason)
    for job in record.held_back:
        print(f"✗ {job.label} did not run: environment {job.environment} was {job.review}")
    outcome = {0: "succeeded", HELD_BACK: "stopped for an approval", CANCELLED: "was cancelled"}.get(code, "failed")
    print(f"\n{run.workflow.name} {outcome}. Summaries, artifacts and the full log: {shown_path(run.folder)}")


def run(paths: StatePaths, arguments: argparse.Namespace) -> int:
    """`azureml-local run`."""
    config = settings.load(paths)
    if daemon.find(paths, config) is None:
        print(f"azureml-local: not running; start it with: {own_command()} up", file=sys.stderr)
        return 2
    try:
        prepared = prepare(paths, config, arguments)
    except (WorkflowError, ValueError, OSError) as error:
        print(f"azureml-local run: {error}", file=sys.stderr)
        return 2
    record, code = execute(prepared, Terminal(quiet=arguments.quiet))
    report(record, prepared, code)
    return code
