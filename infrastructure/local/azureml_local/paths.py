"""Where the local workspace keeps its things: one state folder, and a cache that several states may share."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
LOCKS = REPOSITORY / "infrastructure" / "locks"


def shown_path(path: Path) -> str:
    """A path as short as it can be typed here."""
    here = Path.cwd()
    return str(path.relative_to(here) if here in path.parents else path)


def own_command() -> str:
    """This command as it can be typed here, for what people are told to do next."""
    called = Path(sys.argv[0])
    return shown_path(called.absolute()) if called.name == "azureml-local" else "azureml-local"


@dataclass(frozen=True)
class StatePaths:
    """Every path below the state folder. Nothing is ever written elsewhere, the cache excepted.

    root: the state folder (`AZUREML_LOCAL_STATE`, default `.azureml-local` in the repository).
    cache: built tools and environments, keyed by content (`AZUREML_LOCAL_CACHE`, default `<root>/cache`).
    """

    root: Path
    cache: Path

    @classmethod
    def from_environment(cls, state: str | os.PathLike[str] | None = None) -> StatePaths:
        """The folder named by the argument, else by `AZUREML_LOCAL_STATE`, else the repository's own."""
        root = Path(state or os.environ.get("AZUREML_LOCAL_STATE") or REPOSITORY / ".azureml-local")
        root = root.expanduser().resolve()
        cache = Path(os.environ.get("AZUREML_LOCAL_CACHE") or root / "cache").expanduser().resolve()
        return cls(root, cache)

    @property
    def settings(self) -> Path:
        return self.root / "settings.json"

    @property
    def certificates(self) -> Path:
        return self.root / "certificates"

    @property
    def ca_bundle(self) -> Path:
        """What clients must trust: what the caller trusts already, plus the local CA."""
        return self.certificates / "bundle.pem"

    @property
    def database(self) -> Path:
        return self.root / "workspace.db"

    @property
    def blobs(self) -> Path:
        """Plain files, `<account>/<container>/<blob path>`."""
        return self.root / "blobs"

    @property
    def jobs(self) -> Path:
        """One folder a job: its working directory and logs."""
        return self.root / "jobs"

    @property
    def endpoints(self) -> Path:
        return self.root / "endpoints"

    @property
    def mlflow(self) -> Path:
        return self.root / "mlflow"

    @property
    def log(self) -> Path:
        return self.root / "log" / "server.log"

    @property
    def process(self) -> Path:
        """Who serves this state now: `{"pid", "nonce", "started"}`."""
        return self.root / "process.json"

    @property
    def lock(self) -> Path:
        """Held by the server from its first moment on; has its process id."""
        return self.root / "server.lock"

    @property
    def token_key(self) -> Path:
        return self.root / "token-key.pem"

    @property
    def runs(self) -> Path:
        """Summaries and logs of workflows started by `azureml-local run`."""
        return self.root / "runs"

    @property
    def az_config(self) -> Path:
        return self.root / "az" / "config"

    @property
    def az_extensions(self) -> Path:
        return self.root / "az" / "extensions"

    @property
    def environments(self) -> Path:
        return self.cache / "environments"

    @property
    def tools(self) -> Path:
        return self.cache / "tools"

    @property
    def uv_cache(self) -> Path:
        return Path(os.environ.get("UV_CACHE_DIR") or self.cache / "uv")

    def create(self) -> None:
        """Make the folders; the state folder is private to its owner because it holds keys."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)
        ignore = self.root / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        for folder in (self.certificates, self.blobs, self.jobs, self.endpoints, self.mlflow, self.log.parent,
                       self.runs, self.az_config, self.az_extensions, self.environments, self.tools):  # fmt: skip
            folder.mkdir(parents=True, exist_ok=True)
