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

export interface Visit {
  readonly orderId: string;
  readonly basket: readonly Line[];
  /** The buyer's token, now or renewed. Raises ShopError. */
  token(renew?: boolean): Promise<string>;
}

export class ShopError extends Error {}

interface Welcome {
  readonly token: string;
  readonly basket: readonly Line[];
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
    return { orderId: named, basket: [], token: async () => given };
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

async function ask(what: "orders" | "token"): Promise<Welcome> {
  const answer = await fetch(`/checkout/shop/${what}`, { method: "POST" });
  if (!answer.ok) throw new ShopError(answer.status === 401 ? "unknown-visitor" : "The shop does not answer.");
  return (await answer.json()) as Welcome;
}
