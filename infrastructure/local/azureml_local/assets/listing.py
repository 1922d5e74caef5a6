"""Lists as ARM gives them: filtered, ordered, and cut into pages that follow one another by `nextLink`.

Source: the query parameters `$orderBy`, `$top`, `$skip`, `listViewType`, `tags` of Microsoft.MachineLearningServices.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.errors import bad_request
from azureml_local.store import Document

PAGE = 100
_VIEWS = ("ActiveOnly", "ArchivedOnly", "All")
_FIELDS = {"createdtime": "createdAt", "createdat": "createdAt", "modifiedtime": "lastModifiedAt"}


def in_view(request: Request, documents: Iterable[Document]) -> list[Document]:
    """Those that `listViewType` asks for: ActiveOnly (the default), ArchivedOnly or All."""
    view = request.query_params.get("listViewType", "ActiveOnly")
    if view.lower() not in (known.lower() for known in _VIEWS):
        raise bad_request(f"listViewType '{view}' is not one of {', '.join(_VIEWS)}.", target="listViewType")
    if view.lower() == "all":
        return list(documents)
    archived = view.lower() == "archivedonly"
    return [d for d in documents if bool(d["properties"].get("isArchived")) == archived]


def with_tags(request: Request, documents: Iterable[Document]) -> list[Document]:
    """Those that have all of `tags=key,key2=value`, and of `properties=` likewise."""
    kept = list(documents)
    for field in ("tags", "properties"):
        for wanted in filter(None, request.query_params.get(field, "").split(",")):
            key, has_value, value = wanted.partition("=")
            kept = [
                d
                for d in kept
                if key in (d["properties"].get(field) or {}) and (not has_value or d["properties"][field][key] == value)
            ]
    return kept


def ordered(request: Request, documents: list[Document]) -> list[Document]:
    """As `$orderBy` asks, such as `createdtime desc`. documents: newest first, and so they stay without it."""
    wanted = request.query_params.get("$orderBy")
    if not wanted:
        return documents
    name, _, direction = wanted.strip().lower().partition(" ")
    if name not in _FIELDS or direction.strip() not in ("", "asc", "desc"):
        raise bad_request(f"$orderBy '{wanted}' is not supported: use 'createdtime desc' or 'createdtime asc'.")
    given = list(reversed(documents))  # oldest first, which is how equal times shall stay
    given.sort(key=lambda d: str(d["systemData"][_FIELDS[name]]))
    return given[::-1] if direction.strip() == "desc" else given


def page(request: Request, documents: list[Document], *, size: int = PAGE) -> Response:
    """One page as `{"value", "nextLink"?}`. `$top` is the number wanted in all, `$skip` where this page begins."""
    skip = _number(request, "$skip", 0)
    limit = _number(request, "$top", len(documents) + skip)
    last = min(skip + size, limit if "$top" in request.query_params else len(documents), len(documents))
    body: dict[str, object] = {"value": documents[skip:last]}
    if last < min(limit, len(documents)):
        query = [(key, value) for key, value in dict(request.query_params).items() if key != "$skip"]
        body["nextLink"] = f"https://{request.url.netloc}{request.url.path}?{urlencode([*query, ('$skip', str(last))])}"
    return JSONResponse(body)


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isdigit():
        raise bad_request(f"{name} '{text}' is not a number.", target=name)
    return int(text)
