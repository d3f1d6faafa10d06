import assert from "node:assert/strict";
import { test } from "node:test";
import { openBrowser, openPage } from "./browser";
import { startDemo } from "./demo";

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
