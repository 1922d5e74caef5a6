"""Retries, Retry-After, long-running operations, and what is never retried."""

from __future__ import annotations

import pytest

from errors import ActionError, ExitCode
from rest import AzureError, Rest, UnreachableError, named, retry_after
from support.fake_azure import FakeAzure, FakeClock, Fault, answer, refusal
from transport import Response

URL = "https://management.azure.com/operations/x?api-version=1"


class Bearer:
    """A credential that counts how often it was renewed."""

    def __init__(self, azure: FakeAzure) -> None:
        self.azure = azure
        self.held = azure.new_token()
        self.renewed = 0

    def token(self, *, renew: bool = False) -> str:
        if renew:
            self.renewed += 1
            self.held = self.azure.new_token()
        return self.held


def rest_for(azure: FakeAzure, attempts: int = 6) -> Rest:
    return Rest(Bearer(azure), transport=azure, clock=azure.clock, jitter=lambda: 1.0, attempts=attempts)


def azure_with(*answers: Response | None, final: Response | None = None) -> FakeAzure:
    azure = FakeAzure()
    azure.faults = [Fault("operations/x", each) for each in answers]
    azure.operations["x"] = [final or answer(200, {"ok": True})]
    return azure


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_failures_are_tried_again(status: int) -> None:
    azure = azure_with(answer(status), answer(status))
    assert rest_for(azure).get(URL) == {"ok": True}
    assert azure.clock.slept == [1.0, 2.0]


def test_a_broken_connection_is_tried_again() -> None:
    assert rest_for(azure_with(None, None)).get(URL) == {"ok": True}


def test_a_busy_object_is_waited_for() -> None:
    azure = azure_with(refusal(409, "Conflict", "Another operation is in progress"))
    assert rest_for(azure).get(URL) == {"ok": True}


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "ValidationError"), (403, "AuthorizationFailed"), (409, "AlreadyExists"), (501, "NotImplemented")],
)
def test_what_will_not_change_is_not_tried_again(status: int, code: str) -> None:
    azure = azure_with(final=refusal(status, code, "because"))
    with pytest.raises(AzureError) as raised:
        rest_for(azure).get(URL)
    assert raised.value.status == status
    assert raised.value.code == code
    assert raised.value.detail == f"{status} {code}: because"
    assert len(azure.requests) == 1


def test_retry_after_is_honoured() -> None:
    azure = azure_with(answer(429, Retry_After="7"), answer(503, Retry_After_Ms="1500"))
    rest_for(azure).get(URL)
    assert azure.clock.slept == [7.5, 2.0]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({}, None), ({"retry-after": "3"}, 3.0), ({"retry-after": "soon"}, None), ({"x-ms-retry-after-ms": "250"}, 0.25)],
)
def test_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_it_gives_up_after_its_attempts_and_says_why() -> None:
    azure = azure_with(*[None] * 6)
    with pytest.raises(UnreachableError) as raised:
        rest_for(azure).get(URL)
    assert raised.value.text() == (
        "GET https://management.azure.com/operations/x failed 6 times.\nAzure said: connection reset by peer"
    )
    assert raised.value.exit_code is ExitCode.LOST
    assert azure.clock.slept == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_a_token_that_ended_early_is_renewed_once() -> None:
    azure = azure_with()
    rest = rest_for(azure)
    azure.tokens.clear()
    assert rest.get(URL) == {"ok": True}
    assert azure.clock.slept == []


def test_a_token_that_ended_early_is_renewed_where_there_is_one_attempt_only() -> None:
    azure = azure_with(refusal(401, "ExpiredAuthenticationToken"))
    assert rest_for(azure, attempts=1).get(URL) == {"ok": True}
    assert azure.clock.slept == []


def test_a_refused_identity_is_not_asked_for_ever() -> None:
    azure = azure_with(*[refusal(401, "InvalidAuthenticationToken")] * 3)
    with pytest.raises(AzureError) as raised:
        rest_for(azure).get(URL)
    assert raised.value.exit_code is ExitCode.SIGN_IN
    assert len(azure.requests) == 2


def test_a_signed_address_gets_no_token_and_shows_no_signature() -> None:
    azure = FakeAzure()
    azure.logs["run/log.txt"] = "hello"
    rest = rest_for(azure)
    assert (
        rest.raw("GET", "https://account.blob.core.windows.net/logs/run/log.txt?sig=abc", anonymous=True).body
        == b"hello"
    )
    assert "sig" not in named("https://account.blob.core.windows.net/x?sig=abc")


def test_not_found_is_none_and_other_errors_are_not() -> None:
    assert rest_for(azure_with(final=refusal(404, "NotFound"))).find(URL) is None
    with pytest.raises(AzureError):
        rest_for(azure_with(final=refusal(400, "Bad"))).find(URL)


def test_pages_are_followed() -> None:
    azure = azure_with(answer(200, {"value": [1, 2], "nextLink": URL}), final=answer(200, {"value": [3]}))
    assert rest_for(azure).pages(URL) == [1, 2, 3]


def started() -> Response:
    return answer(202, {}, Azure_AsyncOperation=URL)


def test_a_long_running_operation_is_followed_to_its_end() -> None:
    azure = azure_with(
        answer(200, {"status": "InProgress"}, Retry_After="3"), final=answer(200, {"status": "Succeeded"})
    )
    rest = rest_for(azure)
    assert rest.finish(started(), rest.clock.monotonic() + 100, "Creating x") == {"status": "Succeeded"}
    assert azure.clock.slept == [1.0, 3.0]


def test_a_failed_operation_is_explained() -> None:
    failed = {"status": "Failed", "error": {"code": "ClusterCoreQuotaReached", "message": "over quota"}}
    rest = rest_for(azure_with(final=answer(200, failed)))
    with pytest.raises(AzureError) as raised:
        rest.finish(started(), rest.clock.monotonic() + 100, "Creating x")
    assert "Creating x failed.\nCause: The subscription's vCPU quota" in raised.value.text()


def test_an_endless_operation_ends_at_its_deadline() -> None:
    rest = rest_for(azure_with(final=answer(200, {"status": "InProgress"})))
    with pytest.raises(ActionError) as raised:
        rest.finish(started(), rest.clock.monotonic() + 100, "Creating x")
    assert raised.value.exit_code is ExitCode.TIMEOUT
    assert raised.value.what == "Creating x was not finished in time."


def test_an_operation_that_is_done_at_once_needs_no_poll() -> None:
    rest = rest_for(FakeAzure(clock=FakeClock()))
    assert rest.finish(answer(200, {"a": 1}), 0, "x") == {"a": 1}


def test_a_body_that_is_no_json_is_still_told() -> None:
    azure = azure_with(final=Response(400, {}, b"<html>Bad gateway</html>"))
    with pytest.raises(AzureError) as raised:
        rest_for(azure).get(URL)
    assert raised.value.detail == "400 <html>Bad gateway</html>"
