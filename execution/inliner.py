"""What a field's method gives, written into the plan instead of calling it, where the method is one expression.

Most methods only wrap a column, `Money.of(self.row.amount)`, and a page has hundreds of them. Here such a method is
read, its calls are followed, and what the schema's types would wrap is passed on without making one of them.
"""

import ast
import builtins
import inspect
import tokenize
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final, NewType, TypeAlias

from strawberry.types.base import has_object_definition
from tortoise.models import Model

DEEPEST: Final = 8  # calls inside calls
# Expressions that are written as they stand, with what is in them read. No f-string: not all can be written back.
WRITTEN: Final = (
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.Subscript,
    ast.Tuple,
    ast.List,
)
LITERAL: Final = frozenset({bool, int, str})  # and none of their subclasses: an enum's member is no literal
# Where not all that is written is evaluated, or not once.
SOMETIMES: Final = (ast.IfExp, ast.BoolOp, ast.Compare, ast.ListComp)


class Unsaid(Exception):
    """The method is more than an expression: it has to be called."""


@dataclass(frozen=True, slots=True)
class InlinedCode:
    """Python that gives the value, and its class where that is certain."""

    node: ast.expr
    of: type[Any] | None = None


@dataclass(frozen=True, slots=True)
class Fixed:
    """A value that is known already."""

    value: Any


@dataclass(frozen=True, slots=True)
class Made:
    """An object of one of the schema's types, not made: what its attributes would be."""

    of: type[Any]
    given: "Mapping[str, Value]"


@dataclass(frozen=True, slots=True)
class Each:
    """A list of what `element` is for each `target` in `source`."""

    element: "Value"
    target: str
    source: ast.expr


Value: TypeAlias = InlinedCode | Fixed | Made | Each


@dataclass(frozen=True, slots=True)
class _Scope:
    """What the names in an expression stand for."""

    own: Mapping[str, Value]
    around: Mapping[str, Any]
    depth: int


def name(word: str, of: type[Any] | None = None) -> InlinedCode:
    """A variable of the plan."""
    return InlinedCode(ast.Name(word, ast.Load()), of)


def is_cheap(value: Value) -> bool:
    """Whether the value may be written several times, or not at all."""
    if isinstance(value, Made):
        return all(is_cheap(one) for one in value.given.values())
    node = value.node if isinstance(value, InlinedCode) else None
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(value, Fixed) or isinstance(node, ast.Name)


class Inliner:
    """Reads methods for one plan. `constant` gives the plan's name of an object, and of a new variable for None."""

    def __init__(self, constant: Callable[[Any], str]) -> None:
        self._constant = constant

    def text(self, value: Value) -> str:
        """Python that gives the value."""
        return ast.unparse(self._node(value))

    def attribute(self, base: Value, word: str) -> Value:
        """What an attribute of the value is."""
        return self._attribute(base, word, 0)

    def returned(self, function: FunctionType, given: Sequence[Value], named: Mapping[str, Value]) -> Value:
        """What the function returns for these arguments. Raises Unsaid."""
        return self._returned(function, given, named, 0)

    def called(self, function: FunctionType, given: Sequence[Value]) -> Value:
        """The same, or the call."""
        return self._result(Fixed(function), function, given, given, {}, 0)

    def _returned(
        self, function: FunctionType, given: Sequence[Value], named: Mapping[str, Value], depth: int
    ) -> Value:
        expression = expression_of(function)
        if expression is None or depth > DEEPEST:
            raise Unsaid
        own = _bound(function, given, named)
        for word, value in own.items():
            # It is evaluated once when it is passed: so it has to be here.
            if not is_cheap(value) and (_uses(expression, word) != 1 or _holds(expression, SOMETIMES)):
                raise Unsaid
        return self._value(expression, _Scope(own, function.__globals__, depth + 1))

    def _value(self, node: ast.expr, scope: _Scope) -> Value:
        match node:
            case ast.Constant(value):
                return Fixed(value)
            case ast.Name(word):
                return self._named(word, scope)
            case ast.Attribute(base, word):
                return self._attribute(self._value(base, scope), word, scope.depth)
            case ast.Call():
                return self._call(node, scope)
            case ast.ListComp(element, [ast.comprehension(ast.Name(word), source, [], 0)]):
                target = self._constant(None)
                inner = _Scope({**scope.own, word: name(target)}, scope.around, scope.depth)
                return Each(self._value(element, inner), target, self._node(self._value(source, scope)))
            case _ if isinstance(node, WRITTEN):
                return InlinedCode(self._written(node, scope))
        raise Unsaid

    def _written(self, node: ast.expr, scope: _Scope) -> ast.expr:
        def inside(part: Any) -> Any:
            return self._node(self._value(part, scope)) if isinstance(part, ast.expr) else part

        parts: dict[str, Any] = {
            field: [inside(one) for one in part] if isinstance(part, list) else inside(part)
            for field, part in ast.iter_fields(node)
        }
        return type(node)(**parts)

    @staticmethod
    def _named(word: str, scope: _Scope) -> Value:
        if word in scope.own:
            return scope.own[word]
        if word in scope.around:
            return Fixed(scope.around[word])
        if hasattr(builtins, word):
            return Fixed(getattr(builtins, word))
        raise Unsaid

    def _attribute(self, base: Value, word: str, depth: int) -> Value:
        if isinstance(base, Made) and word in base.given and _leaves_out_nothing(base, word):
            return base.given[word]
        if isinstance(base, Fixed) and isinstance(base.value, ModuleType | type | Enum) and hasattr(base.value, word):
            return Fixed(getattr(base.value, word))
        owner = base.of if isinstance(base, InlinedCode | Made) else None
        found = inspect.getattr_static(owner, word, None) if owner is not None else None
        if isinstance(found, property) and isinstance(found.fget, FunctionType):
            try:
                return self._returned(found.fget, [base], {}, depth)
            except Unsaid:
                pass
        elif isinstance(base, Made) and isinstance(found, Enum | str | int):
            return Fixed(found)
        row = _row_class(owner, word) if owner is not None else None
        return InlinedCode(ast.Attribute(self._node(base), word, ast.Load()), row)

    def _call(self, node: ast.Call, scope: _Scope) -> Value:
        given = [self._value(one, scope) for one in node.args]
        named = {one.arg: self._value(one.value, scope) for one in node.keywords if one.arg is not None}
        if len(named) < len(node.keywords):
            raise Unsaid
        if isinstance(node.func, ast.Attribute):
            base, word = self._value(node.func.value, scope), node.func.attr
            owner = base.of if isinstance(base, InlinedCode | Made) else None
            method = inspect.getattr_static(owner, word, None) if owner is not None else None
            if isinstance(method, FunctionType):
                bound = InlinedCode(ast.Attribute(self._node(base), word, ast.Load()))
                return self._result(bound, method, [base, *given], given, named, scope.depth)
            called = self._attribute(base, word, scope.depth)
        else:
            called = self._value(node.func, scope)
        function = called.value if isinstance(called, Fixed) else None
        if isinstance(function, NewType) and len(given) == 1:
            return given[0]
        if isinstance(function, type) and _only_wraps(function):
            return _made(function, given, named)
        if isinstance(function, MethodType) and isinstance(function.__self__, type):
            return self._result(
                called, function.__func__, [Fixed(function.__self__), *given], given, named, scope.depth
            )
        return self._result(called, function, given, given, named, scope.depth)

    def _result(
        self,
        called: Value,
        function: object,
        passed: Sequence[Value],
        given: Sequence[Value],
        named: Mapping[str, Value],
        depth: int,
    ) -> Value:
        """What the function returns when this is `passed`; or else the call itself, of `called` with what is given."""
        if isinstance(function, FunctionType):
            try:
                return self._returned(function, passed, named, depth)
            except Unsaid:
                pass
        keywords = [ast.keyword(word, self._node(value)) for word, value in named.items()]
        return InlinedCode(ast.Call(self._node(called), [self._node(value) for value in given], keywords))

    def _node(self, value: Value) -> ast.expr:
        match value:
            case InlinedCode(node):
                return node
            case Fixed(constant) if constant is None or type(constant) in LITERAL:
                return ast.Constant(constant)
            case Fixed(constant):
                return ast.Name(self._constant(constant), ast.Load())
            case Made(of, given):
                keywords = [ast.keyword(word, self._node(one)) for word, one in given.items()]
                return ast.Call(ast.Name(self._constant(of), ast.Load()), [], keywords)
            case Each(element, target, source):
                each = ast.comprehension(ast.Name(target, ast.Store()), source, [], 0)
                return ast.ListComp(self._node(element), [each])


def expression_of(function: FunctionType) -> ast.expr | None:
    """The expression that the function returns, when that is all it does and its source is what was compiled."""
    code = function.__code__
    if code.co_freevars or inspect.iscoroutinefunction(function):
        return None
    expression, compiled = _expressions_in(code.co_filename).get(code.co_firstlineno, (None, None))
    return expression if compiled == code else None  # files may have been replaced under a running process


@lru_cache(maxsize=100)
def _expressions_in(file: str) -> dict[int, tuple[ast.expr, CodeType]]:
    """The functions of a file that return one expression, by their first lines: that, and what it is compiled to."""
    try:
        with tokenize.open(file) as opened:
            tree = ast.parse(opened.read())
        compiled = dict(_functions_of(compile(tree, file, "exec", dont_inherit=True)))
    except (OSError, SyntaxError):
        return {}
    found = {}
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(body=[*documented, ast.Return(ast.expr() as expression)]) if all(
                isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) for one in documented
            ):
                line = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                if line in compiled:
                    found[line] = expression, compiled[line]
    return found


def _functions_of(code: CodeType) -> Iterator[tuple[int, CodeType]]:
    """All code that is inside other code, by its first line."""
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _functions_of(one)
            yield one.co_firstlineno, one


def _bound(function: Callable[..., Any], given: Sequence[Value], named: Mapping[str, Value]) -> dict[str, Value]:
    """The values by the names of the parameters, defaults included."""
    signature = inspect.signature(function)
    if any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in signature.parameters.values()):
        raise Unsaid
    try:
        bound = signature.bind(*given, **named).arguments
    except TypeError:
        raise Unsaid from None
    return {word: bound.get(word, Fixed(one.default)) for word, one in signature.parameters.items()}


def _uses(expression: ast.expr, word: str) -> int:
    return sum(isinstance(node, ast.Name) and node.id == word for node in ast.walk(expression))


def _holds(expression: ast.expr, kinds: tuple[type[ast.expr], ...]) -> bool:
    return any(isinstance(node, kinds) for node in ast.walk(expression))


def _leaves_out_nothing(made: Made, word: str) -> bool:
    """Whether all else that the object would be made of need not be evaluated."""
    return all(is_cheap(one) for other, one in made.given.items() if other != word)


def _only_wraps(owner: type[Any]) -> bool:
    """Whether making one of the class does nothing but keep what it is given."""
    return (
        has_object_definition(owner)
        and is_dataclass(owner)
        and owner.__new__ is object.__new__
        and not hasattr(owner, "__post_init__")
        and all(one.default_factory is MISSING for one in fields(owner) if one.init)
    )


def _made(owner: type[Any], given: Sequence[Value], named: Mapping[str, Value]) -> Made:
    values = _bound(owner, given, named)
    for word, value in values.items():
        row = _row_class(owner, word)
        if isinstance(value, InlinedCode) and value.of is None and row is not None:
            values[word] = InlinedCode(value.node, row)
    return Made(owner, values)


def _row_class(owner: type[Any], word: str) -> type[Any] | None:
    """The table of the row that a type of the schema has in this attribute."""
    kinds = {one.name: one.type for one in fields(owner)} if is_dataclass(owner) else {}
    kind = getattr(kinds.get(word), "__origin__", kinds.get(word))  # `Private` is an annotation around it
    return kind if isinstance(kind, type) and issubclass(kind, Model) and not kind.__subclasses__() else None
