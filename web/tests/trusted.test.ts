import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openBrowser, openPage } from "./browser";
import { startDemo } from "./demo";

const MANIFEST = join(import.meta.dirname, "..", "dist", "trusted-documents.json");

test("where documents are trusted, the checkout sends each by its hash, over HTTP and over the socket", async (context) => {
  const demo = await startDemo({ TRUSTED_DOCUMENTS: MANIFEST, TRUSTED_DOCUMENTS_MODE: "allowed" });
  context.after(() => demo.stop());
  const browser = await openBrowser();
  context.after(() => browser.close());
  const { page, isClean } = await openPage(browser, demo.base);
  const sent: { query?: string; documentId?: string }[] = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/graphql") && request.method() === "POST") sent.push(request.postDataJSON());
  });
  page.on("websocket", (socket) => {
    socket.on("framesent", ({ payload }) => {
      const message = JSON.parse(String(payload)) as { type: string; payload: { documentId?: string } };
      if (message.type === "subscribe") sent.push(message.payload);
    });
  });

  await page.goto("/checkout");
  await page.getByText("Status is live").waitFor();
  await page.getByRole("button", { name: "Pay $79.50" }).click();
  await page.getByRole("heading", { name: "Paid. Thank you!" }).waitFor();

  assert.ok(sent.length >= 3, "a query, a subscription and a mutation");
  for (const { query, documentId } of sent) {
    assert.match(documentId ?? "", /^sha256:[0-9a-f]{64}$/);
    assert.ok(!query);
  }
  isClean();
});
