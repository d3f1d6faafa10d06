"""Plans against graphql-core over a schema of everything that can happen: values, nulls, errors, now and later."""

import asyncio
import enum
import random
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Generic, TypeVar

import orjson
import pytest
import strawberry
from graphql import ExecutionResult, OperationDefinitionNode, parse, validate

from execution import Execution, declare
from schema import QuietSchema
from tests.execution.documents import Document, Writer
from tests.support.parts import parts

PARTS = 8
EACH = 800  # documents in a part; about a seventh is no operation, because two of its fields have one name
VALID = 5_000 // PARTS
BAD = 0.01  # of what is in eggs


class Failure(Exception):
    """An error of a made-up field."""


@strawberry.enum
class Mood(enum.Enum):
    CALM = "calm"
    WILD = "wild"


@dataclass
class Fate:
    """The fate of each value: it is decided by the seed of a request, and by the calls so far."""

    seed: int
    trouble: float
    called: dict[str, int] = field(default_factory=dict)

    def draw(self, place: str) -> random.Random:
        return random.Random(f"{self.seed}:{place}")  # noqa: S311 - the same for both

    def is_broken(self, place: str) -> bool:
        self.called[place] = self.called.get(place, 0) + 1
        drawn = self.draw(place)
        if drawn.random() < self.trouble:
            raise Failure(f"{place} failed")
        return drawn.random() < self.trouble


def decided(info: strawberry.Info, self: Any, name: str, value: Any) -> Any:
    """The value of a field; or None, or an exception, or something of another type."""
    fate: Fate = info.context
    place = f"{self.path}.{name}"
    if fate.is_broken(place):
        return fate.draw(f"{place}?").choice([None, None, object(), 1.5, "other"])
    return value


@strawberry.interface
class Beast:
    path: str

    @strawberry.field
    def name(self, info: strawberry.Info) -> str:
        return decided(info, self, "name", self.path)  # type: ignore[no-any-return]  # that is the point

    @strawberry.field
    def nickname(self, info: strawberry.Info) -> str | None:
        return decided(info, self, "nickname", None)  # type: ignore[no-any-return]  # as above

    @strawberry.field
    async def friend(self, info: strawberry.Info) -> "Beast | None":
        await asyncio.sleep(0)
        return decided(info, self, "friend", _beast(f"{self.path}.friend", info.context))  # type: ignore[no-any-return]

    @strawberry.field
    def young(self, info: strawberry.Info, first: int = 2) -> "list[Beast]":
        young = [_beast(f"{self.path}.young{number}", info.context) for number in range(min(max(first, 0), 3))]
        return decided(info, self, "young", young)  # type: ignore[no-any-return]

    @strawberry.field
    async def eggs(self, info: strawberry.Info, labels: list[str] | None = None) -> "list[Egg | None]":
        await asyncio.sleep(0)
        eggs = [Egg(path=f"{self.path}.{label}") for label in labels or ["one", "two"]]
        return decided(info, self, "eggs", [*eggs, None])  # type: ignore[no-any-return]


@strawberry.type
class Egg:
    path: str

    @strawberry.field
    def weight(self, info: strawberry.Info) -> int:
        return decided(info, self, "weight", 2**31 - 1)  # type: ignore[no-any-return]

    @strawberry.field
    def laid(self, info: strawberry.Info) -> datetime:
        return decided(info, self, "laid", datetime(2026, 1, 31, tzinfo=UTC))  # type: ignore[no-any-return]

    @strawberry.field
    async def mother(self, info: strawberry.Info) -> Beast:
        await asyncio.sleep(0)
        return decided(info, self, "mother", _beast(f"{self.path}.mother", info.context))  # type: ignore[no-any-return]

    @strawberry.field
    def shell(self) -> "Shell":
        return Shell(yolk=Yolk(self.path))

    @strawberry.field
    def spare(self) -> "Shell | None":
        return Shell(yolk=Yolk(self.path), tint="dark") if len(self.path) % 3 else None


class Yolk:
    """The object behind a shell. Some of them raise, for every reader."""

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def weight(self) -> Any:
        drawn = random.Random(f"{self.path}.weight")  # noqa: S311 - the same for both
        if drawn.random() < BAD:
            raise Failure("rotten")
        return drawn.choice([None, object()]) if drawn.random() < BAD else drawn.randint(0, 9)

    @property
    def cracks(self) -> tuple[int, ...]:
        return tuple(range(len(self.path) % 3))

    @property
    def halves(self) -> "list[Yolk]":
        return [Yolk(f"{self.path}{crack}") for crack in self.cracks]

    @property
    def twin(self) -> "Yolk | None":
        return Yolk(f"{self.path}!") if len(self.path) % 2 else None

    @property
    def size(self) -> Any:
        return self.weight

    @property
    def mood(self) -> Mood | None:
        return Mood.WILD if len(self.path) % 3 else None

    @property
    def weights(self) -> list[int | None]:
        return [crack or None for crack in self.cracks]


def named(kind: str, yolk: Yolk) -> str:
    return f"{kind} of {yolk.path}"


def twice(yolk: Yolk) -> Any:
    return yolk.weight + yolk.weight


def shown(type_: Any, value: Any) -> Any:
    """A declared field."""
    return declare.field(type_, declare.Declaration(value))


@strawberry.interface
class Thing:
    """An interface whose types declare their fields: plans write their values down, and make few of the objects."""

    yolk: strawberry.Private[Any]
    kind: ClassVar[str]

    id = shown(strawberry.ID, declare.Call(named, ("kind", "yolk")))


Part = TypeVar("Part")


@strawberry.type
class Pair(Generic[Part]):
    yolk: strawberry.Private[Any]

    left = shown(Part, declare.Wrapped({"yolk": "yolk"}))  # type: ignore[misc]  # Strawberry reads it
    right = shown(Part | None, declare.Wrapped({"yolk": "yolk.twin"}))  # type: ignore[misc]  # as above
    halves = shown(list[Part], declare.EachWrapped("yolk.halves", {"yolk": "item"}))


@strawberry.type
class Shell(Thing):
    kind = "shell"
    tint: str = "pale"

    weight = shown(int, declare.Attribute("yolk.weight"))
    size = shown(int | None, declare.Attribute("yolk.size"))
    weight_of_two = shown(int | None, declare.Call(twice, ("yolk",)))
    mood = shown(Mood | None, declare.Attribute("yolk.mood"))
    weights = shown(list[int | None], declare.Attribute("yolk.weights"))
    pair = shown("Pair[Shell]", declare.Wrapped({"yolk": "yolk"}))

    @strawberry.field
    def heavier(self, more: int = 1) -> int:
        return self.yolk.weight + more  # type: ignore[no-any-return]  # whatever it is

    @strawberry.field
    def things(self) -> list[Thing]:
        return [Shell(yolk=self.yolk) for _ in self.yolk.cracks]

    @strawberry.field
    async def egg(self, info: strawberry.Info) -> Egg:
        await asyncio.sleep(0)
        return decided(info, self.yolk, "egg", Egg(path=f"{self.yolk.path}."))  # type: ignore[no-any-return]


@strawberry.type
class Cat(Beast):
    @strawberry.field
    def mood(self, info: strawberry.Info, of: Mood = Mood.CALM) -> Mood:
        return decided(info, self, "mood", of)  # type: ignore[no-any-return]

    @strawberry.field
    async def prey(self, info: strawberry.Info) -> "Annotated[Bird | Egg, strawberry.union('Prey')] | None":
        await asyncio.sleep(0)
        return decided(info, self, "prey", Bird(path=f"{self.path}.prey"))  # type: ignore[no-any-return]


@strawberry.type
class Bird(Beast):
    @strawberry.field
    def flies(self, info: strawberry.Info) -> bool:
        return decided(info, self, "flies", True)  # type: ignore[no-any-return]

    @strawberry.field
    def speed(self, info: strawberry.Info) -> float | None:
        return decided(info, self, "speed", 12.0)  # type: ignore[no-any-return]

    @strawberry.field
    def nests(self, info: strawberry.Info) -> list[list[int] | None]:
        return decided(info, self, "nests", [[1, 2], None])  # type: ignore[no-any-return]


@strawberry.input
class Wish:
    path: str
    mood: Mood | None = None
    more: "list[Wish] | None" = None


@strawberry.type
class Query:
    @strawberry.field
    async def beast(self, info: strawberry.Info, wish: Wish) -> Beast | None:
        await asyncio.sleep(0)
        place = Cat(path=f"{wish.path}{len(wish.more or [])}")
        return decided(info, place, "beast", _beast(place.path, info.context))  # type: ignore[no-any-return]

    @strawberry.field
    async def cat(self, info: strawberry.Info, path: strawberry.ID) -> Cat:
        await asyncio.sleep(0)
        return decided(info, Cat(path=path), "cat", Cat(path=path))  # type: ignore[no-any-return]

    @strawberry.field
    def egg(self, info: strawberry.Info, path: str = "x") -> Egg | None:
        return decided(info, Cat(path=path), "egg", Egg(path=path))  # type: ignore[no-any-return]


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def tame(self, info: strawberry.Info, path: str) -> Cat | None:
        await asyncio.sleep(0)
        return decided(info, Cat(path=path), "tame", Cat(path=path))  # type: ignore[no-any-return]


@strawberry.type
class Sighting:
    """Only ever the event itself: in an answer that waits, what does not wait would be another thing to compare."""

    path: str

    @strawberry.field(metadata=declare.Declaration(is_preloaded=True).metadata())  # type: ignore[untyped-decorator]
    async def of(self, info: strawberry.Info) -> Beast | None:
        """Came with it, and rarely waits all the same."""
        if info.context.draw(f"{self.path}.of!").random() < info.context.trouble:
            waited = asyncio.Event()
            asyncio.get_running_loop().call_soon(waited.set)
            await waited.wait()
        place = Cat(path=self.path)
        return decided(info, place, "of", _beast(f"{self.path}.of", info.context))  # type: ignore[no-any-return]


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def sighted(self, path: str) -> AsyncGenerator[Sighting, None]:
        for number in range(3):
            yield Sighting(path=f"{path}{number}")

    @strawberry.subscription
    async def seen(self, info: strawberry.Info, path: str, first: int = 2) -> AsyncGenerator[Beast, None]:
        for number in range(first):
            yield _beast(f"{path}{number}", info.context)

    @strawberry.subscription
    async def met(self, info: strawberry.Info, wish: Wish) -> AsyncGenerator[Cat | None, None]:
        yield Cat(path=wish.path)
        yield None
        yield Egg(path="no cat")  # type: ignore[misc]  # that is the point
        yield Cat(path=f"{wish.path}!")

    @strawberry.subscription
    async def laid(self, info: strawberry.Info, path: str) -> AsyncGenerator[list[Egg], None]:
        yield [Egg(path=path), Egg(path=f"{path}!")]
        yield []


MADE_UP = QuietSchema(query=Query, mutation=Mutation, subscription=Subscription, types=[Cat, Bird, Shell])


def _beast(path: str, fate: Fate) -> Beast:
    return fate.draw(f"{path}!").choice([Cat, Bird])(path=path)


def leaf(drawn: random.Random, scalar: str, place: str) -> Any:
    values: dict[str, list[Any]] = {
        "ID": ["a", "b"],
        "String": ["p", "q", 'a "quoted" word'],
        "Int": [0, 1, 3],
    }
    return drawn.choice(values[scalar])


def _documents(part: int) -> Iterator[Document]:
    writer = Writer(MADE_UP._schema, part, leaf)
    for number in range(EACH):
        if number % 8 == 0:
            yield writer.document("mutation", ["tame"], fields=1, depth=3)
        else:
            yield writer.document("query", ["beast", "cat", "egg"], depth=3)


# graphql-core itself leaves coroutines behind when an error ends an answer early.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("part", parts(PARTS))
async def test_a_plan_answers_as_graphql_core_does(part: int) -> None:
    planned, plain = Execution(MADE_UP), Execution(MADE_UP, planned=False)
    valid = 0
    for number, document in enumerate(_documents(part)):
        parsed = parse(document.text)
        if validate(MADE_UP._schema, parsed):
            continue  # two fields under one name that differ: no operation at all
        valid += 1
        trouble = (0.0, 0.03, 0.2)[number % 3]
        [operation] = [one for one in parsed.definitions if isinstance(one, OperationDefinitionNode)]
        prepared, by_core = planned.prepare(parsed, operation), plain.prepare(parsed, operation)
        for variables in document.variables:
            ours, theirs = Fate(number, trouble), Fate(number, trouble)
            before = planned.fallbacks
            got = await planned.run(prepared, variables, ours, {})
            expected = await plain.run(by_core, variables, theirs, {})

            assert canonical(got) == canonical(expected), (document, variables)
            if planned.fallbacks == before:
                assert ours.called == theirs.called, (document, variables)
            assert _tamed(ours) == _tamed(theirs)
    assert valid >= VALID
    assert planned.unplanned == 0
    assert 0 < planned.fallbacks < valid * 2 * 0.7  # both ways are taken


def _tamed(fate: Fate) -> dict[str, int]:
    return {place: times for place, times in fate.called.items() if place.endswith(".tame")}


def canonical(result: ExecutionResult) -> bytes:
    errors = sorted(
        (str(error.path), error.message, str([place for node in error.nodes or () for place in [node.loc]]))
        for error in result.errors or ()
    )
    return orjson.dumps({"data": result.data, "errors": errors})
