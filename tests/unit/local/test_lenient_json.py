"""What Azure's JSON reader takes beside the standard's, and what neither takes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from azureml_local import arm, operations
from azureml_local.lenient_json import loads
from support.local_server import ARM, make_server


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"condaFile": "name: x\n\tpip:\n"}', {"condaFile": "name: x\n\tpip:\n"}),
        ('{"a": [1, 2, ], "b": {"c": 1,\n},}', {"a": [1, 2], "b": {"c": 1}}),
        ('{"a": ",}", "b": "\\",]", "ü": 1, }', {"a": ",}", "b": '",]', "ü": 1}),
        ("[]", []),
    ],
)
def test_taken(text: str, value: object) -> None:
    assert loads(text.encode()) == value


@pytest.mark.parametrize("text", ["{", '{"a": }', '{"a": 1,, }', "name: x", ""])
def test_refused(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        loads(text.encode())


def test_a_request_is_read_so(tmp_path: Path) -> None:
    server = make_server(tmp_path, operations, arm)
    path = server.services.settings.workspace_id.partition("/providers/")[0].replace("rg-local", "other")

    async def work() -> None:
        body = b'{"location": "westeurope", "tags": {"note": "two\nlines",},}'
        made = await server.call("PUT", f"{ARM}{path}?api-version=2021-04-01", content=body)
        assert (made.status_code, made.json()["tags"]) == (201, {"note": "two\nlines"})
        wrong = await server.call("PUT", f"{ARM}{path}?api-version=2021-04-01", content=b"{")
        assert wrong.status_code == 400
        assert "The request body is not JSON" in wrong.json()["error"]["message"]

    asyncio.run(work())
