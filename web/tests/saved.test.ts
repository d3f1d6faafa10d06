import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, BrowserContextOptions, Page, Request } from "playwright-core";
import { breakStripe, WITH_LEVERS } from "./books";
import { openBrowser, openPage } from "./browser";
import { isPaid, openCheckout } from "./buyer";
import { type Demo, startDemo } from "./demo";

const ORDER = `query($id: ID!) { order(id: $id) {
  paymentStatus
  payments { nodes { status amountCaptured { amount } paymentMethod { ... on CardSnapshot { brand last4 } } } }
  customer { paymentMethods { nodes { id expiresSoon snapshot { ... on CardSnapshot { brand } } } } } } }`;
const PAID = `mutation($order: ID!, $method: ID!, $key: IdempotencyKey!) {
  createPayment(idempotencyKey: $key, input: { orderId: $order, expectedAmount: { amount: 7950, currency: "USD" }
    paymentMethodId: $method, confirm: true, setupFutureUsage: ON_SESSION }) { errors { code } } }`;
const DEFAULT = `mutation($id: ID!, $key: IdempotencyKey!) {
  setDefaultPaymentMethod(id: $id, idempotencyKey: $key) { errors { code } } }`;

interface Kept {
  readonly id: string;
  readonly expiresSoon: boolean;
  readonly snapshot: { readonly brand: string };
}

interface Order {
  readonly paymentStatus: string;
  readonly payments: {
    readonly nodes: readonly { readonly status: string; readonly amountCaptured: { amount: number }; readonly paymentMethod: object }[];
  };
  readonly customer: { readonly paymentMethods: { readonly nodes: readonly Kept[] } };
}

let demo: Demo;
let browser: Browser;

before(async () => {
  demo = await startDemo(WITH_LEVERS);
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

describe("paying with what is kept", () => {
  test("a card that was kept is offered for the next order, chosen, and pays it once", async () => {
    const { page, isClean } = await openPage(browser, demo.base);
    await page.goto("/checkout");
    await page.getByLabel("Keep this card for later").check();
    await page.getByRole("button", { name: "Pay $79.50" }).click();
    await isPaid(page);
    const sent = mutations(page);

    await page.getByRole("button", { name: "Another order" }).click();
    const saved = page.getByRole("group", { name: "Your saved methods" });
    await saved.getByRole("radio", { name: /^Visa ending in 4242 Expires 12\/2034$/ }).waitFor();
    assert.ok(await saved.getByRole("radio").isChecked());
    assert.equal(await page.getByLabel("Keep this card for later").count(), 0, "it is kept already");
    await page.getByRole("button", { name: "Pay $79.50" }).click();
    await isPaid(page);

    const order = await asked(page);
    assert.deepEqual(order.payments.nodes, [
      { status: "SUCCEEDED", amountCaptured: { amount: 7950 }, paymentMethod: { brand: "visa", last4: "4242" } },
    ]);
    const input = sent[0]?.variables["input"] as Record<string, unknown>;
    assert.equal(input["savedPaymentMethodId"], order.customer.paymentMethods.nodes[0]?.id);
    assert.equal(input["paymentMethodId"], null);
    isClean();
  });

  test("the default one stands first and is chosen, and one that expires soon says so", async () => {
    const { page } = await checkout(["pm_card_visa", "pm_card_mastercard"]);
    const [, visa] = (await asked(page)).customer.paymentMethods.nodes;
    await ask(page, DEFAULT, { id: visa?.id });
    const year = new Date().getFullYear();
    await lever(`payment_methods/${await atStripe("visa")}`, { exp_month: 12, exp_year: year });
    await until(async () => (await asked(page)).customer.paymentMethods.nodes.some(({ expiresSoon }) => expiresSoon));
    await page.reload();
    await page.getByText("expires soon").waitFor();

    const names = await page.getByRole("group", { name: "Your saved methods" }).locator("label").allInnerTexts();
    assert.match(names[0] ?? "", new RegExp(`Visa ending in 4242\\s+Your default. Expires 12/${year}\\s*expires soon`));
    assert.match(names[1] ?? "", /Mastercard ending in 4444\s+Expires 12\/2034$/);
    assert.ok(await page.getByRole("radio", { name: /Your default/ }).isChecked());
  });

  test("what is sent again after a reload is what the buyer chose, and it is shown as chosen", async () => {
    const { page } = await checkout(["pm_card_visa", "pm_card_mastercard"]);
    const sent = mutations(page);
    const released = await holdMutations(page);

    await page.getByRole("radio", { name: "Visa ending in 4242 Expires" }).check();
    await page.getByRole("button", { name: "Pay $79.50" }).click();
    await page.getByRole("button", { name: "Paying…" }).waitFor();
    await page.reload();
    await page.getByRole("button", { name: "Paying…" }).waitFor();
    assert.ok(await page.getByRole("radio", { name: "Visa ending in 4242 Expires" }).isChecked());
    await released();
    await page.reload();
    await isPaid(page);

    assert.ok(sent.length >= 2);
    assert.equal(new Set(sent.map(({ variables }) => JSON.stringify(variables))).size, 1);
    assert.deepEqual((await asked(page)).payments.nodes, [
      { status: "SUCCEEDED", amountCaptured: { amount: 7950 }, paymentMethod: { brand: "visa", last4: "4242" } },
    ]);
  });

  test("after a decline the same payment is tried with a kept card", async () => {
    const { page, isClean } = await checkout(["pm_card_visa", "pm_card_mastercard"]);
    const sent = mutations(page);

    await page.getByLabel("Is declined").check();
    await page.getByRole("button", { name: "Pay $79.50" }).click();
    await page.getByRole("alert").getByText("Nothing was charged").waitFor();
    await page.getByRole("radio", { name: "Visa ending in 4242 Expires" }).check();
    await page.getByRole("button", { name: "Pay $79.50" }).click();
    await isPaid(page);

    const [, again] = sent.map(({ variables }) => variables["input"] as Record<string, unknown>);
    assert.deepEqual(again?.["expectedAmount"], { amount: 7950, currency: "USD" });
    assert.deepEqual((await asked(page)).payments.nodes, [
      { status: "SUCCEEDED", amountCaptured: { amount: 7950 }, paymentMethod: { brand: "visa", last4: "4242" } },
    ]);
    isClean();
  });

  test("a kept card that Stripe refuses at the second try drops from the list, and the payment goes on", async () => {
    const { page } = await checkout(["pm_card_visa", "pm_card_mastercard"]);
    await page.getByLabel("Is declined").check();
    await page.getByRole("button", { name: "Pay $79.50" }).click();
    await page.getByRole("alert").getByText("Nothing was charged").waitFor();
    await lever(`payment_methods/${await atStripe("mastercard")}/detach`, {});

    await page.getByRole("radio", { name: "Mastercard" }).check();
    await page.getByRole("button", { name: "Pay $79.50" }).click();
    await page.getByRole("alert").getByText("Your Mastercard ending in 4444").waitFor();
    assert.equal(await page.getByRole("radio", { name: "Mastercard" }).count(), 0);
    await page.getByRole("radio", { name: "Visa ending in 4242 Expires" }).check();
    await page.getByRole("button", { name: "Pay $79.50" }).click();
    await isPaid(page);

    assert.equal((await asked(page)).payments.nodes.length, 1);
  });

  for (const [who, drops] of [
    ["the API knows it", []],
    ["Stripe alone knows it", [{ kind: "webhook_drop", path: ".*", times: 100 }]],
  ] as const) {
    test(`a method that was detached at Stripe, and ${who}, is refused in words and drops from the list`, async () => {
      const { page, isClean } = await checkout(["pm_card_visa", "pm_card_mastercard"]);
      const repairs = await Promise.all(drops.map((fault) => breakStripe(demo.base, fault)));
      await lever(`payment_methods/${await atStripe("mastercard")}/detach`, {});
      if (drops.length === 0) await until(async () => (await asked(page)).customer.paymentMethods.nodes.length === 1);

      await page.getByRole("button", { name: "Pay $79.50" }).click();
      await page.getByRole("alert").getByText("Your Mastercard ending in 4444: This payment method cannot be used").waitFor();
      await page.getByRole("button", { name: "Pay $79.50" }).waitFor();
      await Promise.all(repairs.map((repair) => repair()));
      assert.equal(await page.getByText("Mastercard").count(), 1, "in the refusal alone");
      assert.equal(await chosen(page).count(), 0, "nothing else is chosen for the buyer");
      await page.getByRole("button", { name: "Pay $79.50" }).click();
      assert.equal((await asked(page)).paymentStatus, "UNPAID");
      await page.getByLabel("Is accepted").check();
      await page.getByRole("button", { name: "Pay $79.50" }).click();
      await isPaid(page);

      const charged = (await asked(page)).payments.nodes.filter(({ amountCaptured }) => amountCaptured.amount > 0);
      assert.equal(charged.length, 1);
      isClean();
    });
  }
});

describe("forgetting what is kept", () => {
  test("a method is forgotten once the buyer has confirmed it, and not before", async () => {
    const { page, isClean } = await checkout(["pm_card_visa", "pm_card_mastercard"]);
    const sent = mutations(page);
    const button = page.getByRole("button", { name: "Forget Mastercard ending in 4444" });

    await button.click();
    const dialog = page.getByRole("dialog", { name: "Forget your Mastercard ending in 4444?" });
    assert.ok(await dialog.getByRole("button", { name: "Keep it" }).evaluate((it) => it === document.activeElement));
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.ok(await button.evaluate((it) => it === document.activeElement), "the focus comes back");
    await button.click();
    await dialog.getByRole("button", { name: "Keep it" }).click();
    assert.equal(sent.length, 0);
    await button.click();
    await dialog.getByRole("button", { name: "Forget it" }).click();
    await page.getByRole("status").getByText("Your Mastercard ending in 4444 is forgotten.").waitFor();

    assert.equal(await button.count(), 0);
    assert.ok(await page.getByText("is forgotten.").evaluate((it) => it === document.activeElement), "the focus is not lost");
    assert.equal(await chosen(page).count(), 0, "nothing else is chosen for the buyer");
    assert.deepEqual(await brands(page), ["visa"]);
    assert.equal(sent.length, 1);
    isClean();
  });

  test("a lost answer, a reload and another tab send the same wish with the same key", async () => {
    const { page } = await checkout(["pm_card_visa"]);
    const sent = mutations(page);
    const released = await holdMutations(page);
    const other = await page.context().newPage();
    other.on("request", (request) => note(request, sent));
    await other.goto(page.url());
    await other.getByRole("button", { name: "Forget Visa" }).waitFor();

    await forget(page, "Visa ending in 4242");
    await page.getByRole("button", { name: "Forgetting Visa" }).waitFor();
    await page.reload();
    await page.getByRole("button", { name: "Forgetting Visa" }).waitFor();
    let isLost = false;
    await other.route("**/graphql", async (route) => {
      if (isLost || !isMutation(route.request())) return route.continue();
      isLost = true;
      await route.fetch();
      return route.abort("connectionreset");
    });
    await forget(other, "Visa ending in 4242");
    await other.getByText("Your Visa ending in 4242 is forgotten.").waitFor();
    await page.getByRole("group", { name: "Your saved methods" }).waitFor({ state: "detached" });
    await released();

    assert.ok(sent.length >= 4, "before the reload, after it, in the other tab, and again there");
    assert.equal(new Set(sent.map(({ variables }) => JSON.stringify(variables))).size, 1);
    assert.deepEqual(await brands(page), []);
    await settled(page);
  });

  test("what was carried out before the reload is asked for again, and ends", async () => {
    const { page } = await checkout(["pm_card_visa"]);
    const sent = mutations(page);
    const arrived = new Promise<void>((resolve) => {
      let isLost = false;
      void page.route("**/graphql", async (route) => {
        if (isLost || !isMutation(route.request())) return route.continue();
        isLost = true;
        await route.fetch();
        return resolve(); // and the answer never comes: the reload ends it
      });
    });

    await forget(page, "Visa ending in 4242");
    await arrived;
    await page.reload();
    await page.getByRole("status").getByText("is forgotten.").waitFor();

    assert.deepEqual(await brands(page), []);
    assert.equal(new Set(sent.map(({ variables }) => JSON.stringify(variables))).size, 1);
    await settled(page);
  });

  test("what Stripe refuses for good is told, and the next wish takes a fresh key", async () => {
    const { page } = await checkout(["pm_card_visa"]);
    const sent = mutations(page);
    await page.route("**/graphql", async (route) => {
      if (!isMutation(route.request())) return route.continue();
      const errors = [{ __typename: "ProviderError", code: "PROVIDER_REJECTED", path: null, retryable: false, inMs: null }];
      return route.fulfill({ json: { data: { detachPaymentMethod: { replayed: false, errors, customer: null } } } });
    });

    await forget(page, "Visa ending in 4242");
    await page.getByText("Your Visa ending in 4242 could not be forgotten. Please try again.").waitFor();
    await page.unrouteAll();
    await forget(page, "Visa ending in 4242");
    await page.getByText("Your Visa ending in 4242 is forgotten.").waitFor();

    assert.notEqual(sent[0]?.variables["key"], sent[1]?.variables["key"]);
    assert.deepEqual(await brands(page), []);
  });

  for (const [name, options] of [
    ["desktop", { viewport: { width: 1280, height: 900 } }],
    ["phone", { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, colorScheme: "dark" }],
  ] as const) {
    test(`on a ${name} nothing is wider than the screen, and what is pressed is as large as a thumb`, async () => {
      const { page } = await checkout(["pm_card_visa", "pm_card_mastercard"], options);
      await shot(page, `${name}-list`);
      await page.getByRole("button", { name: "Forget Visa" }).click();
      await shot(page, `${name}-dialog`);

      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
      for (const button of await page.getByRole("button").all()) {
        const box = await button.boundingBox();
        assert.ok(box && box.height >= 44 && box.x >= 0 && box.x + box.width <= options.viewport.width, JSON.stringify(box));
      }
    });
  }
});

/** A visitor's next order, after orders that were paid with these methods and kept them. */
async function checkout(methods: readonly string[], options: BrowserContextOptions = {}) {
  const watched = await openCheckout(browser, demo.base, options);
  const { page } = watched;
  for (const method of methods) {
    const { orderId } = await page.evaluate(async () => (await fetch("/checkout/shop/orders", { method: "POST" })).json());
    await ask(page, PAID, { order: orderId, method });
  }
  await page.goto("/checkout");
  await page.getByRole("group", { name: "Your saved methods" }).waitFor();
  await page.getByText("Status is live").waitFor();
  return watched;
}

/** Ask as the page's visitor, past the page. */
async function ask(page: Page, query: string, variables: object): Promise<void> {
  const answer = await page.evaluate(
    async ([query, variables]) => {
      const { token } = await (await fetch("/checkout/shop/token", { method: "POST" })).json();
      const headers = { "Content-Type": "application/json", Authorization: `Bearer ${token}` };
      const body = JSON.stringify({ query, variables: { ...variables, key: crypto.randomUUID() } });
      return (await fetch("/graphql", { method: "POST", headers, body })).text();
    },
    [query, variables] as const,
  );
  assert.match(answer, /"errors":\[\]/);
}

async function lever(path: string, given: object): Promise<void> {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(`${demo.base}/_sandbox/${path}`, { method: "POST", headers, body: JSON.stringify(given) });
  assert.equal(answer.status, 200, await answer.text());
}

/** Stripe's id of the newest kept card of a brand. */
async function atStripe(brand: string): Promise<string> {
  const books = (await (await fetch(`${demo.base}/_sandbox/books`)).json()) as {
    payment_methods: readonly { id: string; customer: string | null; card?: { brand: string } }[];
  };
  const kept = books.payment_methods.filter(({ customer, card }) => customer !== null && card?.brand === brand);
  return kept.at(-1)?.id ?? "";
}

/** What the buyer would pay with. */
function chosen(page: Page) {
  return page.getByRole("region", { name: "Payment" }).getByRole("radio", { checked: true });
}

async function forget(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: `Forget ${name}` }).click();
  await page.getByRole("button", { name: "Forget it" }).click();
}

/** What the staff sees of the page's order and its customer. */
async function asked(page: Page): Promise<Order> {
  const id = new URL(page.url()).searchParams.get("order");
  return (await demo.ask<{ order: Order }>("Support", ORDER, { id })).order;
}

async function brands(page: Page): Promise<readonly string[]> {
  return (await asked(page)).customer.paymentMethods.nodes.map(({ snapshot }) => snapshot.brand);
}

/** No wish is on its way any more. */
async function settled(page: Page): Promise<void> {
  await page.waitForFunction(() => Object.keys(localStorage).every((name) => !name.startsWith("paygraph.forget.")));
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 100; turn += 1) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail("it did not come to that");
}

interface Sent {
  readonly variables: Readonly<Record<string, unknown>>;
}

function mutations(page: Page): Sent[] {
  const sent: Sent[] = [];
  page.on("request", (request) => note(request, sent));
  return sent;
}

function note(request: Request, sent: Sent[]): void {
  if (isMutation(request)) sent.push(request.postDataJSON() as Sent);
}

function isMutation(request: Request): boolean {
  return request.method() === "POST" && /"operationName":"Checkout(Pay|TryAgain|Forget)"/.test(request.postData() ?? "");
}

/** Mutations do not leave the browser until the function that is returned is called. */
async function holdMutations(page: Page): Promise<() => Promise<void>> {
  await page.route("**/graphql", (route) => (isMutation(route.request()) ? undefined : route.continue()));
  return () => page.unrouteAll({ behavior: "ignoreErrors" });
}

async function shot(page: Page, name: string): Promise<void> {
  const folder = process.env["SCREENSHOTS"];
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}
