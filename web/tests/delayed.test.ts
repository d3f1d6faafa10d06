import assert from "node:assert/strict";
import { test } from "node:test";
import { openBrowser, openPage } from "./browser";
import { type Demo, startDemo } from "./demo";

const ORDER = `query($id: ID!) { order(id: $id) {
  paymentStatus amountPaid { amount } payments { nodes { status } } } }`;

test("a method that takes days is on its way, never paid, and nothing can be paid beside it", async (context) => {
  const demo = await startDemo();
  context.after(() => demo.stop());
  const browser = await openBrowser();
  context.after(() => browser.close());
  const { page, isClean } = await openPage(browser, demo.base);
  await page.goto("/checkout");

  await page.getByLabel("Takes some days").check();
  await page.getByRole("button", { name: "Pay $79.50" }).click();

  for (const isBack of [false, true]) {
    if (isBack) await page.reload();
    await page.getByRole("heading", { name: "Your payment is on its way" }).waitFor();
    const shown = await page.locator("main").innerText();
    assert.match(shown, /asked your bank for \$79\.50 from your account ending in 6789/);
    assert.doesNotMatch(shown, /Thank you|Amount paid/);
    assert.equal(await page.getByRole("button").count(), 0);
  }
  const id = new URL(page.url()).searchParams.get("order");
  assert.deepEqual(await demo.ask("Support", ORDER, { id }), {
    order: { paymentStatus: "PENDING", amountPaid: { amount: 0 }, payments: { nodes: [{ status: "PROCESSING" }] } },
  });
  isClean();
});

const REGISTER = `mutation($input: RegisterOrderInput!, $key: IdempotencyKey!) {
  registerOrder(input: $input, idempotencyKey: $key) { errors { message } order { id } } }`;
const CREATE = `mutation($input: CreatePaymentInput!, $key: IdempotencyKey!) {
  createPayment(input: $input, idempotencyKey: $key) { errors { message } payment { status } } }`;

test("a voucher is found again days later, on another device, by its payer alone", async (context) => {
  const demo = await startDemo();
  context.after(() => demo.stop());
  const browser = await openBrowser();
  context.after(() => browser.close());
  const order = await orderWithVoucher(demo);
  const buyer = demo.session.tokens.find((one) => one.name === "Buyer")?.token;
  const { page, isClean } = await openPage(browser, demo.base);

  await page.goto(`/checkout?order=${order}#token=${buyer}`);

  await page.getByRole("heading", { name: "Pay your voucher" }).waitFor();
  const shown = await page.getByTestId("instructions").innerText();
  assert.match(shown, /Entity\s+11249\s+Reference\s+123456789\s+Pay before\s+\S+/);
  assert.doesNotMatch(await page.locator("main").innerText(), /Thank you|Amount paid/);
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  assert.doesNotMatch(kept, /123456789/);
  await page.getByRole("button", { name: "Show the voucher" }).click();
  await page.waitForURL(/_sandbox\/3ds\//);
  isClean();
});

/** An order of the demo's buyer, with a voucher that waits to be paid; returns the order's id. */
async function orderWithVoucher(demo: Demo): Promise<string> {
  const subject = JSON.parse(atob((demo.session.tokens.find((one) => one.name === "Buyer")?.token ?? "").split(".")[1] ?? "")).sub;
  const total = { amount: 7950, currency: "EUR" };
  const given = { externalId: "voucher-1", total, customerExternalId: subject };
  const { registerOrder } = await demo.ask<{ registerOrder: { order: { id: string } } }>("Administrator", REGISTER, {
    input: given,
    key: crypto.randomUUID(),
  });
  const orderId = registerOrder.order.id;
  const pays = { paymentMethodId: "pm_multibanco", confirm: true, returnUrl: demo.base };
  const input = { orderId, expectedAmount: total, ...pays };
  const { createPayment } = await demo.ask<{ createPayment: { errors: unknown[] } }>("Buyer", CREATE, {
    input,
    key: crypto.randomUUID(),
  });
  assert.deepEqual(createPayment.errors, []);
  return orderId;
}
