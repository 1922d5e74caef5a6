"""GitHub's REST API with the job's token: one comment or issue that is ours, made once and then updated.

Ours is what carries a hidden marker and was written by a bot. Sources: https://docs.github.com/rest/issues and
https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from clock import Clock, SystemClock
from errors import ActionError, ExitCode
from rest import RETRY_STATUSES, retry_after
from transport import Request, Response, Transport, TransportError

LIMIT = 60_000  # bytes of a body; GitHub takes 65,536 characters
_PAGES = 30
_ATTEMPTS = 4
_LONGEST_WAIT = 60.0  # seconds; a rate limit that lasts longer is told instead


class NotAllowed(ActionError):  # noqa: N818 - it says what happened
    """There is no token, it may not do this, or GitHub cannot be reached from here."""


class MaybeDone(ActionError):  # noqa: N818 - it says what happened
    """Something was to be created and no good answer came: it may be there all the same."""


@dataclass
class GitHubApi:
    """The API as seen by this job. `base` is GITHUB_API_URL, `repository` OWNER/REPO."""

    base: str
    repository: str
    token: str
    transport: Transport
    clock: Clock = field(default_factory=SystemClock)

    @classmethod
    def of(cls, env: Mapping[str, str], transport: Transport, clock: Clock) -> GitHubApi:
        """From the runner's variables and GH_TOKEN. Raises NotAllowed without a token or a repository."""
        token, repository = env.get("GH_TOKEN", ""), env.get("GITHUB_REPOSITORY", "")
        if not token or not repository:
            raise NotAllowed("There is no GitHub token in this run.")
        return cls(env.get("GITHUB_API_URL") or "https://api.github.com", repository, token, transport, clock)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One request below /repos/OWNER/REPO, tried again after broken connections, 5xx and rate limits.

        Raises NotAllowed for 401, 403, 404 and no answer at all, else ActionError. A POST is repeated only where GitHub
        said that it did nothing; MaybeDone otherwise.
        """
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token}",
            "User-Agent": "mlops-actions",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        data = None if body is None else json.dumps(body).encode()
        request = Request(method, f"{self.base}/repos/{self.repository}/{path}", headers, data, timeout=30)
        named = f"{method} {path.partition('?')[0]}"
        attempt = 0
        while True:
            wait = 2.0**attempt
            attempt += 1
            try:
                response = self.transport(request)
            except TransportError as error:
                if attempt == _ATTEMPTS or "CERTIFICATE_VERIFY_FAILED" in str(error):
                    raise NotAllowed("GitHub's API cannot be reached from here.", detail=str(error)) from error
                if method == "POST":
                    raise MaybeDone(f"GitHub did not answer {named}.", detail=str(error)) from error
            else:
                limit = _limit(response)
                passing = limit is not None or response.status in RETRY_STATUSES
                if not passing or attempt == _ATTEMPTS or (limit or 0.0) > _LONGEST_WAIT:
                    return _checked(response, named)
                if limit is None and method == "POST":
                    raise MaybeDone(f"GitHub answered {response.status} to {named}.", detail=_message(response))
                wait = max(wait, limit or 0.0)
            self.clock.sleep(wait)

    def create(self, listing: str, marker: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST of what carries `marker`. After a lost answer it is looked for in `listing` before it is sent again."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return dict(self.call("POST", path, body))
            except MaybeDone:
                if attempt == _ATTEMPTS:
                    raise
            self.clock.sleep(2.0**attempt)
            found = self.ours(listing, marker)
            if found is not None:
                return found

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
        listing = f"issues/{quote(issue)}/comments"
        found = self.ours(listing, marker)
        text = {"body": f"{marker}\n{body}"}
        if found is None:
            written = self.create(listing, marker, listing, text)
        else:
            written = self.call("PATCH", f"issues/comments/{found['id']}", text)
        return str(written.get("html_url", ""))

    def artifacts(self, run_id: str) -> dict[str, int]:
        """Name -> id of the artifacts that a workflow run has kept so far."""
        found = self.call("GET", f"actions/runs/{quote(run_id)}/artifacts?per_page=100")
        return {str(each["name"]): int(each["id"]) for each in found.get("artifacts") or []}


def _limit(response: Response) -> float | None:
    """Seconds until GitHub takes requests again, where this answer is a rate limit; else None."""
    if response.status not in (403, 429):
        return None
    asked = retry_after(response.headers)
    return asked if asked is not None else 0.0 if response.status == 429 else None


def _checked(response: Response, named: str) -> Any:
    """The decoded body of a good answer; NotAllowed or ActionError for any other."""
    if response.status in (401, 403, 404):
        raise NotAllowed(
            f"GitHub does not let this token {named} ({response.status}).",
            fix="The job's `permissions:` must allow it, and GH_TOKEN must be the job's token.",
            detail=_message(response),
        )
    if response.status >= 400:
        what = f"GitHub answered {response.status} to {named}."
        raise ActionError(what, detail=_message(response), exit_code=ExitCode.AZURE)
    return response.json()


def _message(response: Response) -> str:
    """What GitHub says of an error."""
    try:
        return str(response.json().get("message", ""))
    except (ValueError, AttributeError):
        return response.body[:300].decode(errors="replace")
