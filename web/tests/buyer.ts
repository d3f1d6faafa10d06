/** What a buyer does at the example checkout, and sees. */
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { openPage, type Watched } from "./browser";

/** Open the checkout with a new order, as a visitor whom the shop does not know yet. */
export async function openCheckout(browser: Browser, base: string, options: BrowserContextOptions = {}): Promise<Watched> {
  const watched = await openPage(browser, base, options);
  await watched.page.goto("/checkout");
  await watched.page.getByRole("button", { name: "Pay $79.50" }).waitFor(); // by then the shop has given them a cookie
  return watched;
}

/** Pay with the test method that is described so. */
export async function pay(page: Page, method = "Is accepted"): Promise<void> {
  await page.getByLabel(method).check();
  await page.getByRole("button", { name: /^Pay \$/ }).click();
}

export async function isPaid(page: Page): Promise<void> {
  await page.getByRole("heading", { name: "Paid. Thank you!" }).waitFor();
}
