"""Evaluate main.bicep for given parameters: which resources would be created, under which names, with which settings.

Only what Azure alone knows stays open (`Unknown`: principal ids, client ids). uniqueString and guid have the shape of
the real ones, not their value. Conditions and loops are followed and modules entered: a plan is what would be deployed.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tree_sitter import Node

from support.bicep.source import (
    BicepFile,
    Declaration,
    body,
    properties,
    text_of,
)

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
TENANT = "99999999-8888-7777-6666-555555555555"


@dataclass(frozen=True)
class Unknown:
    """A value that only Azure knows; any property of it is unknown too."""

    name: str

    def __str__(self) -> str:
        return f"<{self.name}>"


@dataclass(frozen=True)
class Resource:
    """One resource of the plan. `file` and `symbol` say where it is written, `scope` what it is attached to."""

    type: str
    name: str
    body: Mapping[str, Any]
    file: str
    symbol: str
    scope: str = ""


class Evaluator:
    """One file with its parameters. Declarations are evaluated when something asks for them."""

    def __init__(self, files: Mapping[str, BicepFile], path: str, given: Mapping[str, Any], group: str) -> None:
        self.files, self.file, self.given, self.group = files, files[path], given, group
        self.known: dict[str, Any] = {}
        self.resources: list[Resource] = []

    # ---------------------------------------------------------------- declarations

    def run(self) -> list[Resource]:
        """All resources of this file and of the modules it calls."""
        for kind in ("resource", "module"):
            for declaration in self.file.of(kind).values():
                self.name(declaration.name, {})
        return self.resources

    def outputs(self) -> dict[str, Any]:
        return {
            output.name: self.value(output.value, {})
            for output in self.file.of("output").values()
            if output.value is not None
        }

    def name(self, name: str, local: Mapping[str, Any]) -> Any:
        if name in local:
            return local[name]
        if name not in self.known:
            self.known[name] = self._declared(name)
        return self.known[name]

    def _declared(self, name: str) -> Any:
        if name in self.file.of("parameter"):
            parameter = self.file.of("parameter")[name]
            if name in self.given:
                return self.given[name]
            if parameter.value is None:
                raise LookupError(f"{self.file.path}: parameter '{name}' is not given")
            return self.value(parameter.value, {})
        if name in self.file.of("variable"):
            return self.value(self.file.of("variable")[name].value, {})
        if name in self.file.imports:
            source, _ = self.file.imports[name]
            return Evaluator(self.files, source, {}, self.group).name(name, {})
        if name in self.file.of("resource"):
            resource = self.file.of("resource")[name]
            return self._each(resource, resource.value, {}, self._resource)
        if name in self.file.of("module"):
            module = self.file.of("module")[name]
            return self._each(module, module.value, {}, self._module)
        raise LookupError(f"{self.file.path}: '{name}' is not declared")

    def _each(
        self, declaration: Declaration, value: Node | None, local: Mapping[str, Any], make: Callable[..., Any]
    ) -> Any:
        if value is None:
            raise LookupError(f"{self.file.path}: '{declaration.name}' has no body")
        if value.type == "if_statement":
            condition, inner = value.named_children
            return self._each(declaration, inner, local, make) if self.value(condition, local) else None
        if value.type == "for_statement":
            return [self._each(declaration, value.named_children[-1], each, make) for each in self._loop(value, local)]
        return make(declaration, properties(body(value)), local)

    def _loop(self, node: Node, local: Mapping[str, Any]) -> list[dict[str, Any]]:
        head, items = node.named_children[:2]
        names = [text_of(part) for part in (head.named_children or [head])]
        return [
            {**local, names[0]: item, **({names[1]: position} if len(names) > 1 else {})}
            for position, item in enumerate(self.value(items, local))
        ]

    def _resource(self, declaration: Declaration, parts: Mapping[str, Node], local: Mapping[str, Any]) -> Any:
        kind = declaration.text.partition("@")[0]
        name = self.value(parts["name"], local)
        scope = self.value(parts["scope"], local)["id"] if "scope" in parts else ""
        if "parent" in parts:
            parent = self.value(parts["parent"], local)
            identifier = f"{parent['id']}/{kind.rpartition('/')[2]}/{name}"
        elif kind == "Microsoft.Resources/resourceGroups":
            identifier = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}"
        else:
            identifier = f"{self.group}/providers/{kind}/{name}"
        settings = {
            key: self.value(node, local) for key, node in parts.items() if key not in {"parent", "scope", "dependsOn"}
        }
        if not declaration.existing:
            self.resources.append(Resource(kind, name, settings, self.file.path, declaration.name, scope))
        runtime = Unknown(name)
        return {**settings, "id": identifier, "properties": runtime, "identity": runtime}

    def _module(self, declaration: Declaration, parts: Mapping[str, Node], local: Mapping[str, Any]) -> Any:
        given = {key: self.value(node, local) for key, node in properties(parts["params"]).items()}
        group = self.value(parts["scope"], local)["id"] if "scope" in parts else self.group
        inner = Evaluator(self.files, self.file.sibling(declaration.text), given, group)
        self.resources += inner.run()
        return {"outputs": inner.outputs()}

    # ---------------------------------------------------------------- expressions

    def value(self, node: Node | None, local: Mapping[str, Any]) -> Any:
        if node is None:
            return None
        evaluate = getattr(self, f"_{node.type}", None)
        if evaluate is None:
            raise NotImplementedError(f"{self.file.at(node)}: {node.type}: {text_of(node)[:60]}")
        return evaluate(node, local)

    def _parts(self, node: Node) -> list[Node]:
        return [child for child in node.named_children if child.type != "comment"]

    def _identifier(self, node: Node, local: Mapping[str, Any]) -> Any:
        return self.name(text_of(node), local)

    def _number(self, node: Node, _: Mapping[str, Any]) -> int:
        return int(text_of(node))

    def _boolean(self, node: Node, _: Mapping[str, Any]) -> bool:
        return text_of(node) == "true"

    def _null(self, _node: Node, _: Mapping[str, Any]) -> None:
        return None

    def _string(self, node: Node, local: Mapping[str, Any]) -> str:
        found = ""
        for part in node.named_children:
            if part.type == "interpolation":
                found += str(self.value(part.named_children[0], local))
            else:
                found += text_of(part)[1 if part.type == "escape_sequence" else 0 :]
        # The grammar has no node for content that is nothing but blanks.
        return found or text_of(node).strip("'")

    def _array(self, node: Node, local: Mapping[str, Any]) -> list[Any]:
        return [self.value(part, local) for part in self._parts(node)]

    def _object(self, node: Node, local: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for prop in self._parts(node):
            key, value = self._parts(prop)[0], self._parts(prop)[-1]
            found[self._string(key, local) if key.type == "string" else text_of(key)] = self.value(value, local)
        return found

    def _for_statement(self, node: Node, local: Mapping[str, Any]) -> list[Any]:
        return [self.value(node.named_children[-1], each) for each in self._loop(node, local)]

    def _parenthesized_expression(self, node: Node, local: Mapping[str, Any]) -> Any:
        return self.value(node.named_children[0], local)

    def _unary_expression(self, node: Node, local: Mapping[str, Any]) -> Any:
        value = self.value(node.named_children[0], local)
        return not value if text_of(node.children[0]) == "!" else -value

    def _binary_expression(self, node: Node, local: Mapping[str, Any]) -> Any:
        left, operator, right = node.children
        first = self.value(left, local)
        match text_of(operator):
            case "&&":
                return first and self.value(right, local)
            case "||":
                return first or self.value(right, local)
            case "??":
                return self.value(right, local) if first is None else first
            case "==":
                return first == self.value(right, local)
            case "!=":
                return first != self.value(right, local)
            case "+":
                return first + self.value(right, local)
        raise NotImplementedError(f"{self.file.at(node)}: operator {text_of(operator)}")

    def _ternary_expression(self, node: Node, local: Mapping[str, Any]) -> Any:
        condition, yes, no = self._parts(node)
        return self.value(yes if self.value(condition, local) else no, local)

    def _member_expression(self, node: Node, local: Mapping[str, Any]) -> Any:
        target, name = node.named_children
        if target.type == "ternary_expression":  # the grammar's reading of `a ? b : c.d` is not Bicep's
            raise NotImplementedError(f"{self.file.at(node)}: put '{text_of(node)}' in parentheses")
        value = self.value(target, local)
        return Unknown(f"{value.name}.{text_of(name)}") if isinstance(value, Unknown) else value[text_of(name)]

    def _subscript_expression(self, node: Node, local: Mapping[str, Any]) -> Any:
        target, index = node.named_children
        return self.value(target, local)[self.value(index, local)]

    def _call_expression(self, node: Node, local: Mapping[str, Any]) -> Any:
        function, arguments = node.named_children
        given: list[Any] = []
        for argument in self._parts(arguments):
            if argument.type == "lambda_expression":
                variable, expression = argument.named_children
                given.append(
                    lambda item, v=variable, e=expression: self.value(e, {**local, text_of(v): item}),
                )
            else:
                given.append(self.value(argument, local))
        name = text_of(function)
        if name == "resourceGroup" and not given:
            return {"id": self.group}
        return FUNCTIONS[name](*given)


def _shape(count: int) -> Callable[..., str]:
    """Lower-case letters and digits (base 32) from the arguments, as many as uniqueString gives."""
    digits = "abcdefghijklmnopqrstuvwxyz234567"

    def digest(*parts: Any) -> str:
        data = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
        return "".join(digits[byte % 32] for byte in data[:count])

    return digest


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "cidrSubnet": lambda prefix, size, index: f"{prefix} -> /{size} #{index}",
    "contains": lambda inside, item: item in inside,
    "deployment": lambda: {"location": "westeurope", "name": "plan"},
    "empty": lambda value: not value,
    "environment": lambda: {"suffixes": {"storage": "core.windows.net"}},
    "filter": lambda items, keep: [item for item in items if keep(item)],
    "guid": lambda *parts: str(uuid.uuid5(uuid.NAMESPACE_URL, "\0".join(map(str, parts)))),
    "join": lambda items, separator: separator.join(items),
    "last": lambda items: items[-1],
    "length": len,
    "map": lambda items, change: [change(item) for item in items],
    "range": lambda start, count: list(range(start, start + count)),
    "replace": lambda text, old, new: text.replace(old, new),
    "resourceGroup": lambda subscription, name: {"id": f"/subscriptions/{subscription}/resourceGroups/{name}"},
    "resourceId": lambda kind, name: f"/resolved/providers/{kind}/{name}",
    "split": lambda text, separator: text.split(separator),
    "subscription": lambda: {"subscriptionId": SUBSCRIPTION, "id": f"/subscriptions/{SUBSCRIPTION}"},
    "subscriptionResourceId": lambda kind, name: f"/subscriptions/{SUBSCRIPTION}/providers/{kind}/{name}",
    "substring": lambda text, start, count: text[start : start + count],
    "take": lambda text, count: text[:count],
    "tenant": lambda: {"tenantId": TENANT},
    "toLower": lambda text: text.lower(),
    "union": lambda first, second: {**first, **second},
    "uniqueString": _shape(13),
}


def plan(files: Mapping[str, BicepFile], **parameters: Any) -> tuple[list[Resource], dict[str, Any]]:
    """Resources and outputs of main.bicep with these parameters."""
    unknown = sorted(set(parameters) - set(files["main.bicep"].of("parameter")))
    if unknown:
        raise LookupError(f"main.bicep has no parameter {', '.join(unknown)}")
    main = Evaluator(files, "main.bicep", parameters, f"/subscriptions/{SUBSCRIPTION}")
    return main.run(), main.outputs()


def bound(parameter: Declaration, decorator: str) -> int:
    """The value of @minLength, @maxLength … of a parameter."""
    node = parameter.decorators[decorator]
    return int(text_of(node))
