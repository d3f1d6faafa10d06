"""The Python of a plan: names for the objects that it uses, functions, and expressions for the values of fields."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import GraphQLEnumType, GraphQLLeafType

from execution.declare import ITEM, Attribute, Call, Parts
from execution.field_calls import Arguments, FieldCall
from execution.plan import Bailout, Deferred, listed, now

# Scalars whose values in Python are their values in JSON.
PLAIN: Final[Mapping[str, type]] = {"String": str, "ID": str, "Boolean": bool, "CurrencyCode": str}
# Scalars whose serialiser refuses a null by itself, and never gives one.
REFUSE_NULL: Final = frozenset({"Int", "Float", "MinorUnits", "DateTime"})
USED: Final = {"Bailout": Bailout, "Deferred": Deferred, "listed": listed, "now": now}
OBJECT: Final = "v"  # the variable of a function with the object that it fills in


@dataclass(frozen=True, slots=True)
class Unmade:
    """An object of a type of the schema that need not be made: the expressions of its attributes."""

    of: type[Any]
    parts: Parts


@dataclass(slots=True)
class FunctionBody:
    """The lines of a function that fills in one object: `unmade`, or the one that the function is given as `v`."""

    unmade: Unmade | None = None
    lines: list[str] = field(default_factory=list)
    needs_object: bool = False

    def object(self) -> str:
        """Return the variable with the object itself."""
        self.needs_object = True
        return OBJECT


class CodeGenerator:
    """The source of one plan as it grows, with the objects that it names. `arguments` are the ones that vary."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = dict(USED)
        self.arguments: list[Arguments] = []

    def function(self, expression: str, lines: Iterable[str] = ()) -> str:
        """Add a function of `x` that returns the expression; return its name."""
        new = self.variable()
        self.lines += [f"def {new}(x, info, later):", *lines, f"    return {expression}"]
        return new

    def by_class(self, functions: Mapping[type[Any], str]) -> str:
        """Add a table of functions; return its name."""
        table = self.variable()
        choice = ", ".join(f"{self.constant(origin)}: {function}" for origin, function in functions.items())
        self.lines.append(f"{table} = {{{choice}}}")
        return table

    def word(self, expression: str, body: FunctionBody) -> str:
        """Return a variable that has the expression's value."""
        if expression.isidentifier():
            return expression
        new = self.variable()
        body.lines.append(f"    {new} = {expression}")
        return new

    def leaf(self, type_: GraphQLLeafType, value: str, body: FunctionBody) -> str:
        """Return the expression for a leaf; what it calls refuses a null."""
        if isinstance(type_, GraphQLEnumType):
            names = {member.value: type_.coerce_output_value(member.value) for member in type_.values.values()}
            return f"{self.constant(names)}[{value}]"
        if type_.name in REFUSE_NULL:
            return f"{self.constant(type_.coerce_output_value)}({value})"
        serialiser = self.constant(_strict(type_))
        if type_.name not in PLAIN:
            return f"{serialiser}({value})"
        word = self.word(value, body)
        return f"({word} if {word}.__class__ is {PLAIN[type_.name].__name__} else {serialiser}({word}))"

    def at_path(self, path: str, body: FunctionBody, item: str = "") -> str:
        """Return the expression for the value at a path."""
        first, dot, rest = path.partition(".")
        if item and first == ITEM:
            return f"{item}{dot}{rest}"
        unmade = body.unmade
        if unmade is None:
            return f"{OBJECT}.{path}"
        if first in unmade.parts:
            return f"{unmade.parts[first]}{dot}{rest}"
        return f"{self.constant(getattr(unmade.of, first))}{dot}{rest}"  # of the class itself

    def evaluated(self, value: Attribute | Call, body: FunctionBody) -> str:
        """Return the expression for a declared value."""
        if isinstance(value, Attribute):
            return self.at_path(value.path, body)
        arguments = ", ".join(self.at_path(path, body) for path in value.paths)
        return f"{self.constant(value.function)}({arguments})"

    def unmade(self, of: type[Any], parts: Parts, body: FunctionBody, item: str = "") -> Unmade:
        """Return the object of a declared value, not made."""
        return Unmade(of, {name: self.at_path(path, body, item) for name, path in parts.items()})

    def parameters(self, value: Unmade) -> Unmade:
        """Return the same object, made of variables that are parameters of a function."""
        return Unmade(value.of, {name: self.variable() for name in value.parts})

    def made(self, value: Unmade) -> str:
        """Return the expression that makes the object."""
        return f"{self.constant(value.of)}({', '.join(f'{name}={part}' for name, part in value.parts.items())})"

    def call(self, call: FieldCall, arguments: Mapping[str, Any] | Arguments, body: FunctionBody) -> str:
        """Return the expression that calls a field's method on its object."""
        given = [body.object()] if call.self_given else []
        given += ["info=info"] if call.info_given else []
        if isinstance(arguments, Mapping):
            given += [f"{name}={self.constant(value)}" for name, value in arguments.items()]
        else:
            given.append(f"**info.arguments[{len(self.arguments)}]")
            self.arguments.append(arguments)
        return f"{self.constant(call.function)}({', '.join(given)})"

    def variable(self) -> str:
        """Return a new variable."""
        return self.constant(None)

    def constant(self, value: Any) -> str:
        """Return a new name for an object."""
        new = f"n{len(self.names)}"
        self.names[new] = value
        return new


def _strict(type_: GraphQLLeafType) -> Callable[[Any], Any]:
    """Return graphql-core's serialiser of a leaf, which raises for all that cannot be written, null included."""

    def serialise(value: Any) -> Any:
        result = type_.coerce_output_value(value)
        if value is None or result is None:
            raise Bailout
        return result

    return serialise
