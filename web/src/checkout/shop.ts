/** The shop's own back end, as far as the checkout needs it: which order, whose token, which kind of Stripe. */

export interface Settings {
  readonly livemode: boolean;
  readonly publishableKey: string | null;
  readonly testCards: boolean;
  readonly hasShop: boolean;
  /** Documents are sent by their hash, not by their text. */
  readonly byHash: boolean;
}

export interface Line {
  readonly title: string;
  readonly count: number;
  readonly amount: number;
}

/** A way to have the order delivered, and what it adds to the total. */
export interface Delivery {
  readonly name: string;
  readonly title: string;
  readonly amount: number;
}

export interface Visit {
  readonly orderId: string;
  readonly basket: readonly Line[];
  /** What the buyer may choose from; empty where the shop's own pages ask for it. */
  readonly deliveries: readonly Delivery[];
  /** Have the shop register the order again, with this delivery; null while nobody knows what became of it. */
  deliver(name: string, key: string): Promise<Delivered | null>;
  /** The buyer's token, now or renewed. Raises ShopError. */
  token(renew?: boolean): Promise<string>;
}

export class ShopError extends Error {}

export type Delivered = "done" | "signed-out" | { readonly refused: string };

interface Welcome {
  readonly token: string;
  readonly basket: readonly Line[];
  readonly deliveries: readonly Delivery[];
  readonly orderId?: string;
}

export async function settings(): Promise<Settings> {
  return (await (await fetch("/checkout/settings.json")).json()) as Settings;
}

/** The order that the address names, or a new one from the shop. Raises ShopError. */
export async function visit(hasShop: boolean): Promise<Visit> {
  const address = new URL(location.href);
  const named = address.searchParams.get("order");
  const given = handedOver(named);
  if (named !== null && given !== null) {
    settleOn(named);
    const deliver = async () => ({ refused: "NOT_FOUND" });
    return { orderId: named, basket: [], deliveries: [], deliver, token: async () => given };
  }
  if (!hasShop) throw new ShopError("no-shop");
  const welcome = await ask(named === null ? "orders" : "token");
  const orderId = named ?? welcome.orderId;
  if (orderId === undefined) throw new ShopError("The shop named no order.");
  settleOn(orderId);
  let token = Promise.resolve(welcome.token);
  return {
    orderId,
    basket: welcome.basket,
    deliveries: welcome.deliveries,
    deliver: (name, key) => deliver({ orderId, delivery: name, key }),
    token(renew = false) {
      if (renew) token = ask("token").then((fresh) => fresh.token);
      return token;
    },
  };
}

/** Whether the payer has just come back from their bank. */
export function isBack(): boolean {
  return new URLSearchParams(location.search).has("redirect_status");
}

export function startAgain(): void {
  location.assign("/checkout");
}

/** Without a shop window, a token may be handed over after `#`: it never leaves the browser, and lives with the tab. */
function handedOver(orderId: string | null): string | null {
  if (orderId === null) return null;
  const name = `paygraph.token.${orderId}`;
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) sessionStorage.setItem(name, token);
  return token ?? sessionStorage.getItem(name);
}

/** The address names the order and nothing else: not the token, and not the secrets that Stripe adds on the way back. */
function settleOn(orderId: string): void {
  history.replaceState(null, "", `/checkout?order=${encodeURIComponent(orderId)}`);
}

async function deliver(wish: { orderId: string; delivery: string; key: string }): Promise<Delivered | null> {
  const headers = { "Content-Type": "application/json" };
  const asked = { method: "POST", headers, body: JSON.stringify(wish) };
  const answer = await fetch("/checkout/shop/delivery", asked).catch(() => null);
  if (answer === null || answer.status >= 500 || answer.status === 429) return null;
  if (answer.status === 401) return "signed-out";
  if (answer.ok) return "done";
  const said = (await answer.json().catch(() => ({}))) as { error?: string };
  return { refused: said.error ?? "" };
}

async function ask(what: "orders" | "token"): Promise<Welcome> {
  const answer = await fetch(`/checkout/shop/${what}`, { method: "POST" });
  if (!answer.ok) throw new ShopError(answer.status === 401 ? "unknown-visitor" : "The shop does not answer.");
  return (await answer.json()) as Welcome;
}
