import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { openBrowser } from "./browser";
import { isPaid, openCheckout, pay } from "./buyer";
import { type Demo, startDemo } from "./demo";

const CHANGED = "The amount of your order has changed. Please look at it again.";
const ORDER = `query($id: ID!) { order(id: $id) {
  paymentStatus total { amount } amountPaid { amount } payments { nodes { status amountCaptured { amount } } } } }`;

interface Order {
  readonly paymentStatus: string;
  readonly total: { readonly amount: number };
  readonly amountPaid: { readonly amount: number };
  readonly payments: { readonly nodes: readonly { readonly status: string; readonly amountCaptured: { amount: number } }[] };
}

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

describe("the price changes while the page is open", () => {
  test("a delivery costs what the shop says: at once, in another tab, and after a reload", async () => {
    const { page, isClean } = await checkout();
    const other = await page.context().newPage();
    await other.goto(page.url());
    await other.getByText("Status is live").waitFor();

    await page.getByLabel("Express delivery").check();
    await page.getByRole("button", { name: "Pay $91.50" }).waitFor();
    assert.equal(await page.getByText(CHANGED).count(), 0, "who has asked for it is not warned of it");
    await other.getByRole("alert").getByText(CHANGED).waitFor();
    assert.ok(await other.getByLabel("Express delivery").isChecked());
    await page.reload();
    await page.getByRole("button", { name: "Pay $91.50" }).waitFor();
    assert.match(await page.getByLabel("Your order").innerText(), /Express delivery\s+\$12\.00/);
    await other.getByRole("button", { name: "Pay $91.50" }).click();
    await isPaid(page);

    await chargedOnce(page, 9150);
    isClean();
  });

  test("a payment that was declined follows, and its second try is charged the new amount", async () => {
    const { page } = await checkout();
    await pay(page, "Is declined");
    await page.getByRole("alert").getByText("Nothing was charged").waitFor();

    await page.getByLabel("Express delivery").check();
    await page.getByRole("button", { name: "Pay $91.50" }).waitFor();
    await pay(page, "Is accepted");
    await isPaid(page);

    await chargedOnce(page, 9150);
  });

  for (const isDeclinedBefore of [false, true]) {
    const what = isDeclinedBefore ? "a second try" : "a payment";
    test(`${what} that is sent while the amount changes is refused in words, and nothing is charged`, async () => {
      const { page, isClean } = await checkout();
      if (isDeclinedBefore) {
        await pay(page, "Is declined");
        await page.getByRole("alert").getByText("Nothing was charged").waitFor();
      }
      const other = await page.context().newPage();
      await other.goto(page.url());
      await other.getByRole("button", { name: "Pay $79.50" }).waitFor(); // a tab that is opened later would send it, too
      const { isHeld, release } = await hold(page, /"operationName":"Checkout(Pay|TryAgain)"/);

      await pay(page, "Is accepted");
      await isHeld;
      await other.getByLabel("Express delivery").check();
      await other.getByRole("button", { name: "Pay $91.50" }).waitFor();
      release();
      await page.getByRole("alert").getByText(CHANGED).waitFor();
      await page.getByRole("button", { name: "Pay $91.50" }).waitFor();
      assert.equal((await asked(page)).amountPaid.amount, 0);
      await pay(page, "Is accepted");
      await isPaid(page);

      await chargedOnce(page, 9150);
      isClean();
    });
  }

  test("where the payment was quicker the delivery stays, and the page says so", async () => {
    const { page, isClean } = await checkout();
    const other = await page.context().newPage();
    await other.goto(page.url());
    await other.getByRole("button", { name: "Pay $79.50" }).waitFor();
    const { isHeld, release } = await hold(page, /"delivery":"express"/);

    await page.getByLabel("Express delivery").check();
    await isHeld;
    assert.equal(await page.getByRole("button", { name: "Changing the amount…" }).count(), 1);
    await pay(other, "Is accepted");
    await isPaid(other);
    release();
    await page.getByRole("alert").getByText("Your payment was quicker than this change.").waitFor();
    await isPaid(page);

    assert.match(await page.getByLabel("Your order").innerText(), /Standard delivery\s+Free/);
    await chargedOnce(page, 7950);
    isClean();
  });

  test("a lost answer and a reload ask the shop for the same change with the same key", async () => {
    const { page } = await checkout();
    const sent: string[] = [];
    let losses = 0;
    await page.route("**/checkout/shop/delivery", async (route) => {
      sent.push(route.request().postData() ?? "");
      losses += 1;
      if (losses === 3) return route.continue();
      await route.fetch();
      return losses === 1 ? route.abort("connectionreset") : undefined; // the second one is ended by the reload
    });

    await page.getByLabel("Express delivery").check();
    await until(() => losses === 2);
    await page.reload();
    await page.getByRole("button", { name: "Pay $91.50" }).waitFor();
    await page.waitForFunction(() => Object.keys(localStorage).every((name) => !name.startsWith("paygraph.delivery.")));

    assert.equal(sent.length, 3);
    assert.equal(new Set(sent).size, 1);
    assert.equal((await asked(page)).total.amount, 9150);
  });

  for (const [name, options] of [
    ["desktop", { viewport: { width: 1280, height: 900 }, colorScheme: "dark" }],
    ["phone", { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true }],
  ] as const) {
    test(`on a ${name} the choice stands above what is paid, and nothing is wider than the screen`, async () => {
      const { page } = await checkout(options);
      await page.getByLabel("Express delivery").check();
      await page.getByRole("button", { name: "Pay $91.50" }).waitFor();
      const folder = process.env["SCREENSHOTS"];
      if (folder) await page.screenshot({ path: `${folder}/delivery-${name}.png`, fullPage: true });

      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
      const [choice, button] = await Promise.all([
        page.getByRole("group", { name: "Delivery" }).boundingBox(),
        page.getByRole("button", { name: "Pay $91.50" }).boundingBox(),
      ]);
      assert.ok(choice && button && choice.y < button.y, JSON.stringify([choice, button]));
    });
  }
});

const checkout = (options?: BrowserContextOptions) => openCheckout(browser, demo.base, options);

/** What the staff sees of the page's order. */
async function asked(page: Page): Promise<Order> {
  const id = new URL(page.url()).searchParams.get("order");
  return (await demo.ask<{ order: Order }>("Support", ORDER, { id })).order;
}

async function chargedOnce(page: Page, amount: number): Promise<void> {
  assert.deepEqual(await asked(page), {
    paymentStatus: "PAID",
    total: { amount },
    amountPaid: { amount },
    payments: { nodes: [{ status: "SUCCEEDED", amountCaptured: { amount } }] },
  });
}

/** Hold requests whose body is like this in the browser until they are released. */
async function hold(page: Page, body: RegExp): Promise<{ readonly isHeld: Promise<void>; release(): void }> {
  const [released, release] = event();
  const [isHeld, tell] = event();
  await page.route("**/*", async (route) => {
    if (body.test(route.request().postData() ?? "")) {
      tell();
      await released;
    }
    return route.continue();
  });
  return { isHeld, release };
}

function event(): [Promise<void>, () => void] {
  let happen = () => {};
  return [new Promise<void>((resolve) => (happen = resolve)), () => happen()];
}

async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100 && !isSo(); turn += 1) await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(isSo());
}
