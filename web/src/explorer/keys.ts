import { Kind, OperationTypeNode, parse, visit } from "graphql";

type Variables = Readonly<Record<string, unknown>>;

/** The variables that carry the idempotency keys of the mutation that is about to be sent; none for a query. */
export function keyVariables(document: string, operationName?: string | null): string[] {
  const operations = parse(document).definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
  const named = operations.find((operation) => operation.name?.value === operationName);
  const operation = named ?? (operations.length === 1 ? operations[0] : undefined);
  if (operation?.operation !== OperationTypeNode.MUTATION) return [];
  const names = new Set<string>();
  visit(operation, {
    Argument({ name, value }) {
      if (name.value === "idempotencyKey" && value.kind === Kind.VARIABLE) names.add(value.name.value);
    },
  });
  return [...names];
}

/** The variables with a fresh key in each of these places, so that what is sent is a new act. */
export function withFreshKeys(variables: Variables, names: readonly string[], newKey: () => string): Variables {
  return { ...variables, ...Object.fromEntries(names.map((name) => [name, newKey()])) };
}
