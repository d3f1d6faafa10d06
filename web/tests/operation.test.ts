import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { buildSchema, print } from "graphql";
import { type Answer, judge, withoutFinalityFields } from "../src/explorer/answer";
import { Attempts } from "../src/explorer/attempts";
import { describe as inWords } from "../src/explorer/money";
import {
  actOf,
  withFinalityFields,
  NotSent,
  readMutation,
  readOperation,
  refusePlaceholders,
  withKey,
} from "../src/explorer/operation";

const schema = buildSchema(await readFile(join(import.meta.dirname, "..", "..", "schema", "schema.graphql"), "utf8"));

const INPUT = { paymentId: "payment_1", amount: { amount: 100, currency: "USD" }, reason: "DUPLICATE" };
const BY_VARIABLE = `query Look { viewer { kind } }
  mutation Refund($r: RefundPaymentInput!, $mine: IdempotencyKey!) { refundPayment(input: $r, idempotencyKey: $mine) { replayed } }`;
const WRITTEN_OUT = `mutation {
  again: refundPayment(idempotencyKey: "k-1", input: {
    reason: DUPLICATE, amount: { currency: "USD", amount: 100 }, paymentId: "payment_1" }) { errors { code } } }`;

const mutation = (text: string, name: string | null, variables = {}) =>
  readMutation(schema, readOperation(text, name, variables));

describe("an operation", () => {
  test("takes with it the variables that it declares, and no others", () => {
    const { variables } = readOperation(BY_VARIABLE, "Refund", { r: INPUT, mine: "k", orderId: "order_1" });

    assert.deepEqual(variables, { r: INPUT, mine: "k" });
  });

  for (const [text, name, sentence] of [
    ["{ viewer", null, /Syntax Error/],
    ["", null, /Syntax Error/],
    [BY_VARIABLE, null, /Choose/],
    [BY_VARIABLE, "Other", /Choose/],
  ] as const) {
    test(`that cannot be chosen is told in a sentence: ${JSON.stringify(text.slice(0, 8))} ${name}`, () => {
      assert.throws(() => readOperation(text, name, {}), (error) => error instanceof NotSent && sentence.test(error.message));
    });
  }
});

describe("a mutation", () => {
  test("is the same act however it is written, and whatever is asked of its answer", () => {
    const one = mutation(BY_VARIABLE, "Refund", { r: INPUT, mine: "k" });
    const other = mutation(WRITTEN_OUT, null);

    assert.equal(actOf(one), actOf(other));
    assert.deepEqual([one.key, other.key], ["k", "k-1"]);
  });

  test("of another amount is another act", () => {
    const more = { ...INPUT, amount: { amount: 101, currency: "USD" } };

    assert.notEqual(actOf(mutation(BY_VARIABLE, "Refund", { r: INPUT })), actOf(mutation(BY_VARIABLE, "Refund", { r: more })));
  });

  test("carries its key wherever that stands", () => {
    const one = withKey(mutation(BY_VARIABLE, "Refund", { r: INPUT }), "kept");
    const other = withKey(mutation(WRITTEN_OUT, null), "kept");

    assert.deepEqual(one.variables, { r: INPUT, mine: "kept" });
    assert.match(print(other.document), /idempotencyKey: "kept"/);
  });

  test("asks beside what is asked whether the answer is final", () => {
    const asked = print(withFinalityFields(schema, mutation(WRITTEN_OUT, null).document));

    mutation(asked, null); // which the schema allows
    assert.match(asked, /explorerErrors: errors/);
  });

  for (const [what, text, variables] of [
    ["does not fit the schema", "mutation { refundEverything { ok } }", {}],
    ["lacks a variable", BY_VARIABLE, { mine: "k" }],
    ["is two", `mutation Refund { a: syncPayment(paymentId: "p") { replayed } b: syncPayment(paymentId: "p") { replayed } }`, {}],
  ] as const) {
    test(`that ${what} is not sent`, () => {
      const name = text === BY_VARIABLE ? "Refund" : null;
      assert.throws(() => mutation(text, name, variables), NotSent);
    });
  }

  test("holds no placeholder", () => {
    assert.throws(() => refusePlaceholders({ pay: { orderId: "order_…" } }), NotSent);
    assert.throws(() => refusePlaceholders({ key: "made-when-you-send" }), NotSent);
    refusePlaceholders({ note: "and so on…", amount: 1, none: null });
  });
});

describe("an answer", () => {
  const DONE = { explorerErrors: [], explorerOperation: { state: "SUCCEEDED" }, refund: {} };
  const error = (retryable: boolean) => [{ message: "So it is.", retryable }];
  const at = (status: number, body?: Record<string, unknown>): Answer => ({ status, body, retryAfterSeconds: null });
  const payload = (more: object, status = 200) => at(status, { data: { answer: { ...DONE, ...more } } });
  const errors = (extensions: object, status = 200) => at(status, { data: null, errors: [{ message: "So it is.", extensions }] });

  const CASES: [string, Answer, string][] = [
    ["none", null, "undecided"],
    ["a proxy's page", at(502), "undecided"],
    ["half of one", at(200), "undecided"],
    ["nothing about the act", at(200, {}), "undecided"],
    ["429", errors({}, 429), "undecided"],
    ["503", errors({}, 503), "undecided"],
    ["a masked error", errors({ code: "INTERNAL_SERVER_ERROR" }), "undecided"],
    ["retryable, in errors", errors({ retryable: true }), "undecided"],
    ["retryable, in data.errors", payload({ explorerErrors: error(true) }), "undecided"],
    ["an operation that is not over", payload({ explorerOperation: { state: "UNRESOLVED" } }), "undecided"],
    ["401", errors({ code: "UNAUTHENTICATED" }, 401), "refused"],
    ["404 of a proxy", at(404), "refused"],
    ["refused before the key was used", payload({ explorerErrors: error(false), explorerOperation: null }), "refused"],
    ["refused for good", payload({ explorerErrors: error(false), explorerOperation: { state: "FAILED" } }), "decided"],
    ["done", payload({}), "decided"],
  ];
  for (const [name, answer, kind] of CASES) {
    test(`${name} is ${kind}`, () => assert.equal(judge(answer, "answer").kind, kind));
  }

  test("is shown as it was asked for", () => {
    const body = { data: { answer: DONE }, extensions: { cost: 1 } };

    assert.deepEqual(withoutFinalityFields(body, "answer"), { data: { answer: { refund: {} } }, extensions: { cost: 1 } });
  });
});

describe("an act in words", () => {
  const money = (amount: number, currency = "USD", exponent = 2) => ({ amount, currency, exponent });
  const ORDER = { externalId: "shop-7", captureMethod: "AUTOMATIC", total: money(5000) };
  const PAYMENT = {
    amount: money(5000),
    amountCapturable: money(4000),
    amountRefundable: money(1234),
    order: { externalId: "shop-7" },
  };
  const told = async (field: string, args: string, found: object | null = { order: ORDER, payment: PAYMENT }) => {
    const text = `mutation { ${field}(${args}, idempotencyKey: "k") { replayed } }`;
    return (await inWords(mutation(text, null), async () => found as Record<string, unknown> | null)).title;
  };
  const PAY = `orderId: "order_1", expectedAmount: { amount: 5000, currency: "USD" }`;

  for (const [title, field, args] of [
    ["Charge USD 50.00 for order shop-7 (order_1)", "createPayment", `input: { ${PAY}, confirm: true }`],
    ["Hold USD 50.00 for order shop-7 (order_1)", "createPayment", `input: { ${PAY}, confirm: true, captureMethod: MANUAL }`],
    ["Prepare a payment of USD 50.00 for order shop-7 (order_1); nothing is charged yet", "createPayment", `input: { ${PAY} }`],
    ["Charge USD 50.00 for payment payment_1 (order shop-7)", "confirmPayment", `input: { paymentId: "payment_1", paymentMethodId: "pm_1" }`],
    ["Capture USD 40.00 of payment payment_1 (order shop-7)", "capturePayment", `input: { paymentId: "payment_1" }`],
    ["Refund USD 12.34 of payment payment_1 (order shop-7)", "refundPayment", `input: { paymentId: "payment_1", reason: OTHER }`],
    [
      "Give up payment payment_1 (order shop-7) of USD 50.00 and release what it holds",
      "cancelPayment",
      `input: { paymentId: "payment_1" }`,
    ],
  ] as const) {
    test(title, async () => assert.equal(await told(field, args), title));
  }

  test("an order whose money is held first is held", async () => {
    const held = { order: { ...ORDER, captureMethod: "MANUAL" } };

    assert.match(await told("createPayment", `input: { ${PAY}, confirm: true }`, held), /^Hold USD 50\.00/);
  });

  test("a currency without cents has none, and one that nobody knows is told in minor units", async () => {
    const refund = (currency: string) =>
      `input: { paymentId: "payment_1", reason: OTHER, amount: { amount: 5, currency: "${currency}" } }`;
    const yen = { payment: { ...PAYMENT, amount: money(5000, "JPY", 0) } };

    assert.match(await told("refundPayment", refund("JPY"), yen), /^Refund JPY 5 of/);
    assert.match(await told("refundPayment", refund("USD")), /^Refund USD 0\.05 of/);
    assert.match(await told("refundPayment", refund("ISK"), null), /^Refund 5 ISK in minor units of payment payment_1$/);
  });
});

describe("attempts", () => {
  const ATTEMPT = { key: "k", act: "a", caller: "c", as: "C", title: "t", sentAt: 1, query: "q", variables: {} };

  test("that cannot be read are none, and foreign entries are left alone", () => {
    const entries: Record<string, string> = {
      "paygraph.explorer.k": JSON.stringify(ATTEMPT),
      "paygraph.explorer.half": '{"key":',
      "paygraph.explorer.other": '{"key":"other"}',
      "paygraph.attempt.order_1": JSON.stringify({ ...ATTEMPT, key: "of the checkout" }),
    };
    const storage = Object.create({ getItem: (name: string) => entries[name] ?? null }, Object.getOwnPropertyDescriptors(entries));

    assert.deepEqual(new Attempts(() => storage as Storage).all(), [ATTEMPT]);
  });

  test("of a browser without storage are none, and none is kept in silence", () => {
    const attempts = new Attempts(() => {
      throw new Error("storage is off");
    });

    assert.deepEqual(attempts.all(), []);
    assert.throws(() => attempts.keep(ATTEMPT));
  });
});
