/** The explorer moves money once. What was moved is counted at the offline Stripe, not in the page. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import type { Browser, Page, Request, Route } from "playwright-core";
import { openBrowser, openPage } from "./browser";
import { type Demo, startDemo } from "./demo";
import { breakStripe, refundsAtStripe, WITH_LEVERS } from "./books";

let demo: Demo;
let browser: Browser;
let earlier: number;

before(async () => {
  demo = await startDemo(WITH_LEVERS);
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});
beforeEach(async () => {
  earlier = (await refundsAtStripe(demo.base)).length;
});

describe("the explorer moves money once", () => {
  test("three quick sends on a slow network are one refund", async () => {
    const { page } = await explorer();
    const network = await slow(page);

    await page.locator(".graphiql-query-editor").getByText("SupportRefunds").click();
    for (let press = 0; press < 3; press += 1) await page.keyboard.press("Control+Enter");
    await network.isReached;
    for (let press = 0; press < 3; press += 1) await page.keyboard.press("Control+Enter");
    await network.release();
    await answers(page, '"status": "SUCCEEDED"');

    await refunded(1);
    assert.equal(network.sent.length, 1);
  });

  test("stopping a send and sending again is one refund", async () => {
    const { page } = await explorer();
    const network = await slow(page);

    await execute(page);
    await network.isReached;
    await page.getByRole("button", { name: "Stop query" }).click();
    await execute(page);
    await network.release();
    await answers(page, '"status": "SUCCEEDED"');

    await refunded(1);
  });

  test("the key and the input are kept before the first byte is sent, and nothing without", async () => {
    const { page } = await explorer();
    const network = await slow(page);
    const sent = refunds(page);

    await execute(page);
    await network.isReached;
    const [attempt] = await page.evaluate(() => Object.values(localStorage).map((text) => JSON.parse(text)));
    await network.release();
    await answers(page, '"status": "SUCCEEDED"');
    await page.evaluate(() => {
      Storage.prototype.setItem = () => {
        throw new DOMException("It is full.", "QuotaExceededError");
      };
    });
    await execute(page);
    await says(page, "the browser's storage did not take the key");

    assert.deepEqual(attempt.variables, (sent[0]?.postDataJSON() as { variables: object }).variables);
    assert.deepEqual(await kept(page), []);
    await refunded(1);
  });

  test("a send after a lost answer is the same refund", async () => {
    const { page } = await explorer();
    const sent = refunds(page);
    await once(page, loseAnswer);

    await execute(page);
    await isAnswered(page);
    await execute(page);
    await answers(page, '"status": "SUCCEEDED"');

    await refunded(1);
    assert.equal(sent.length, 2);
    assert.equal(keyOf(sent[0]), keyOf(sent[1]));
    assert.deepEqual(await kept(page), []);
  });

  test("“Replay” before the first send sends nothing, and no placeholder", async () => {
    const { page } = await explorer();
    const sent = refunds(page);

    await page.getByRole("button", { name: "Replay" }).click();
    await execute(page);
    await isAnswered(page);

    await refunded(0);
    assert.equal(sent.length, 0);
    await says(page, "Nothing was sent: there is nothing to replay yet.");
  });

  const UNDECIDED = [
    ["503", { status: 503, contentType: "text/html", body: "<h1>Service Unavailable</h1>" }],
    ["429", { status: 429, headers: { "Retry-After": "7" }, json: { errors: [{ message: "Slowly." }] } }],
    ["retryable", { json: { data: null, errors: [{ message: "Busy.", extensions: { retryable: true } }] } }],
  ] as const;
  for (const [name, answer] of UNDECIDED) {
    test(`after ${name} the next send keeps its key, and the page says so`, async () => {
      const { page } = await explorer();
      const sent = refunds(page);
      await once(page, (route) => route.fulfill(answer));

      await execute(page);
      await says(page, "it keeps its key");
      await execute(page);
      await answers(page, '"status": "SUCCEEDED"');

      assert.equal(keyOf(sent[0]), keyOf(sent[1]));
      await refunded(1);
    });
  }

  test("while Stripe does not say what happened, the refund keeps its key", async () => {
    const { page } = await explorer();
    const sent = refunds(page);
    const mends = [
      await breakStripe(demo.base, { kind: "webhook_drop", times: 99 }), // they would say it
      await breakStripe(demo.base, { kind: "drop_after", method: "POST", path: "/v1/refunds", times: 99 }),
    ];

    await execute(page);
    await says(page, "it keeps its key");
    for (const mend of mends) await mend();
    await execute(page);
    await says(page, /Answered|no final answer/i);

    assert.equal(keyOf(sent[0]), keyOf(sent[1]));
    await refunded(1);
  });

  test("a refused request after a lost answer does not end it", async () => {
    const { page } = await explorer();
    const sent = refunds(page);
    await once(page, loseAnswer);
    await execute(page);
    await says(page, "it keeps its key");
    await once(page, (route) => route.fulfill({ status: 401, json: { errors: [{ message: "Your token has expired." }] } }));

    await execute(page);
    await says(page, "Your token has expired.");
    await execute(page);
    await answers(page, '"replayed": true');

    assert.equal(new Set(sent.map(keyOf)).size, 1);
    await refunded(1);
  });

  test("what has no answer survives a reload, and another tab sends it with its key", async () => {
    const { page } = await explorer();
    const sent = refunds(page);
    await once(page, loseAnswer);
    await execute(page);
    await says(page, "it keeps its key");

    await page.reload();
    await open(page);
    await page.getByText(/No final answer yet: Refund USD 1\.00 of payment/).waitFor();
    const other = await page.context().newPage();
    const sentThere = refunds(other);
    await open(other);
    await other.getByRole("button", { name: "Open it" }).click();
    await other.getByRole("button", { name: "Execute query" }).click();
    await answers(other, '"replayed": true');
    await page.getByText("No final answer yet").waitFor({ state: "detached" });

    assert.equal(keyOf(sentThere[0]), keyOf(sent[0]));
    await refunded(1);
  });

  test("two tabs that send at once are one refund", async () => {
    const { page } = await explorer();
    const other = await page.context().newPage();
    await open(other);
    const network = await slow(page);

    await execute(page);
    await network.isReached;
    await execute(other);
    await says(other, "another tab of the explorer is sending");
    await network.release();
    await answers(page, '"status": "SUCCEEDED"');

    await refunded(1);
  });

  test("the same without an answer, sent by another caller, is refused: it would be a second refund", async () => {
    const { page } = await explorer();
    await once(page, loseAnswer);
    await execute(page);
    await says(page, "it keeps its key");

    await page.getByLabel("Ask as").selectOption("Administrator");
    await execute(page);
    await says(page, "Support sent the same and has no answer yet");

    await refunded(1);
  });

  test("another amount is another refund, and the first one keeps its key meanwhile", async () => {
    const { page } = await explorer();
    const sent = refunds(page);
    await once(page, loseAnswer);
    await execute(page);
    await says(page, "it keeps its key");

    await changeAmount(page, 100, 101);
    await execute(page);
    await says(page, "Answered: Refund USD 1.01");
    await changeAmount(page, 101, 100);
    await execute(page);
    await says(page, "Answered: Refund USD 1.00");

    assert.notEqual(keyOf(sent[0]), keyOf(sent[1]));
    assert.equal(keyOf(sent[0]), keyOf(sent[2]));
    await refunded(2);
  });

  test("a key that is given up, after a question, is a new refund", async () => {
    const { page } = await explorer();
    await once(page, loseAnswer);
    await execute(page);

    await page.getByRole("button", { name: "Forget it…" }).click();
    await page.getByRole("dialog").getByText("may do it a second time").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Forget it" }).click();
    await page.getByText("No final answer yet").waitFor({ state: "detached" });
    await execute(page);
    await answers(page, '"replayed": false');

    await refunded(2);
  });

  test("where money is real, a click says what it will move and asks", async () => {
    const { page } = await explorer({ isLive: true });
    const question = page.getByRole("dialog", { name: "Move real money?" });

    await execute(page);
    await question.getByText(/^Refund USD 1\.00 of payment payment_\S+ \(order demo-1001\)\.$/).waitFor();
    await page.keyboard.press("Enter");
    await says(page, "Nothing happened.");
    await refunded(0);
    await execute(page);
    await question.getByRole("button", { name: "Send it" }).click();
    await answers(page, '"status": "SUCCEEDED"');

    await refunded(1);
  });

  test("an error is a sentence, not a stack", async () => {
    const { page } = await explorer();
    const shown = page.locator(".graphiql-response");
    const failures: ((route: Route) => Promise<void>)[] = [
      (route) => route.abort("connectionrefused"),
      (route) => route.fulfill({ status: 502, contentType: "text/html", body: "<h1>Bad Gateway</h1>" }),
    ];
    for (const fail of failures) {
      for (const operation of ["SupportFinds", "SupportRefunds"]) {
        await page.route("**/graphql", fail);

        await execute(page, operation);
        await says(page, /No answer came|HTTP 502/);

        assert.doesNotMatch(await shown.innerText(), /stack|SyntaxError|TypeError|[{}]/);
        await page.unroute("**/graphql", fail);
      }
    }
    await refunded(0);
  });
});

async function explorer({ isLive = false } = {}) {
  const watched = await openPage(browser, demo.base, { viewport: { width: 1400, height: 900 } });
  if (isLive) {
    await watched.page.route("**/explorer/session.json", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...((await response.json()) as object), livemode: true } });
    });
  }
  await open(watched.page);
  return watched;
}

async function open(page: Page): Promise<void> {
  await page.goto("/explorer");
  await page.locator(".graphiql-query-editor .view-line").first().waitFor();
  await page.getByRole("tab", { name: "Support" }).click();
  await page.locator(".graphiql-query-editor").getByText("SupportFinds").waitFor();
}

async function execute(page: Page, operation = "SupportRefunds"): Promise<void> {
  await page.getByRole("button", { name: "Execute query" }).click();
  await page.getByRole("menuitem", { name: operation, exact: true }).click();
}

/** Stripe made this many refunds since the test began. */
async function refunded(count: number): Promise<void> {
  const made = (await refundsAtStripe(demo.base)).slice(earlier);
  assert.equal(made.length, count, `made ${made.map(({ amount }) => amount)}`);
}

async function says(page: Page, text: string | RegExp): Promise<void> {
  await page.getByRole("status").getByText(text).waitFor();
}

async function answers(page: Page, text: string): Promise<void> {
  await page.waitForFunction(
    (wanted) => document.querySelector<HTMLElement>(".graphiql-response")?.innerText.replaceAll("\u00a0", " ").includes(wanted),
    text,
  );
}

/** Something stands in the answer's pane. */
async function isAnswered(page: Page): Promise<void> {
  await page.waitForFunction(() => document.querySelector<HTMLElement>(".graphiql-response .view-lines")?.innerText.trim());
}

async function changeAmount(page: Page, from: number, to: number): Promise<void> {
  await page.locator(".graphiql-editor-tool .view-line").getByText(String(from), { exact: true }).dblclick();
  await page.keyboard.type(String(to));
}

function isRefund(request: Request): boolean {
  return request.method() === "POST" && (request.postData() ?? "").includes("refundPayment(");
}

/** The refunds that the page sends from now on. */
function refunds(page: Page): Request[] {
  const sent: Request[] = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/graphql") && isRefund(request)) sent.push(request);
  });
  return sent;
}

function keyOf(request: Request | undefined): string {
  return (request?.postDataJSON() as { variables: { key: string } }).variables.key;
}

/** Do this with the next refund that is sent. */
async function once(page: Page, act: (route: Route) => Promise<void>): Promise<void> {
  let isDone = false;
  await page.route("**/graphql", (route) => {
    if (isDone || !isRefund(route.request())) return route.fallback();
    isDone = true;
    return act(route);
  });
}

/** The server carries it out, and its answer never arrives. */
async function loseAnswer(route: Route): Promise<void> {
  await route.fetch();
  await route.abort("connectionreset");
}

/** Refunds wait on their way until they are released; `release` returns when all of them are answered. */
async function slow(page: Page) {
  let letGo: () => void = () => undefined;
  let reach: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (letGo = resolve));
  const isReached = new Promise<void>((resolve) => (reach = resolve));
  const sent: Promise<void>[] = [];
  await page.route("**/graphql", (route) => {
    if (!isRefund(route.request())) return route.continue();
    const answered = released.then(async () => route.fulfill({ response: await route.fetch() }));
    sent.push(answered);
    reach();
    return answered;
  });
  return {
    sent,
    isReached,
    async release() {
      letGo();
      await Promise.all(sent);
    },
  };
}

/** What the page leaves in the browser. */
function kept(page: Page): Promise<string[]> {
  return page.evaluate(() => [...Object.keys(localStorage), ...Object.keys(sessionStorage)]);
}
