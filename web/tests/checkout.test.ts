import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, Page, Request, WebSocketRoute } from "playwright-core";
import { openBrowser, openPage } from "./browser";
import { isPaid, openCheckout, pay } from "./buyer";
import { type Demo, startDemo } from "./demo";

const VISA = "Is accepted";
const DECLINED = "Is declined";
const ASKS = "The bank asks first";
const ORDER = `query($id: ID!) { order(id: $id) {
  paymentStatus total { amount } amountPaid { amount }
  payments { nodes { status amountCaptured { amount } timeline(first: 100) { edges { node { type } } } } } } }`;

interface Order {
  paymentStatus: string;
  total: { amount: number };
  amountPaid: { amount: number };
  payments: { nodes: { status: string; amountCaptured: { amount: number }; timeline: { edges: { node: { type: string } }[] } }[] };
}

const DECLINE = `query($id: ID!) { order(id: $id) { payments(first: 1) { nodes {
  lastError { code message ... on CardDeclinedError { declineCode customerMessage } } } } } }`;

interface Declined {
  readonly code: string;
  readonly message: string;
  readonly declineCode: string;
  readonly customerMessage: string;
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

describe("checkout", () => {
  test("a buyer pays, and sees it once", async () => {
    const { page, isClean } = await checkout();

    await pay(page, VISA);
    await isPaid(page);

    assert.equal(await page.getByText("Paid. Thank you!").count(), 1);
    assert.match(await page.getByTestId("receipt").innerText(), /\$79\.50[\s\S]*visa ending in 4242/i);
    await chargedOnce(page);
    isClean();
  });

  test("after a decline the same payment is tried again with a new key", async () => {
    const { page, isClean } = await checkout();
    const sent = mutations(page);

    await pay(page, DECLINED);
    await page.getByRole("alert").getByText("Nothing was charged").waitFor();
    await pay(page, VISA);
    await isPaid(page);

    assert.deepEqual(sent.map(({ operationName }) => operationName), ["CheckoutPay", "CheckoutTryAgain"]);
    assert.notEqual(sent[0]?.key, sent[1]?.key);
    await chargedOnce(page);
    isClean();
  });

  test("a bank that asks first is visited, and the buyer comes back to a paid order", async () => {
    const { page, isClean } = await checkout();
    const address = page.url();

    await pay(page, ASKS);
    await page.getByRole("button", { name: "Complete" }).click();
    await isPaid(page);

    assert.equal(page.url(), address, "what Stripe adds to the address is taken away again");
    await chargedOnce(page);
    isClean();
  });

  test("a buyer who fails at their bank is told so, and pays with another card", async () => {
    const { page } = await checkout();

    await pay(page, ASKS);
    await page.getByRole("button", { name: "Fail" }).click();
    await page.getByRole("alert").waitFor();
    await pay(page, VISA);
    await isPaid(page);

    await chargedOnce(page);
  });

  test("a buyer who turns back at their bank finds the way on, or another card", async () => {
    const { page } = await checkout();

    await pay(page, ASKS);
    await page.getByRole("button", { name: "Complete" }).waitFor();
    await page.goBack();
    await page.getByRole("button", { name: "Continue to your bank" }).waitFor();
    await page.getByRole("button", { name: "Pay in another way instead" }).click();
    await pay(page, VISA);
    await isPaid(page);

    await chargedOnce(page, { givenUp: 1 });
  });

  for (const [type, title] of [
    ["display_bank_transfer_instructions", "Send the money by bank transfer"],
    ["pix_display_qr_code", "Scan the code with your payment app"],
    ["verify_with_microdeposits", "Confirm your bank account"],
    ["use_stripe_sdk", "Your bank asks you to confirm"],
    ["invented_tomorrow", "Your bank asks you to confirm"],
  ] as const) {
    test(`an action that has no page, ${type}, is told in words, and there is another way to pay`, async () => {
      const { page, isClean } = await checkout();
      await answersWith(page, (confirmation) => ({ ...confirmation, nextAction: { type, redirectUrl: null } }));

      await pay(page, ASKS);
      await page.getByRole("heading", { name: title }).waitFor();
      await page.getByText("This page cannot show you the details").waitFor();
      await page.getByRole("button", { name: "Pay in another way instead" }).click();
      await pay(page, VISA);
      await isPaid(page);

      await chargedOnce(page, { givenUp: 1 });
      isClean();
    });
  }

  test("where the bank's page cannot be asked for, it is asked for again", async () => {
    const { page } = await checkout();
    let isAway = true;
    await answersWith(page, (confirmation) => (isAway ? undefined : confirmation));

    await pay(page, ASKS);
    await page.getByRole("button", { name: "Continue to your bank" }).click();
    await page.getByRole("alert").getByText("cannot be found at the moment").waitFor();
    isAway = false;
    await page.getByRole("button", { name: "Continue to your bank" }).click();
    await page.getByRole("button", { name: "Complete" }).click();
    await isPaid(page);

    await chargedOnce(page);
  });

  test("a buyer reads what is meant for buyers, not what is meant for the staff", async () => {
    const { page } = await checkout();

    await pay(page, DECLINED);
    await page.getByRole("alert").waitFor();

    const id = new URL(page.url()).searchParams.get("order");
    const { order } = await demo.ask<{ order: { payments: { nodes: { lastError: Declined }[] } } }>("Support", DECLINE, { id });
    const { message, code, declineCode, customerMessage } = order.payments.nodes[0]?.lastError as Declined;
    const shown = await page.locator("main").innerText();
    assert.ok(shown.includes(customerMessage), shown);
    for (const word of [code, declineCode]) assert.ok(!shown.includes(word), shown);
    assert.ok(message === customerMessage || !shown.includes(message), shown);
  });

  test("a buyer reads why a payment was declined in the language of their browser", async () => {
    const { page, isClean } = await openPage(browser, demo.base, { locale: "de-AT" });
    await page.goto("/checkout");

    await page.getByLabel(DECLINED).check();
    await page.getByRole("button", { name: /^Pay / }).click();

    await page.getByRole("alert").getByText("Die Zahlung wurde abgelehnt. Bitte versuchen Sie es später erneut.").waitFor();
    isClean();
  });

  test("a refused token does not end what was sent: the same call follows with its key", async () => {
    const { page } = await checkout();
    const sent = mutations(page);
    let turn = 0;
    await page.route("**/graphql", async (route) => {
      if (!isMutation(route.request())) return route.continue();
      turn += 1;
      if (turn === 1) return route.abort("connectionreset");
      const errors = [{ message: "Your token has expired.", extensions: { code: "UNAUTHENTICATED" } }];
      return turn <= 3 ? route.fulfill({ status: 401, json: { errors } }) : route.continue();
    });

    await pay(page, VISA);
    await page.getByRole("alert").getByText("does not know you any more").waitFor();
    await page.reload();
    await isPaid(page);
    await settled(page);

    assert.equal(sent.length, 4);
    assert.equal(new Set(sent.map(({ key }) => key)).size, 1);
    await chargedOnce(page);
  });

  test("a double click charges once", async () => {
    const { page } = await checkout();
    const sent = mutations(page);

    await page.getByRole("button", { name: /^Pay/ }).evaluate((button: HTMLElement) => {
      for (let click = 0; click < 5; click += 1) button.click();
    });
    await isPaid(page);

    assert.equal(new Set(sent.map(({ key }) => key)).size, 1);
    await chargedOnce(page);
  });

  test("a reload after the charge and before its answer shows it paid, charged once", async () => {
    const { page } = await checkout();
    const sent = mutations(page);
    const arrived = answersAreLost(page);

    await pay(page, VISA);
    await arrived;
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await page.reload();
    await isPaid(page);
    await settled(page);

    assert.equal(new Set(sent.map(({ key }) => key)).size, 1);
    await chargedOnce(page);
  });

  test("a reload before the charge was even sent carries it out, with the key that was kept", async () => {
    const { page } = await checkout();
    const sent = mutations(page);
    let isHeld = false;
    const held = new Promise<void>((resolve) => {
      void page.route("**/graphql", (route) => {
        if (isHeld || !isMutation(route.request())) return route.continue();
        isHeld = true;
        resolve(); // and never goes on: the reload ends it
        return undefined;
      });
    });

    await pay(page, VISA);
    await held;
    await page.reload();
    await isPaid(page);

    assert.equal(sent.length, 2);
    assert.equal(sent[0]?.key, sent[1]?.key);
    await chargedOnce(page);
  });

  test("an answer that is lost is asked for again with the same key", async () => {
    const { page } = await checkout();
    const sent = mutations(page);
    let lost = 0;
    await page.route("**/graphql", async (route) => {
      if (!isMutation(route.request()) || lost === 2) return route.continue();
      lost += 1;
      await route.fetch();
      return route.abort("connectionreset");
    });
    await page.evaluate(() => {
      window.WebSocket = class {} as unknown as typeof WebSocket;
    });

    await pay(page, VISA);
    await isPaid(page);
    await settled(page);

    assert.equal(lost, 2);
    assert.equal(new Set(sent.map(({ key }) => key)).size, 1);
    await chargedOnce(page);
  });

  test("two tabs of one order charge once", async () => {
    const { page } = await checkout();
    const other = await page.context().newPage();
    await other.goto(page.url());

    const button = { name: "Pay $79.50" };
    const buttons = [page, other].map((tab) => tab.getByRole("button", button).elementHandle());
    const handles = await Promise.all(buttons);

    await Promise.all(handles.map((handle) => handle?.evaluate((element) => (element as HTMLElement).click())));
    await Promise.all([isPaid(page), isPaid(other)]);

    await chargedOnce(page);
  });

  test("what happens elsewhere is shown at once", async () => {
    const { page } = await checkout();
    const other = await page.context().newPage();
    await other.goto(page.url());
    await page.getByText("Status is live").waitFor();

    await pay(other, VISA);
    await isPaid(page);

    await chargedOnce(page);
  });

  test("after a broken connection the order is followed on from the last event that was seen", async () => {
    const { page } = await openPage(browser, demo.base);
    const sockets: WebSocketRoute[] = [];
    const asked: unknown[] = [];
    await page.routeWebSocket("**/graphql", (socket) => {
      const server = socket.connectToServer();
      sockets.push(socket);
      socket.onMessage((text) => {
        const message = JSON.parse(String(text)) as { type: string; payload: { variables: { afterSequence: unknown } } };
        if (message.type === "subscribe") asked.push(message.payload.variables.afterSequence);
        server.send(text);
      });
    });
    await page.goto("/checkout");
    await page.getByText("Status is live").waitFor();

    await sockets[0]?.close({ code: 1012 });
    await page.getByText("Connecting for live status").waitFor();
    const other = await page.context().newPage();
    await other.goto(page.url());
    await pay(other, VISA);
    await isPaid(page);

    assert.equal(asked[0], null);
    assert.equal(typeof asked[1], "number");
    await chargedOnce(page);
  });

  test("a stranger sees nothing of somebody's order", async () => {
    const { page } = await checkout();
    const stranger = await openPage(browser, demo.base);

    await stranger.page.goto(page.url());

    await stranger.page.getByText("The shop does not know this order").waitFor();
  });
});

const checkout = () => openCheckout(browser, demo.base);

/** No attempt is on its way any more. */
async function settled(page: Page): Promise<void> {
  await page.waitForFunction(() => Object.keys(localStorage).every((name) => !name.startsWith("paygraph.attempt.")));
}

/** What the staff sees: the order is paid in full by one payment that was charged once. */
async function chargedOnce(page: Page, { givenUp = 0 } = {}): Promise<void> {
  const id = new URL(page.url()).searchParams.get("order");
  const { order } = await demo.ask<{ order: Order }>("Support", ORDER, { id });
  const charged = order.payments.nodes.filter((payment) => payment.amountCaptured.amount > 0);

  assert.equal(order.paymentStatus, "PAID");
  assert.equal(order.amountPaid.amount, order.total.amount);
  assert.equal(order.payments.nodes.filter(({ status }) => status === "CANCELED").length, givenUp);
  assert.equal(order.payments.nodes.length, givenUp + 1);
  assert.equal(charged.length, 1);
  assert.equal(charged[0]?.amountCaptured.amount, order.total.amount);
  assert.equal(charged[0]?.timeline.edges.filter(({ node }) => node.type === "payment.succeeded").length, 1);
}

interface Sent {
  readonly operationName: string;
  readonly key: string;
}

/** The mutations that the page sends from now on. */
function mutations(page: Page): Sent[] {
  const sent: Sent[] = [];
  page.on("request", (request) => {
    if (!isMutation(request)) return;
    const body = request.postDataJSON() as { operationName: string; variables: { key: string } };
    sent.push({ operationName: body.operationName, key: body.variables.key });
  });
  return sent;
}

function isMutation(request: Request): boolean {
  const body = request.method() === "POST" ? (request.postData() ?? "") : "";
  return body.includes('"operationName":"CheckoutPay"') || body.includes('"operationName":"CheckoutTryAgain"');
}

type Confirmation = Readonly<Record<string, unknown>>;

/** Change what the payer is told of the next step; undefined for a Stripe that cannot be asked. */
async function answersWith(page: Page, change: (confirmation: Confirmation) => Confirmation | undefined): Promise<void> {
  await page.route("**/graphql", async (route) => {
    const response = await route.fetch();
    const answer = (await response.json()) as { data?: Record<string, Record<string, unknown>>; errors?: unknown[] };
    const data = answer.data ?? {};
    for (const [name, found] of Object.entries(data)) {
      const place = name === "paymentConfirmation" ? data : found;
      const field = name === "paymentConfirmation" ? name : "confirmation";
      const told = place?.[field] as Confirmation | null | undefined;
      if (!told) continue;
      const changed = change(told);
      Object.assign(place as object, { [field]: changed ?? null });
      if (changed === undefined) answer.errors = [{ message: "Stripe cannot be asked.", path: [name] }];
    }
    return route.fulfill({ response, json: answer });
  });
}

/** Mutations reach the server and are carried out, but their answers never come; resolves at the first. */
function answersAreLost(page: Page): Promise<void> {
  return new Promise((resolve) => {
    void page.route("**/graphql", async (route) => {
      if (!isMutation(route.request())) return route.continue();
      await route.fetch();
      return resolve();
    });
  });
}
