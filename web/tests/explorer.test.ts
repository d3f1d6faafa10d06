import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, Page, Request } from "playwright-core";
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

    await run(page, "BuyerSees");
    await answers(page, '"paymentStatus": "UNPAID"');
    await run(page, "BuyerFollows");
    await answers(page, '"sequence"');
    await page.getByRole("button", { name: "Stop query" }).click();
    await run(page, "BuyerPays");
    await answers(page, '"status": "SUCCEEDED"');

    isClean();
  });

  test("where the schema is not for everybody it asks for a token, and says so in words", async () => {
    const { page } = await openPage(browser, demo.base);
    await page.route("**/schema.graphql", async (route) => {
      const token = route.request().headers().authorization;
      if (token === "Bearer one-with-the-scope") return route.continue({ headers: {} });
      return route.fulfill({ status: token ? 403 : 401, json: { errors: [{ message: "No." }] } });
    });
    await page.goto("/explorer");

    for (const token of ["one-without", "one-with-the-scope"]) {
      await page.getByLabel("This server shows its schema to tokens with the scope explorer").fill(token);
      await page.getByRole("button", { name: "Open" }).click();
    }

    await page.getByRole("button", { name: "Replay" }).waitFor();
  });

  test("a subscription hears of a payment while it runs, with the tab's own token", async () => {
    const { page, isClean } = await explorer();
    await show(page, "Operations");
    await run(page, "OperationsFollows");
    await page.getByRole("button", { name: "Stop query" }).waitFor();

    await payAnOrder();

    await answers(page, '"type": "payment.succeeded"');
    isClean();
  });

  test("a new send takes a new key, and a replay keeps it", async () => {
    const { page } = await explorer();
    await show(page, "Support");
    const sent = keys(page);

    const first = await send<Refund>(page, "SupportRefunds");
    const second = await send<Refund>(page, "SupportRefunds");
    await page.getByRole("button", { name: "Replay" }).click();
    const again = await send<Refund>(page, "SupportRefunds");

    assert.deepEqual(
      [first, second, again].map(({ data }) => data.refundPayment.replayed),
      [false, false, true],
    );
    assert.notEqual(first.data.refundPayment.refund.id, second.data.refundPayment.refund.id);
    assert.equal(second.data.refundPayment.refund.id, again.data.refundPayment.refund.id);
    assert.equal(sent.length, 3);
    assert.notEqual(sent[0], sent[1]);
    assert.equal(sent[1], sent[2]);
  });

  test("each tab asks as the caller that it is named after, and another can be chosen", async () => {
    const { page } = await explorer();
    const token = page.getByLabel("Ask as");

    for (const role of ["Buyer", "Support", "Finance", "Operations"]) {
      await show(page, role);
      assert.equal(await token.inputValue(), role);
    }
    await token.selectOption("Finance");
    await show(page, "Buyer");
    await show(page, "Operations");

    assert.equal(await token.inputValue(), "Finance");
  });

  test("every tab's operations are answered without an error", async () => {
    const { page, isClean } = await explorer();

    for (const [tab, operations] of Object.entries({
      Support: ["SupportFinds", "SupportLists"],
      Finance: ["FinanceChecks", "FinanceCompares"],
      Operations: ["OperationsLooks", "OperationsReplays"],
    })) {
      await show(page, tab);
      for (const operation of operations) {
        const { data, errors } = await send<unknown>(page, operation);
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
    await run(page, "BuyerSees");

    assert.equal((await request).headers()["authorization"], "Bearer a-token-of-mine");
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
    assert.equal(kept, '[{},{},""]');
  });

  test("whoever opens /graphql in a browser is led to it", async () => {
    const { page, isClean } = await openPage(browser, demo.base);

    await page.goto("/graphql");
    await page.getByRole("link", { name: /explorer/i }).click();
    await page.locator(".graphiql-query-editor .view-line").first().waitFor();

    assert.equal(new URL(page.url()).pathname, "/explorer");
    isClean();
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

/** Open the tab of this kind of caller; its title is the operation that was chosen in it last. */
async function show(page: Page, role: string): Promise<void> {
  await page.getByRole("tab", { name: role }).click();
}

async function run(page: Page, operation: string): Promise<void> {
  await page.getByRole("button", { name: "Execute query" }).click();
  await page.getByRole("menuitem", { name: operation, exact: true }).click();
}

interface Answer<Data> {
  readonly data: Data;
  readonly errors?: unknown;
}

interface Refund {
  readonly refundPayment: { readonly replayed: boolean; readonly refund: { readonly id: string } };
}

async function send<Data>(page: Page, operation: string): Promise<Answer<Data>> {
  const answer = page.waitForResponse((response) => operationName(response.request()) === operation);
  await run(page, operation);
  return (await (await answer).json()) as Answer<Data>;
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
    if (operationName(request) !== "SupportRefunds") return;
    sent.push((request.postDataJSON() as { variables: { key: string } }).variables.key);
  });
  return sent;
}

function operationName(request: Request): string | undefined {
  if (!request.url().endsWith("/graphql") || request.method() !== "POST") return undefined;
  return (request.postDataJSON() as { operationName?: string }).operationName;
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
