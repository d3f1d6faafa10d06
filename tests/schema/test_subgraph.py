"""The subgraph is the schema: nothing but keys, names and two fields stand between them, and only where it is set."""

import re
import subprocess
import sys
from difflib import ndiff
from pathlib import Path
from typing import Final

from graphql import GraphQLObjectType, build_schema, find_breaking_changes

from schema import print_sdl, schema
from schema.federation import print_subgraph_sdl, subgraph

ROOT: Final = Path(__file__).parents[2]
SDL: Final = print_subgraph_sdl()
WHAT_IT_LEAVES_OUT: Final = '''\
  """Anything by its id; null for what does not exist or is not yours."""
  node(
    """Its id."""
    id: ID!
  ): Node

  """
  Several at once, in the order of their ids, with null for what does not exist or is not yours.
  """
  nodes(
    """Up to 100 ids."""
    ids: [ID!]!
  ): [Node]

  """Who you are here, and what you may do; null where nobody is signed in."""
  viewer: Viewer

"""Who you are here, and what you may do."""
type Viewer {
  """You, as the audit trail names you."""
  actor: Actor!

  """What your token allows, in alphabetical order; empty for a view token."""
  scopes: [String!]!

  """You as a customer, for a buyer whom an order has named."""
  customer: Customer

  """Whether real money moves here."""
  livemode: Boolean!
}
'''
HEADER: Final = """\
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.4", import: ["@key", "@shareable", "@composeDirective"])
  @link(url: "https://specs.paygraph.example/paygraph/v1.0", import: [\
{name: "@auth", as: "@paygraph__auth"}, {name: "@cost", as: "@paygraph__cost"}, {name: "@pii", as: "@paygraph__pii"}])
  @composeDirective(name: "@paygraph__auth")
  @composeDirective(name: "@paygraph__cost")
  @composeDirective(name: "@paygraph__pii")

"""
SERVE_WITHOUT: Final = """
import sys
from server.app import create_app
from settings import Settings
create_app(Settings(_env_file=None, environment="test", paygraph_dir=sys.argv[1]), run_worker=False)
print("schema.federation" in sys.modules)
"""


def test_composition_reads_the_released_schema_and_nothing_else() -> None:
    """A change that `tests/schema/test_schema_changes.py` refuses is refused for graphs too."""
    assert SDL.startswith(HEADER)
    plain = re.sub(r' @key\(fields: "\w+"\)| @shareable', "", SDL.removeprefix(HEADER)).replace("@paygraph__", "@")

    differing = [line for line in ndiff(print_sdl().splitlines(), plain.splitlines()) if not line.startswith("  ")]

    assert "".join(f"{line.removeprefix('- ')}\n" for line in differing).rstrip("\n") == WHAT_IT_LEAVES_OUT.rstrip("\n")
    assert "Viewer" not in SDL


def test_what_has_an_id_has_a_key_and_nothing_else_has() -> None:
    heads = re.findall(r"^type (\w+)([^{]*)", SDL, re.MULTILINE)
    keys = {name: re.findall(r'@key\(fields: "(\w+)"\)', head) for name, head in heads}
    with_ids = {one.name for one in schema._schema.get_possible_types(schema._schema.type_map["Node"])}  # type: ignore[arg-type]

    assert len(with_ids) >= 9
    numbered = {"Order": ["id", "externalId"], "Customer": ["id", "externalId"]}
    expected = {name: numbered.get(name, ["id"]) for name in with_ids}
    assert {name: fields for name, fields in keys.items() if fields} == expected


def test_another_subgraph_may_have_the_same_pages_and_amounts() -> None:
    assert re.findall(r"^type (\w+)[^{]*@shareable", SDL, re.MULTILINE) == ["Money", "PageInfo"]


def test_the_served_subgraph_is_the_schema_with_two_fields_more() -> None:
    plain, served = build_schema(print_sdl()), build_schema(subgraph().as_str())

    assert find_breaking_changes(plain, served) == []
    assert set(served.type_map) - set(plain.type_map) == {"_Any", "_Entity", "_Service"}
    assert plain.query_type is not None
    assert served.query_type is not None
    new = {name: field for name, field in served.query_type.fields.items() if name not in plain.query_type.fields}
    assert {name: str(field.type) for name, field in new.items()} == {
        "_entities": "[_Entity]!",
        "_service": "_Service!",
    }
    assert str(new["_entities"].args["representations"].type) == "[_Any!]!"
    service = served.type_map["_Service"]
    assert isinstance(service, GraphQLObjectType)
    described = [*new.values(), new["_entities"].args["representations"], service.fields["sdl"]]
    described += [served.type_map[name] for name in ("_Any", "_Entity", "_Service")]
    assert [one for one in described if not one.description] == []
    assert served.query_type.description == plain.query_type.description


def test_without_the_setting_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVE_WITHOUT, str(tmp_path)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.stdout, done.returncode) == ("False\n", 0), done.stderr
