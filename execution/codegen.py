"""Words of a plan: names for what it uses, functions, and the expressions for what fields give."""

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, Final

from graphql import GraphQLEnumType, GraphQLLeafType

from database.row_reader import rows_below
from execution.field_calls import Arguments, FieldCall
from execution.inliner import Fixed, InlinedCode, Inliner, Made, Unsaid, Value, name
from execution.plan import Bailout, Deferred, listed, now
from resolvers.reading.projection import NestedRelation

# What these are in Python is what they are in JSON.
PLAIN: Final[Mapping[str, type]] = {"String": str, "ID": str, "Boolean": bool, "CurrencyCode": str}
# What writes these down refuses a null by itself, and never gives one.
SURE: Final = frozenset({"Int", "Float", "MinorUnits", "DateTime"})
USED: Final = {"Bailout": Bailout, "Deferred": Deferred, "listed": listed, "now": now, "below": rows_below}


@dataclass(slots=True)
class FunctionBody:
    """The lines of a function that fills in one object, which it is given as `me`."""

    me: Value
    lines: list[str] = field(default_factory=list)
    needs_me: bool = False  # as the object itself, and not only what it would be made of

    def object(self) -> str:
        """The variable with the object itself."""
        self.needs_me = True
        return "v"


class CodeGenerator:
    """The source of one plan, as it grows, with the objects that it names. `arguments` are those that vary."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = dict(USED)
        self.arguments: list[Arguments] = []
        self.inliner = Inliner(self.constant)

    def function(self, expression: str, lines: Iterable[str] = ()) -> str:
        """The name of a new function of `x`."""
        new = self.variable()
        self.lines += [f"def {new}(x, info, later):", *lines, f"    return {expression}"]
        return new

    def by_class(self, functions: Mapping[type[Any], str]) -> str:
        """The name of a new table of functions."""
        word = self.variable()
        choice = ", ".join(f"{self.constant(origin)}: {function}" for origin, function in functions.items())
        self.lines.append(f"{word} = {{{choice}}}")
        return word

    def word(self, value: Value, body: FunctionBody) -> str:
        """A variable that has the value."""
        if isinstance(value, InlinedCode) and isinstance(value.node, ast.Name):
            return value.node.id
        word = self.variable()
        body.lines.append(f"    {word} = {self.text(value)}")
        return word

    def leaf(self, type_: GraphQLLeafType, value: Value, body: FunctionBody) -> str:
        """The expression for a leaf; what it calls refuses a null."""
        if isinstance(type_, GraphQLEnumType):
            names = {member.value: type_.coerce_output_value(member.value) for member in type_.values.values()}
            return f"{self.constant(names)}[{self.text(value)}]"
        if type_.name in SURE:
            return f"{self.constant(type_.coerce_output_value)}({self.text(value)})"
        writer = self.constant(_strict(type_))
        if type_.name not in PLAIN:
            return f"{writer}({self.text(value)})"
        word = self.word(value, body)
        return f"({word} if {word}.__class__ is {PLAIN[type_.name].__name__} else {writer}({word}))"

    def in_parts(self, value: Made) -> tuple[Value, dict[str, str]]:
        """The same object made of parameters, and what is to be given for them."""
        given: dict[str, str] = {}

        def part(value: Value) -> Value:
            if isinstance(value, Fixed):
                return value
            if isinstance(value, Made):
                return Made(value.of, {word: part(one) for word, one in value.given.items()})
            word = self.variable()
            given[word] = self.text(value)
            return name(word, value.of if isinstance(value, InlinedCode) else None)

        return part(value), given

    def shown(self, shown_by: FunctionType, below: NestedRelation, body: FunctionBody) -> Value:
        """What a field shows of the rows that were read with its own."""
        found = self.variable()
        row = self.inliner.attribute(body.me, "row")
        body.lines += [
            f"    {found} = below({self.text(row)}, {below.key!r})",
            f"    if {found} is None: raise Bailout",
        ]
        rows = name(found, None if below.relation.is_many else below.table)
        return self.inliner.called(shown_by, [body.me, rows])

    def given(self, call: FieldCall, arguments: Mapping[str, Any] | Arguments, body: FunctionBody) -> Value:
        """What a field gives that need not be waited for."""
        if call.function is None:
            return self.inliner.attribute(body.me, call.name)
        if not call.info_given and not call.is_async and isinstance(arguments, Mapping):
            named = {word: Fixed(value) for word, value in arguments.items()}
            try:
                return self.inliner.returned(call.function, [body.me] if call.self_given else [], named)
            except Unsaid:
                pass
        made = self.call(call, arguments, body)
        return _code(f"now({made})" if call.is_async else made)

    def call(self, call: FieldCall, arguments: Mapping[str, Any] | Arguments, body: FunctionBody) -> str:
        """The expression that calls a field's method on its object."""
        given = [body.object()] if call.self_given else []
        given += ["info=info"] if call.info_given else []
        if isinstance(arguments, Mapping):
            given += [f"{word}={self.constant(value)}" for word, value in arguments.items()]
        else:
            given.append(f"**info.arguments[{len(self.arguments)}]")
            self.arguments.append(arguments)
        return f"{self.constant(call.function)}({', '.join(given)})"

    def variable(self) -> str:
        """A new variable."""
        return self.constant(None)

    def constant(self, value: Any) -> str:
        """A new name for an object."""
        word = f"n{len(self.names)}"
        self.names[word] = value
        return word

    def text(self, value: Value) -> str:
        """Python that gives the value."""
        return self.inliner.text(value)


def _strict(type_: GraphQLLeafType) -> Callable[[Any], Any]:
    """Writes a leaf down as graphql-core does. Raises for what cannot be written, null included."""

    def written(value: Any) -> Any:
        result = type_.coerce_output_value(value)
        if value is None or result is None:
            raise Bailout
        return result

    return written


def _code(text: str) -> InlinedCode:
    return InlinedCode(ast.parse(text, mode="eval").body)
