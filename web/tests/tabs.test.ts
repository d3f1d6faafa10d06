import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { buildSchema, getVariableValues, type GraphQLSchema, Kind, parse, validate } from "graphql";
import { keyVariables, withFreshKeys } from "../src/explorer/keys";
import { type OfferedOrder, roleTabs } from "../src/explorer/tabs";

const ORDERS: OfferedOrder[] = [
  { id: "order_1", externalId: "demo-1001", amount: 2599, currency: "USD", paymentId: "payment_1" },
  { id: "order_2", externalId: "demo-1002", amount: 4950, currency: "USD", paymentId: null },
];

describe("the explorer's tabs", async () => {
  const schema: GraphQLSchema = buildSchema(
    await readFile(join(import.meta.dirname, "..", "..", "schema", "schema.graphql"), "utf8"),
  );

  for (const orders of [[], ORDERS]) {
    for (const { role, query, variables } of roleTabs(orders)) {
      test(`${role}: every operation and its variables fit the schema (${orders.length} orders)`, () => {
        const document = parse(query);
        const operations = document.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);

        assert.deepEqual(validate(schema, document), []);
        for (const operation of operations) {
          assert.match(operation.name?.value ?? "", new RegExp(`^${role}[A-Z]`));
          const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
          assert.equal(errors, undefined, `${operation.name?.value}: ${errors}`);
        }
      });
    }
  }

  test("what is paid and what is refunded are different orders", () => {
    const [buyer, support] = roleTabs(ORDERS);

    assert.equal((buyer?.variables["pay"] as { orderId: string }).orderId, "order_2");
    assert.equal((support?.variables["refund"] as { paymentId: string }).paymentId, "payment_1");
  });
});

describe("idempotency keys", () => {
  const DOCUMENT = `
    query Look { viewer { id } }
    mutation Pay($p: CreatePaymentInput!, $mine: IdempotencyKey!) { createPayment(input: $p, idempotencyKey: $mine) { replayed } }
    mutation Fixed($p: CreatePaymentInput!) { createPayment(input: $p, idempotencyKey: "fixed") { replayed } }`;

  test("the key of the mutation that is sent is found, whatever its variable is called", () => {
    assert.deepEqual(keyVariables(DOCUMENT, "Pay"), ["mine"]);
  });

  test("a query has none, nor has a mutation whose key is written out", () => {
    assert.deepEqual(keyVariables(DOCUMENT, "Look"), []);
    assert.deepEqual(keyVariables(DOCUMENT, "Fixed"), []);
  });

  test("a fresh key changes nothing else", () => {
    assert.deepEqual(withFreshKeys({ mine: "old", p: 1 }, ["mine"], () => "new"), { mine: "new", p: 1 });
  });
});
