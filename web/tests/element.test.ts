import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { openBrowser, openPage } from "./browser";
import { startDemo, startStripe } from "./demo";

const ORDER = "query($id: ID!) { order(id: $id) { paymentStatus payments { nodes { status amountCaptured { amount } } } } }";

interface Order {
  readonly paymentStatus: string;
  readonly payments: { readonly nodes: readonly { readonly status: string; readonly amountCaptured: { amount: number } }[] };
}

test("with a publishable key the buyer pays in Stripe's own form, after a decline too, and is charged once", async (context) => {
  const stripe = await startStripe();
  context.after(() => stripe.stop());
  const demo = await startDemo(withKey(stripe.base));
  context.after(() => demo.stop());
  const browser = await openBrowser();
  context.after(() => browser.close());
  const { page, isClean } = await openPage(browser, demo.base, {}, ["https://js.stripe.com", "https://api.stripe.com"]);
  await playStripe(page, stripe.base);
  const order = demo.session.orders.find(({ externalId }) => externalId === "demo-1002")?.id ?? "";
  const token = demo.session.tokens.find(({ name }) => name === "Buyer")?.token;

  await page.goto(`/checkout?order=${order}#token=${token}`);
  await page.getByText("Stripe's form").waitFor();
  assert.equal(new URL(page.url()).hash, "", "the token does not stay in the address");
  await page.evaluate(() => Object.assign(window, { method: "pm_card_visa_chargeDeclined" }));
  await page.getByRole("button", { name: "Pay $49.50" }).click();
  await page.getByRole("alert").getByText("Nothing was charged").waitFor();
  await page.reload();
  await page.getByText("Stripe's form").waitFor();
  await page.evaluate(() => Object.assign(window, { method: "pm_card_visa" }));
  await page.getByRole("button", { name: "Pay $49.50" }).click();
  await page.getByRole("heading", { name: "Paid. Thank you!" }).waitFor();

  const seen = await demo.ask<{ order: Order }>("Support", ORDER, { id: order });
  assert.equal(seen.order.paymentStatus, "PAID");
  assert.deepEqual(seen.order.payments.nodes, [{ status: "SUCCEEDED", amountCaptured: { amount: 4950 } }]);
  isClean();
});

const REPRICE = `mutation($total: MoneyInput!, $key: IdempotencyKey!) {
  registerOrder(idempotencyKey: $key, input: { externalId: "demo-1002", total: $total, customerExternalId: "demo-buyer" }) {
    errors { message } payment { amount { amount } } } }`;

test("a new amount is fetched by Stripe's form, and one that the buyer has not seen is never confirmed", async (context) => {
  const stripe = await startStripe();
  context.after(() => stripe.stop());
  const demo = await startDemo(withKey(stripe.base));
  context.after(() => demo.stop());
  const browser = await openBrowser();
  context.after(() => browser.close());
  const { page, isClean } = await openPage(browser, demo.base, {}, ["https://js.stripe.com", "https://api.stripe.com"]);
  await playStripe(page, stripe.base);
  let isDeaf = false;
  await page.routeWebSocket("**/graphql", (socket) => {
    const server = socket.connectToServer();
    server.onMessage((text) => void (isDeaf || socket.send(text)));
  });
  const reprice = async (amount: number) => {
    const variables = { total: { amount, currency: "USD" }, key: `reprice-demo-1002-${amount}` };
    const { registerOrder } = await demo.ask<{ registerOrder: object }>("Administrator", REPRICE, variables);
    assert.deepEqual(registerOrder, { errors: [], payment: { amount: { amount } } });
  };
  const order = demo.session.orders.find(({ externalId }) => externalId === "demo-1002")?.id ?? "";
  await page.goto(`/checkout?order=${order}#token=${demo.session.tokens.find(({ name }) => name === "Buyer")?.token}`);
  await page.getByText("Stripe's form").waitFor();
  await page.getByText("Status is live").waitFor();
  await page.evaluate(() => Object.assign(window, { method: "pm_card_visa" }));

  await reprice(6150);
  await page.getByRole("alert").getByText("The amount of your order has changed.").waitFor();
  await page.getByRole("button", { name: "Pay $61.50" }).waitFor();
  await page.waitForFunction(() => (window as { updates?: number }).updates === 1);
  isDeaf = true;
  await reprice(7350);
  await page.getByRole("button", { name: "Pay $61.50" }).click();
  await page.getByRole("button", { name: "Pay $73.50" }).waitFor();
  const before = await demo.ask<{ order: Order }>("Support", ORDER, { id: order });
  await page.getByRole("button", { name: "Pay $73.50" }).click();
  await page.getByRole("heading", { name: "Paid. Thank you!" }).waitFor();

  assert.deepEqual(before.order.payments.nodes, [{ status: "REQUIRES_PAYMENT_METHOD", amountCaptured: { amount: 0 } }]);
  const seen = await demo.ask<{ order: Order }>("Support", ORDER, { id: order });
  assert.deepEqual(seen.order.payments.nodes, [{ status: "SUCCEEDED", amountCaptured: { amount: 7350 } }]);
  isClean();
});

test("what has no page of its own is left to Stripe.js, with the payment's secret", async (context) => {
  const stripe = await startStripe();
  context.after(() => stripe.stop());
  const demo = await startDemo(withKey(stripe.base));
  context.after(() => demo.stop());
  const browser = await openBrowser();
  context.after(() => browser.close());
  const { page, isClean } = await openPage(browser, demo.base, {}, ["https://js.stripe.com", "https://api.stripe.com"]);
  await playStripe(page, stripe.base);
  await page.route("**/graphql", async (route) => {
    const response = await route.fetch();
    const text = (await response.text()).replace(/"redirectUrl":"[^"]*"/, '"redirectUrl":null');
    await route.fulfill({ response, body: text });
  });
  await page.goto(`/checkout?order=${demo.session.orders[1]?.id}#token=${demo.session.tokens[0]?.token}`);
  await page.getByText("Stripe's form").waitFor();
  await page.evaluate(() => Object.assign(window, { method: "pm_card_threeDSecure2Required" }));

  await page.getByRole("button", { name: "Pay $49.50" }).click();
  await page.getByRole("button", { name: "Continue to your bank" }).click();
  await page.waitForFunction(() => "handled" in window);

  assert.match(String(await page.evaluate(() => (window as { handled?: unknown }).handled)), /^pi_\w+_secret_\w+$/);
  isClean();
});

test("when Stripe cannot be reached, the page says so", async (context) => {
  const stripe = await startStripe();
  context.after(() => stripe.stop());
  const demo = await startDemo(withKey(stripe.base));
  context.after(() => demo.stop());
  const browser = await openBrowser();
  context.after(() => browser.close());
  const { page } = await openPage(browser, demo.base);
  await page.route("https://js.stripe.com/**", (route) => route.abort());

  await page.goto(`/checkout?order=${demo.session.orders[1]?.id}#token=${demo.session.tokens[0]?.token}`);

  await page.getByRole("alert").getByText("The card form could not be loaded").waitFor();
});

function withKey(base: string) {
  return {
    STRIPE_SECRET_KEY: "sk_test_of_the_tests",
    STRIPE_API_BASE: base,
    STRIPE_WEBHOOK_SECRETS: "whsec_of_the_tests",
    STRIPE_PUBLISHABLE_KEY: "pk_test_of_the_tests",
  };
}

/** Stripe.js with a form that says what it is, and Stripe's API for browsers, played by the offline Stripe. */
async function playStripe(page: Page, base: string): Promise<void> {
  await page.route("https://js.stripe.com/**", (route) =>
    route.fulfill({ contentType: "text/javascript", path: join(import.meta.dirname, "stripe.js") }),
  );
  await page.route("https://api.stripe.com/**", async (route) => {
    const { pathname } = new URL(route.request().url());
    const response = await route.fetch({ url: base + pathname });
    await route.fulfill({ response, headers: { ...response.headers(), "access-control-allow-origin": "*" } });
  });
}
