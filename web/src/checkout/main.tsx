import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Provider } from "urql";
import { App, Notice } from "./App";
import { attemptsIn, deliveringIn, forgettingIn, FORGETTING } from "./attempt";
import { Checkout } from "./checkout";
import { clientFor } from "./client";
import { Deliveries } from "./delivery";
import { SavedMethods } from "./saved";
import { isBack, settings, ShopError, startAgain, visit } from "./shop";
import "./style.css";

const root = createRoot(document.getElementById("root") as HTMLElement);

async function open(): Promise<void> {
  const returning = isBack();
  const kind = await settings();
  const visiting = await visit(kind.hasShop);
  const client = clientFor(visiting, kind.byHash);
  const saved = new SavedMethods(client, forgettingIn(localStorage));
  const deliveries = new Deliveries(visiting, deliveringIn(localStorage));
  const attempts = attemptsIn(localStorage);
  const leaveFor = (url: string) => location.assign(url);
  const checkout = new Checkout(client, visiting, attempts, saved, deliveries, leaveFor);
  addEventListener("storage", ({ key, newValue }) => {
    if (key?.startsWith(FORGETTING) && newValue === null) void checkout.load(); // another tab's wish has come to its end
  });
  root.render(
    <StrictMode>
      <Provider value={client}>
        <App checkout={checkout} settings={kind} />
      </Provider>
    </StrictMode>,
  );
  await checkout.start(returning);
}

open().catch((error: unknown) => {
  if (error instanceof ShopError && error.message === "no-shop") {
    root.render(
      <Notice title="This page needs a shop">
        The shop's own server registers the order and hands its customer a token. Open this page as{" "}
        <code>/checkout?order=ORDER_ID#token=BUYER_TOKEN</code>.
      </Notice>,
    );
    return;
  }
  root.render(
    <Notice title="The checkout could not be opened" action={{ label: "Begin a new order", run: startAgain }}>
      Nothing was charged. The shop does not know this order, or cannot be reached at the moment.
    </Notice>,
  );
});
