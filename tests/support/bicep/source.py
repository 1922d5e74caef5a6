"""Read Bicep with a real grammar (tree-sitter-bicep): declarations with their lines, for checks and for planning.

The Bicep compiler is not on a package registry; it runs in CI on GitHub (`az bicep build`). These tests catch, in
milliseconds and on a laptop, what most often breaks between files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

LANGUAGE = Language(tree_sitter_bicep.language())
ROOT = Path(__file__).resolve().parents[3] / "infrastructure"


@dataclass(frozen=True)
class Declaration:
    """A parameter, variable, type, output, resource or module: `value` is its expression or body, if it has one."""

    kind: str
    name: str
    line: int
    node: Node
    decorators: Mapping[str, Node | None]
    value: Node | None = None
    text: str = ""  # type of a parameter or output, TYPE@VERSION of a resource, path of a module
    existing: bool = False

    @property
    def required(self) -> bool:
        """A parameter that a caller must give."""
        return self.kind == "parameter" and self.value is None and not self.text.endswith("?")


@dataclass
class BicepFile:
    """One parsed file; `path` is relative to infrastructure/."""

    path: str
    source: bytes
    root: Node
    scope: str = "resourceGroup"
    declarations: dict[str, dict[str, Declaration]] = field(default_factory=dict)
    imports: dict[str, tuple[str, int]] = field(default_factory=dict)  # name -> (file, line)

    def of(self, kind: str) -> dict[str, Declaration]:
        return self.declarations.get(kind, {})

    def at(self, node: Node) -> str:
        return f"{self.path}:{node.start_point.row + 1}"

    def sibling(self, relative: str) -> str:
        """Path (relative to infrastructure/) of a file that this one names."""
        return str(PurePosixPath(self.path).parent / relative)


def text_of(node: Node | None) -> str:
    return (node.text or b"").decode() if node is not None else ""


def plain_string(node: Node | None) -> str:
    """Content of a string literal without interpolation."""
    return "".join(text_of(part) for part in node.named_children) if node is not None else ""


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)


def properties(node: Node) -> dict[str, Node]:
    """Properties of an object literal, by name."""
    found: dict[str, Node] = {}
    for prop in node.named_children:
        if prop.type == "object_property":
            parts = [part for part in prop.named_children if part.type != "comment"]
            name = plain_string(parts[0]) if parts[0].type == "string" else text_of(parts[0])
            found[name] = parts[-1]
    return found


def body(value: Node) -> Node:
    """The object literal of a resource or module, inside its `if` and `for`."""
    while value.type in {"if_statement", "for_statement"}:
        value = value.named_children[-1]
    return value


_KINDS = {
    "parameter_declaration": "parameter",
    "variable_declaration": "variable",
    "type_declaration": "type",
    "output_declaration": "output",
    "resource_declaration": "resource",
    "module_declaration": "module",
}


def parse(path: str, source: str) -> BicepFile:
    """Parse the text of one file. Syntax errors stay in the tree: see checks.syntax."""
    data = source.encode()
    file = BicepFile(path, data, Parser(LANGUAGE).parse(data).root_node)
    decorators: dict[str, Node | None] = {}
    for node in file.root.named_children:
        if node.type == "decorators":
            decorators = _decorators(node)
            continue
        if node.type == "target_scope_assignment":
            file.scope = plain_string(node.named_children[-1])
        elif node.type == "import_functionality":
            *names, source_file = node.named_children
            for name in names:
                file.imports[text_of(name)] = (
                    file.sibling(plain_string(source_file)),
                    node.start_point.row + 1,
                )
        elif node.type in _KINDS:
            declaration = _declaration(_KINDS[node.type], node, decorators)
            file.declarations.setdefault(declaration.kind, {})[declaration.name] = declaration
        if node.type != "comment":
            decorators = {}
    return file


def _decorators(node: Node) -> dict[str, Node | None]:
    found: dict[str, Node | None] = {}
    for decorator in node.named_children:
        name, arguments = decorator.named_children[0].named_children[:2]
        found[text_of(name)] = arguments.named_children[0] if arguments.named_children else None
    return found


def _declaration(kind: str, node: Node, decorators: Mapping[str, Node | None]) -> Declaration:
    name, *rest = [child for child in node.named_children if child.type != "comment"]
    text, value = "", rest[-1] if rest else None
    if kind in {"parameter", "output"}:
        text = text_of(rest[0])
        value = rest[1] if len(rest) > 1 else None
    elif kind in {"resource", "module"}:
        text = plain_string(rest[0])
    existing = any(child.type == "existing" or text_of(child) == "existing" for child in node.children)
    return Declaration(kind, text_of(name), node.start_point.row + 1, node, decorators, value, text, existing)


def read_all(changes: Mapping[str, str] | None = None) -> dict[str, BicepFile]:
    """Every .bicep file of the repository by path; `changes` replaces the text of some, to test the tests."""
    files = {}
    for path in sorted(ROOT.rglob("*.bicep")):
        relative = path.relative_to(ROOT).as_posix()
        if not relative.startswith("local/"):
            files[relative] = parse(relative, (changes or {}).get(relative, path.read_text("utf-8")))
    return files
