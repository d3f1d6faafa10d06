import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { openBrowser, openPage } from "./browser";
import { type Demo, startDemo } from "./demo";

let demo: Demo;
let browser: Browser;

before(async () => {
  demo = await startDemo();
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

describe("explorer", () => {
  test("runs a query, a mutation and a subscription, and asks nobody else", async () => {
    const { page, isClean } = await explorer();

    await run(page, "Buyer");
    await answers(page, '"paymentStatus": "UNPAID"');
    await run(page, "Follow");
    await answers(page, '"sequence"');
    await page.getByRole("button", { name: "Stop query" }).click();
    await run(page, "Pay");
    await answers(page, '"status": "SUCCEEDED"');

    isClean();
  });

  test("a subscription hears of a payment while it runs, with the tab's own token", async () => {
    const { page, isClean } = await explorer();
    await page.getByRole("tab", { name: "Operations" }).click();
    await run(page, "Feed");
    await page.getByRole("button", { name: "Stop query" }).waitFor();

    await payAnOrder();

    await answers(page, '"type": "payment.succeeded"');
    isClean();
  });

  test("a new send takes a new key, and a replay keeps it", async () => {
    const { page } = await explorer();
    await page.getByRole("tab", { name: "Support" }).click();
    const sent = keys(page);

    await run(page, "Refund");
    await answers(page, '"replayed": false');
    await run(page, "Refund");
    await page.waitForFunction(() => true);
    await answered(page, sent, 2);
    await page.getByRole("button", { name: "Replay" }).click();
    await run(page, "Refund");
    await answers(page, '"replayed": true');

    assert.equal(sent.length, 3);
    assert.notEqual(sent[0], sent[1]);
    assert.equal(sent[1], sent[2]);
  });

  test("each tab asks as the caller that it is named after, and another can be chosen", async () => {
    const { page } = await explorer();
    const token = page.getByLabel("Ask as");

    for (const role of ["Buyer", "Support", "Finance", "Operations"]) {
      await page.getByRole("tab", { name: role, exact: true }).click();
      assert.equal(await token.inputValue(), role);
    }
    await token.selectOption("Finance");
    await page.getByRole("tab", { name: "Buyer", exact: true }).click();
    await page.getByRole("tab", { name: "Operations", exact: true }).click();

    assert.equal(await token.inputValue(), "Finance");
  });

  test("every tab's operations are answered without an error", async () => {
    const { page, isClean } = await explorer();

    for (const [tab, operations] of Object.entries({
      Support: ["Support", "Payments"],
      Finance: ["Finance", "Differences"],
      Operations: ["Operations"],
    })) {
      await page.getByRole("tab", { name: tab, exact: true }).click();
      for (const operation of operations) {
        const answer = page.waitForResponse((response) => response.url().endsWith("/graphql"));
        await run(page, operation);
        const { data, errors } = (await (await answer).json()) as { data: unknown; errors: unknown };
        assert.equal(errors, undefined);
        assert.ok(data);
      }
    }
    isClean();
  });

  test("tokens stay in memory", async () => {
    const { page } = await explorer();
    await page.getByRole("button", { name: "Add token" }).click();
    await page.getByLabel("Name").fill("Mine");
    await page.getByLabel("Bearer token").fill("Bearer a-token-of-mine");
    await page.getByRole("dialog").getByRole("button", { name: "Add" }).click();

    const request = page.waitForRequest((one) => one.url().endsWith("/graphql"));
    await run(page, "Buyer");

    assert.equal((await request).headers()["authorization"], "Bearer a-token-of-mine");
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
    assert.equal(kept, '[{},{},""]');
  });

  test("says that no real money moves", async () => {
    const { page } = await explorer();

    await page.getByText("TEST · no real money").waitFor();
  });
});

async function explorer() {
  const watched = await openPage(browser, demo.base, { viewport: { width: 1400, height: 900 } });
  await watched.page.goto("/explorer");
  await watched.page.locator(".graphiql-query-editor .view-line").first().waitFor();
  return watched;
}

async function run(page: Page, operation: string): Promise<void> {
  await page.getByRole("button", { name: "Execute query" }).click();
  await page.getByRole("menuitem", { name: operation, exact: true }).click();
}

async function answers(page: Page, text: string): Promise<void> {
  await page.waitForFunction(
    (wanted) => document.querySelector<HTMLElement>(".graphiql-response")?.innerText.replaceAll("\u00a0", " ").includes(wanted),
    text,
  );
}

/** The idempotency keys of the mutations that the page sends from now on. */
function keys(page: Page): string[] {
  const sent: string[] = [];
  page.on("request", (request) => {
    if (!request.url().endsWith("/graphql") || request.method() !== "POST") return;
    const { operationName, variables } = request.postDataJSON() as { operationName: string; variables: { key: string } };
    if (operationName === "Refund") sent.push(variables.key);
  });
  return sent;
}

async function answered(page: Page, sent: string[], count: number): Promise<void> {
  await answers(page, '"replayed": false');
  assert.equal(sent.length, count);
}

async function payAnOrder(): Promise<void> {
  const { registerOrder } = await demo.ask<{ registerOrder: { order: { id: string } } }>(
    "Administrator",
    `mutation { registerOrder(input: { externalId: "feed-1", total: { amount: 700, currency: "USD" },
       customerExternalId: "demo-buyer" }, idempotencyKey: "feed-order") { order { id } } }`,
  );
  await demo.ask(
    "Buyer",
    `mutation($order: ID!) { createPayment(input: { orderId: $order, expectedAmount: { amount: 700, currency: "USD" },
       paymentMethodId: "pm_card_visa", confirm: true }, idempotencyKey: "feed-pay") { payment { status } } }`,
    { order: registerOrder.order.id },
  );
}
