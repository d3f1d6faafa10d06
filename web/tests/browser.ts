/** A real Chromium, and a page whose every request and every breach of its Content-Security-Policy is written down. */
import assert from "node:assert/strict";
import { type Browser, chromium, type Page } from "playwright-core";

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface Watched {
  readonly page: Page;
  /** Fails when the page asked another origin, broke its policy, or threw. */
  isClean(): void;
}

export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    headless: true,
    args: ARGUMENTS,
  });
}

type Options = Parameters<Browser["newContext"]>[0];

/** A page in a context of its own: its cookies and storage are nobody else's. `others` are origins it may ask too. */
export async function openPage(
  browser: Browser,
  base: string,
  options: Options = {},
  others: readonly string[] = [],
): Promise<Watched> {
  const context = await browser.newContext({ baseURL: base, locale: "en-US", ...options });
  const page = await context.newPage();
  const wrong: string[] = [];
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (!["data:", "blob:"].includes(protocol) && ![base, ...others].includes(origin)) wrong.push(`asked ${request.url()}`);
  });
  page.on("websocket", (socket) => {
    if (new URL(socket.url()).host !== new URL(base).host) wrong.push(`connected to ${socket.url()}`);
  });
  page.on("pageerror", (error) => wrong.push(`threw ${error.message}`));
  page.on("console", (message) => {
    if (message.text().includes("Content Security Policy")) wrong.push(message.text());
  });
  return { page, isClean: () => assert.deepEqual(wrong, []) };
}
