/** What stands in the editor, read before anything is sent. */
import {
  type DocumentNode,
  type FieldNode,
  getArgumentValues,
  getNamedType,
  getVariableValues,
  GraphQLError,
  type GraphQLSchema,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  type SelectionNode,
  separateOperations,
  validate,
  visit,
} from "graphql";
import { isPlaceholder } from "./tabs";

export type Variables = Readonly<Record<string, unknown>>;

/** Nothing was sent; the message is the sentence that says why. */
export class NotSent extends Error {}

/** The chosen operation with the fragments and the variables that it uses, and no others. */
export interface Operation {
  readonly document: DocumentNode;
  readonly definition: OperationDefinitionNode;
  readonly variables: Variables;
}

/** A mutation as the server will understand it, however it is written. */
export interface Mutation extends Operation {
  readonly field: string;
  /** The name under which the answer holds its payload. */
  readonly responseName: string;
  /** Its arguments with their defaults, without the idempotency key. */
  readonly input: Variables;
  /** The idempotency key in the editor, null where there is none; undefined for a mutation that takes none. */
  readonly key: string | null | undefined;
}

const KEY = "idempotencyKey";
/** What the page asks beside what its user asks: whether the answer is final. Its names are taken out of the answer. */
export const FINALITY = { errors: "explorerErrors", operation: "explorerOperation" } as const;

/** Read the chosen operation; without a name there must be one only. Raises NotSent. */
export function readOperation(text: string, name: string | null | undefined, given: Variables): Operation {
  let operations: Record<string, DocumentNode>;
  try {
    operations = separateOperations(parse(text));
  } catch (error) {
    throw new NotSent(error instanceof GraphQLError ? error.message : String(error));
  }
  const names = Object.keys(operations);
  const document = operations[name ?? (names.length === 1 ? (names[0] as string) : "")];
  const definition = document?.definitions.find((one) => one.kind === Kind.OPERATION_DEFINITION);
  if (document === undefined || definition === undefined) {
    throw new NotSent(names.length === 0 ? "There is no operation to send." : "Choose which of the operations to send.");
  }
  const declared = new Set(definition.variableDefinitions?.map(({ variable }) => variable.name.value));
  const variables = Object.fromEntries(Object.entries(given).filter(([variable]) => declared.has(variable)));
  return { document, definition, variables };
}

export function isMutation({ definition }: Operation): boolean {
  return definition.operation === OperationTypeNode.MUTATION;
}

/** Read a mutation. Raises NotSent for one that the schema, or its own variables, do not allow. */
export function readMutation(schema: GraphQLSchema, operation: Operation): Mutation {
  const { document, definition } = operation;
  const [invalid] = validate(schema, document);
  if (invalid) throw new NotSent(invalid.message);
  const [field, ...more] = definition.selectionSet.selections as readonly SelectionNode[];
  if (field?.kind !== Kind.FIELD || more.length > 0) throw new NotSent("Send one mutation at a time, without a fragment.");
  const type = schema.getMutationType()?.getFields()[field.name.value];
  if (type === undefined) throw new NotSent(`There is no mutation ${field.name.value}.`);
  const [key, variables] = readKey(field, operation.variables);
  const { coerced, errors } = getVariableValues(schema, definition.variableDefinitions ?? [], variables);
  if (errors) throw new NotSent(errors[0]?.message ?? "The variables do not fit the operation.");
  const { [KEY]: _, ...input } = getArgumentValues(type, field, coerced);
  return { ...operation, field: field.name.value, responseName: (field.alias ?? field.name).value, input, key };
}

/** The key that is written, and the variables with something in its place where it is missing: the page makes it. */
function readKey({ arguments: given }: FieldNode, variables: Variables): [Mutation["key"], Variables] {
  const value = given?.find(({ name }) => name.value === KEY)?.value;
  if (value === undefined) return [undefined, variables];
  if (value.kind === Kind.STRING) return [value.value, variables];
  if (value.kind !== Kind.VARIABLE) return [null, variables];
  const kept = variables[value.name.value];
  const key = typeof kept === "string" && kept !== "" ? kept : null;
  return [key, { ...variables, [value.name.value]: key ?? "not-made-yet" }];
}

/** The names of the variables that carry the mutation's key. */
export function keyVariables({ definition }: Operation): string[] {
  const names: string[] = [];
  visit(definition, {
    Argument({ name, value }) {
      if (name.value === KEY && value.kind === Kind.VARIABLE) names.push(value.name.value);
    },
  });
  return names;
}

/** Two sends of the same act: the same mutation of the same input, whatever is asked of its answer. */
export function actOf({ field, input }: Mutation): string {
  return JSON.stringify([field, input], (_, value: unknown) =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
      : value,
  );
}

/** The document and variables with this key wherever the mutation's stands. */
export function withKey(mutation: Mutation, key: string): Pick<Operation, "document" | "variables"> {
  const document = visit(mutation.document, {
    Argument: (node) =>
      node.name.value === KEY && node.value.kind === Kind.STRING
        ? { ...node, value: { ...node.value, value: key } }
        : undefined,
  });
  const keys = Object.fromEntries(keyVariables(mutation).map((name) => [name, key]));
  return { document, variables: { ...mutation.variables, ...keys } };
}

/** The document with the fields that say whether its answer is final, where its payload has them. */
export function withFinalityFields(schema: GraphQLSchema, document: DocumentNode): DocumentNode {
  const types = schema.getMutationType()?.getFields() ?? {};
  return visit(document, {
    OperationDefinition: (operation) => ({
      ...operation,
      selectionSet: {
        ...operation.selectionSet,
        selections: operation.selectionSet.selections.map((field) => {
          if (field.kind !== Kind.FIELD || !field.selectionSet) return field;
          const payload = getNamedType(types[field.name.value]?.type);
          if (!isObjectType(payload) || !payload.getFields()["operation"]) return field;
          const selections = [...field.selectionSet.selections, ...FINALITY_FIELDS];
          return { ...field, selectionSet: { ...field.selectionSet, selections } };
        }),
      },
    }),
  });
}

const FINALITY_FIELDS = (
  parse(`{ ${FINALITY.errors}: errors { message retryable } ${FINALITY.operation}: operation { state } }`, { noLocation: true })
    .definitions[0] as OperationDefinitionNode
).selectionSet.selections;

/** Raises NotSent where an example's placeholder still stands. */
export function refusePlaceholders(value: unknown): void {
  if (typeof value === "string" && isPlaceholder(value)) {
    throw new NotSent(`“${value}” is a placeholder. Put what it stands for into the variables.`);
  }
  if (value !== null && typeof value === "object") Object.values(value).forEach(refusePlaceholders);
}
