import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Act, attemptsIn, forgettingIn } from "../src/checkout/attempt";

const PAY: Act = { act: "pay", paymentMethodId: "pm_card_visa", isKept: false, expected: { amount: 100, currency: "USD" } };

function storage(): Storage {
  const kept = new Map<string, string>();
  return {
    get length() {
      return kept.size;
    },
    key: (index) => [...kept.keys()][index] ?? null,
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, value),
    removeItem: (name) => void kept.delete(name),
    clear: () => kept.clear(),
  };
}

describe("an attempt", () => {
  test("is kept before it is returned, and found by whoever opens the page next", () => {
    const place = storage();

    const begun = attemptsIn(place).begin("order_1", PAY);

    assert.deepEqual(attemptsIn(place).current("order_1"), begun);
  });

  test("is the only one of its order until its outcome is known", () => {
    const attempts = attemptsIn(storage());
    const first = attempts.begin("order_1", PAY);

    const second = attempts.begin("order_1", { act: "give-up", paymentId: "payment_1" });
    attempts.end("order_1", first.key);
    const third = attempts.begin("order_1", PAY);

    assert.deepEqual(second, first);
    assert.notEqual(third.key, first.key);
  });

  test("is not ended by the outcome of an earlier one", () => {
    const attempts = attemptsIn(storage());
    const first = attempts.begin("order_1", PAY);
    attempts.end("order_1", first.key);
    const second = attempts.begin("order_1", PAY);

    attempts.end("order_1", first.key);

    assert.deepEqual(attempts.current("order_1"), second);
  });

  test("of one order is not that of another", () => {
    const attempts = attemptsIn(storage());

    attempts.begin("order_1", PAY);

    assert.equal(attempts.current("order_2"), null);
  });

  test("at a saved method is found with all others by whoever opens any order next, and is none of an order's", () => {
    const place = storage();
    attemptsIn(place).begin("order_1", PAY);
    const begun = forgettingIn(place).begin("method_1", { act: "forget" });
    place.setItem("paygraph.forget.method_2", "{");

    assert.deepEqual(forgettingIn(place).ids(), ["method_1"]);
    assert.deepEqual(forgettingIn(place).begin("method_1", { act: "forget" }), begun);
    assert.deepEqual(attemptsIn(place).ids(), ["order_1"]);
  });

  test("that cannot be read is none", () => {
    const place = storage();
    for (const broken of ["{", "null", "[]", '{"key":"k"}', '{"key":1,"act":"pay"}']) {
      place.setItem("paygraph.attempt.order_1", broken);
      assert.equal(attemptsIn(place).current("order_1"), null);
    }
  });
});
