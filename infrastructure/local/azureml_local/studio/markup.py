"""HTML from values that nobody has checked: whatever is not `Html` already is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from azureml_local.routing import WorkspaceRef

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: .5rem 0 1.5rem } th, td { padding: .2rem 1rem .2rem 0; text-align: left;
vertical-align: top; border-bottom: 1px solid #ddd; overflow-wrap: anywhere } h2 { font-size: 1.1rem; margin-top: 2rem }
pre { background: #f5f5f5; padding: .8rem; overflow-x: auto; font-size: 13px; max-height: 40rem }
.Completed, .Succeeded { color: #107c10 } .Failed, .NotResponding { color: #a4262c } .Canceled { color: #797775 }
.quiet { color: #666 } .bar { background: #0067b8; display: inline-block; height: .7rem; margin-right: .5rem }
"""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | Html


def text(value: object) -> Html:
    """Anything as text; None is nothing."""
    return value if isinstance(value, Html) else Html(html.escape("" if value is None else str(value)))


def tag(name: str, *content: object, **attributes: str) -> Html:
    """An element. `class_` is the attribute `class`."""
    given = "".join(f' {key.rstrip("_")}="{html.escape(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{given}>{''.join(text(each) for each in content)}</{name}>")


def joined(parts: Iterable[Html]) -> Html:
    return Html("".join(parts))


def link(shown: object, path: str, workspace: WorkspaceRef) -> Html:
    """A link to another page of this workspace."""
    return tag("a", shown, href=f"{path}?wsid={quote(workspace.id, safe='/')}")


def job_link(shown: object, name: str, workspace: WorkspaceRef) -> Html:
    return link(shown, f"/runs/{quote(name, safe='')}", workspace)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """Rows below their heads; nothing at all when there are none."""
    body = [tag("tr", *(tag("td", cell) for cell in row)) for row in rows]
    if not body:
        return Html()
    return tag("table", tag("tr", *(tag("th", head) for head in heads)) if any(heads) else "", *body)


def section(title: str, *content: Html) -> Html:
    """A heading and what is below it; nothing when that is nothing."""
    shown = joined(content)
    return Html(tag("h2", title) + shown) if shown else Html()


def state(word: object) -> Html:
    return tag("span", word, class_=str(word)) if str(word).isalpha() else text(word)


def document(title: str, workspace: WorkspaceRef, *content: Html, refresh: int = 0) -> Html:
    """A whole page. refresh: seconds after which a browser is to load it again, 0 for never."""
    again = Html(f'<meta http-equiv="refresh" content="{refresh}">') if refresh else Html()
    head = tag("head", Html('<meta charset="utf-8">'), again, tag("title", title), tag("style", Html(_STYLE)))
    home = tag("p", link(f"{workspace.group} / {workspace.name}", "/", workspace), " · local workspace", class_="quiet")
    return Html("<!doctype html>\n" + tag("html", head, tag("body", home, tag("h1", title), *content), lang="en"))
