"""GitHub's REST API with the job's token: one comment or issue that is ours, made once and then updated.

Ours is what carries a hidden marker and was written by a bot. Source: https://docs.github.com/rest/issues
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from errors import ActionError, ExitCode
from transport import Request, Transport, TransportError

LIMIT = 60_000  # bytes of a body; GitHub takes 65,536 characters
_PAGES = 30


class NotAllowed(ActionError):  # noqa: N818 - it says what happened
    """There is no token, it may not do this, or GitHub cannot be reached from here."""


@dataclass
class GitHubApi:
    """The API as seen by this job. `base` is GITHUB_API_URL, `repository` OWNER/REPO."""

    base: str
    repository: str
    token: str
    transport: Transport

    @classmethod
    def of(cls, env: Mapping[str, str], transport: Transport) -> GitHubApi:
        """From the runner's variables and GH_TOKEN. Raises NotAllowed without a token or a repository."""
        token, repository = env.get("GH_TOKEN", ""), env.get("GITHUB_REPOSITORY", "")
        if not token or not repository:
            raise NotAllowed("There is no GitHub token in this run.")
        return cls(env.get("GITHUB_API_URL") or "https://api.github.com", repository, token, transport)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One request below /repos/OWNER/REPO. Raises NotAllowed for 401, 403, 404 and no answer, else ActionError."""
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token}",
            "User-Agent": "mlops-actions",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        data = None if body is None else json.dumps(body).encode()
        try:
            response = self.transport(
                Request(method, f"{self.base}/repos/{self.repository}/{path}", headers, data, timeout=30)
            )
        except TransportError as error:
            raise NotAllowed("GitHub's API cannot be reached from here.", detail=str(error)) from error
        if response.status in (401, 403, 404):
            raise NotAllowed(f"GitHub does not let this token {method} {path.partition('?')[0]} ({response.status}).")
        if response.status >= 400:
            raise ActionError(
                f"GitHub answered {response.status} to {method} {path.partition('?')[0]}.",
                detail=response.body[:300].decode(errors="replace"),
                exit_code=ExitCode.AZURE,
            )
        return response.json()

    def ours(self, path: str, marker: str) -> dict[str, Any] | None:
        """The first comment or issue of a list that a bot wrote and that carries the marker."""
        joint = "&" if "?" in path else "?"
        for page in range(1, _PAGES + 1):
            entries = self.call("GET", f"{path}{joint}per_page=100&page={page}")
            for entry in entries:
                bot = (entry.get("user") or {}).get("type") == "Bot"
                if bot and marker in str(entry.get("body") or ""):
                    return dict(entry)
            if len(entries) < 100:
                break
        return None

    def comment(self, issue: str, marker: str, body: str) -> str:
        """Write our one comment on an issue or pull request, or update it; its address."""
        found = self.ours(f"issues/{quote(issue)}/comments", marker)
        text = {"body": f"{marker}\n{body}"}
        if found is None:
            written = self.call("POST", f"issues/{quote(issue)}/comments", text)
        else:
            written = self.call("PATCH", f"issues/comments/{found['id']}", text)
        return str(written.get("html_url", ""))

    def artifacts(self, run_id: str) -> dict[str, int]:
        """Name -> id of the artifacts that a workflow run has kept so far."""
        found = self.call("GET", f"actions/runs/{quote(run_id)}/artifacts?per_page=100")
        return {str(each["name"]): int(each["id"]) for each in found.get("artifacts") or []}
