"""Why `az` or `gh` did not do what setup_github.py asked, and what to do about it."""

from __future__ import annotations

from az_cli import Finished, essence
from errors import ActionError, ExitCode
from known_failures import explain

_INSTALL = {
    "az": ("The Azure CLI", "https://aka.ms/install-azure-cli", "az login"),
    "gh": ("The GitHub CLI", "https://cli.github.com", "gh auth login"),
}


def missing(program: str) -> ActionError:
    """The program could not be started."""
    title, link, _ = _INSTALL[program]
    return ActionError(
        f"{program} could not be started.",
        f"{title} is not installed, or not on PATH.",
        f"Install it from {link} and run this again.",
        link,
        exit_code=ExitCode.SIGN_IN,
    )


def refused(program: str, what: str, done: Finished) -> ActionError:
    """A command that ended with an error, explained."""
    detail = essence(done.stderr)
    title, link, login = _INSTALL[program]
    signed_out = (
        program == "gh" and (done.code == 4 or "gh auth login" in detail or "HTTP 401" in detail)
    ) or "az login" in detail
    if signed_out:
        return ActionError(
            f"{title} is not signed in.", "", f"Run `{login}` and run this again.", link, detail, ExitCode.SIGN_IN
        )
    if program == "gh" and "HTTP 403" in detail:
        return ActionError(
            f"{what} failed.",
            "GitHub refuses: the token of gh lacks a scope, or the repository's plan lacks environments' rules.",
            "Try `gh auth refresh --scopes repo`, and see the reason below.",
            "https://cli.github.com/manual/gh_auth_refresh",
            detail,
            ExitCode.SIGN_IN,
        )
    if program == "gh" and "HTTP 422" in detail:
        return ActionError(
            f"{what} failed.",
            "GitHub's plan of a private repository may not have reviewers or branch rules for environments.",
            "Create the environment by hand without them and run this again: what is there is left alone.",
            "https://docs.github.com/actions/reference/workflows-and-actions/deployments-and-environments",
            detail,
        )
    known = explain(detail) if program == "az" else None
    if known is not None:
        return ActionError(f"{what} failed.", known.cause, known.fix, known.link, detail, known.exit_code)
    return ActionError(f"{what} failed.", detail=detail)
