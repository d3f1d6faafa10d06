import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { openBrowser } from "./browser";
import { isPaid, openCheckout, pay } from "./buyer";
import { type Demo, startDemo } from "./demo";

const KEPT = `query($id: ID!) { order(id: $id) {
  paymentStatus payments { nodes { setupFutureUsage } }
  customer { paymentMethods { nodes { usage snapshot { ... on CardSnapshot { brand last4 } } } } } } }`;

interface Order {
  readonly paymentStatus: string;
  readonly payments: { readonly nodes: readonly { readonly setupFutureUsage: string | null }[] };
  readonly customer: { readonly paymentMethods: { readonly nodes: readonly object[] } };
}

const VISA = { usage: "ON_SESSION", snapshot: { brand: "visa", last4: "4242" } };

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

describe("keeping a card", () => {
  test("a card is kept where the buyer says so", async () => {
    const { page, isClean } = await checkout();

    await page.getByLabel("Keep this card for later").check();
    await pay(page);
    await isPaid(page);

    assert.deepEqual((await asked(page)).customer.paymentMethods.nodes, [VISA]);
    isClean();
  });

  test("a card is not kept where the buyer says nothing", async () => {
    const { page } = await checkout();

    await pay(page);
    await isPaid(page);

    const order = await asked(page);
    assert.deepEqual(order.payments.nodes, [{ setupFutureUsage: null }]);
    assert.deepEqual(order.customer.paymentMethods.nodes, []);
  });

  test("a reload before the answer keeps what the buyer agreed to, and no more", async () => {
    for (const isKept of [true, false]) {
      const { page } = await checkout();
      const held = new Promise<void>((resolve) => {
        let isHeld = false;
        void page.route("**/graphql", (route) => {
          if (isHeld || !(route.request().postData() ?? "").includes("CheckoutPay\"")) return route.continue();
          isHeld = true;
          resolve(); // and never goes on: the reload ends it
          return undefined;
        });
      });

      await page.getByLabel("Keep this card for later").setChecked(isKept);
      await pay(page);
      await held;
      await page.reload();
      await isPaid(page);

      assert.deepEqual((await asked(page)).customer.paymentMethods.nodes, isKept ? [VISA] : []);
    }
  });

  test("a payment that is tried again keeps what it began with, and the page says so", async () => {
    const { page } = await checkout();

    await page.getByLabel("Keep this card for later").check();
    await pay(page, "Is declined");
    await page.getByText("As you chose when you began to pay.").waitFor();
    assert.ok(await page.getByLabel("Keep this card for later").isChecked());
    assert.ok(await page.getByLabel("Keep this card for later").isDisabled());
    await pay(page);
    await isPaid(page);

    assert.deepEqual((await asked(page)).customer.paymentMethods.nodes, [VISA]);
  });
});

const checkout = () => openCheckout(browser, demo.base);

/** What the staff sees of the page's order and its customer. */
async function asked(page: Page): Promise<Order> {
  const id = new URL(page.url()).searchParams.get("order");
  return (await demo.ask<{ order: Order }>("Support", KEPT, { id })).order;
}
