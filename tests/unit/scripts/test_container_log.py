"""What went wrong in a container, found in its log."""

from __future__ import annotations

import pytest

from container_log import last_exception, told_by_azure

PLAIN = """\
INFO starting
Traceback (most recent call last):
  File "/srv/server/user_script.py", line 119, in invoke_init
    self._user_init()
  File "/srv/app/score.py", line 5, in init
    raise KeyError('SETTING')
KeyError: 'SETTING'
"""
CHAIN = f"""\
{PLAIN}
The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/server/create.py", line 40, in setup
    raise UserScriptException
server.UserScriptException: Caught an unhandled exception from the user script
Worker (pid:7) exited with code 3.
"""
EARLIER = f"""\
Traceback (most recent call last):
  File "/srv/app/other.py", line 1, in f
    x
ValueError: long ago
INFO went on
{PLAIN}"""


@pytest.mark.parametrize("log", [PLAIN, CHAIN, EARLIER])
def test_the_cause_is_told_with_its_place(log: str) -> None:
    found = last_exception(log)
    assert found is not None
    assert str(found) == "KeyError: 'SETTING' (score.py, line 5, in init)"
    assert found.traceback[0] == "Traceback (most recent call last):"
    assert found.traceback[-1] == "KeyError: 'SETTING'"


@pytest.mark.parametrize("log", ["", "INFO all is well", "Traceback (most recent call last):\n  File"])
def test_a_log_without_an_exception_tells_nothing(log: str) -> None:
    assert last_exception(log) is None


def test_a_syntax_error_has_no_function() -> None:
    log = "E Traceback (most recent call last):\n    return x +\n              ^\nSyntaxError: invalid syntax\n"
    assert str(last_exception(log)) == "SyntaxError: invalid syntax"


def test_azures_words_come_without_the_log() -> None:
    text = (
        "Check: endpoint e exists\n(ResourceNotReady) It crashed.\nCode: ResourceNotReady\nThe container's log:\nx\ny"
    )
    assert told_by_azure(text) == "(ResourceNotReady) It crashed."
    assert told_by_azure("") == ""
