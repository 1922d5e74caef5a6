"""Request bodies as the service reads them: Azure's JSON reader takes more than the standard's.

Documented scripts send line breaks inside strings (a conda file pasted between quotes) and commas before a closing
bracket: learn.microsoft.com/azure/machine-learning/how-to-deploy-with-rest and …/how-to-deploy-batch-with-rest.
"""

from __future__ import annotations

import json
import re
from typing import Any

from starlette.requests import Request

_STRING_OR_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', re.DOTALL)


def loads(text: bytes) -> Any:
    """The value. Raises json.JSONDecodeError, which tells the place, for what Azure too would refuse."""
    try:
        return json.loads(text, strict=False)
    except json.JSONDecodeError:
        given = text.decode("utf-8", "replace")
        plain = _STRING_OR_COMMA.sub(lambda found: found[1] or "", given)
        if plain == given:
            raise
        return json.loads(plain, strict=False)


class JsonRequest(Request):
    """A request whose `json()` is lenient in that way."""

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = loads(await self.body())
        return self._json
