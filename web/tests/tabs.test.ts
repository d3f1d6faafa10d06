import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { buildSchema, getVariableValues, type GraphQLSchema, Kind, parse, validate } from "graphql";
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
