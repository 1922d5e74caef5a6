"""What the SDK raises, as az prints it: the words and exit codes of the official extension.

az gives 404 exit code 3, a bad command line 2, and everything else 1. What az does not know it calls a bug and shows
with a traceback; the SDK's own validation errors must not end there.
"""

from __future__ import annotations

import sys
from typing import Any, NoReturn

_yaml_file: str | None = None


def created_from(file: str | None) -> None:
    """Say which YAML file the command at hand reads: a validation error then explains that file's schema."""
    global _yaml_file  # noqa: PLW0603  one command a process
    _yaml_file = file


def handle(error: BaseException) -> NoReturn:
    """az's exception handler of every command: raise what az shall print instead of `error`."""
    from azure.cli.core.azclierror import AzCLIError, AzureConnectionError
    from azure.common import AzureException
    from azure.core.exceptions import AzureError, HttpResponseError
    from jmespath.exceptions import JMESPathError
    from knack.util import CLIError
    from requests.exceptions import HTTPError, RequestException, SSLError

    if isinstance(error, HttpResponseError):
        raise _from_response(error)
    if _is_validation_error(error):
        raise _from_validation(error)
    known = (AzCLIError, AzureError, AzureException, CLIError, HTTPError, JMESPathError, SSLError)
    if isinstance(error, known) or not isinstance(error, Exception):
        raise error
    if isinstance(error, RequestException):
        raise AzureConnectionError(
            f"{error}\nNothing answers there. Check the network, and HTTPS_PROXY if it is set."
        ) from error
    raise CLIError(
        f"Met error {type(error)}:{error}\nPlease check log by running the command with '--debug' for more details."
    ) from error


def _from_response(error: Any) -> BaseException:
    """A service's error: its details when a deployment failed, its raw text when it is in no known shape."""
    from azure.cli.core.azclierror import DeploymentError
    from azure.core.exceptions import HttpResponseError

    if error.error is not None:
        if error.error.code == "DeploymentFailed" and error.error.details:
            return DeploymentError(error.error.details[0].message_details())  # type: ignore[no-any-return]
        return error  # type: ignore[no-any-return]
    text = getattr(getattr(error.response, "internal_response", None), "text", "")
    if not text:
        return error  # type: ignore[no-any-return]
    raw = HttpResponseError(text)
    raw.response, raw.status_code = error.response, error.status_code
    return raw  # type: ignore[no-any-return]


def _is_validation_error(error: BaseException) -> bool:
    """Whether this is the SDK's or marshmallow's. Asked without importing either: then it cannot be."""
    if "azure.ai.ml" not in sys.modules:
        return False
    from azure.ai.ml.exceptions import ValidationException
    from marshmallow.exceptions import ValidationError

    return isinstance(error, ValidationException | ValidationError)


def _from_validation(error: Any) -> BaseException:
    """The SDK's long form: the headline, `(x) field: - reason` lines, how to mend it, where the schema is."""
    from azure.ai.ml._exception_helper import format_create_validation_error
    from azure.ai.ml.exceptions import ValidationErrorType
    from knack.util import CLIError
    from marshmallow.exceptions import ValidationError

    from_yaml = _yaml_file is not None
    try:
        if isinstance(error, ValidationError):
            return CLIError(format_create_validation_error(error.messages[0], yaml_operation=from_yaml, cli=True))  # type: ignore[no-any-return]
        if error.error_type == ValidationErrorType.GENERIC:
            return error  # type: ignore[no-any-return]
        text = format_create_validation_error(error, yaml_operation=from_yaml, cli=True, raw_error=error.raw_error)
        return CLIError(text)  # type: ignore[no-any-return]
    except (NotImplementedError, KeyError):  # the SDK has no long form for this kind of entity
        text = str(error.messages[0] if isinstance(error, ValidationError) else error)
        return CLIError(text)  # type: ignore[no-any-return]
