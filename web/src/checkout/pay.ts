import type { Client, CombinedError } from "@urql/core";
import type {
  CheckoutForgetMutation,
  CheckoutPayMutation,
  ErrorFieldsFragment,
  SetupFutureUsage,
} from "../gql/graphql";
import type { Attempt } from "./attempt";
import { isRefused, isSignedOut } from "./client";
import { FORGET, GIVE_UP, PAY, TRY_AGAIN } from "./operations";

export type Paid = NonNullable<CheckoutPayMutation["createPayment"]>;
export type Forgotten = NonNullable<CheckoutForgetMutation["detachPaymentMethod"]>;
/** The request was refused as such: as it stands, or because the token is not good any more. */
export type Unheard = "refused" | "signed-out";

/** What the checkbox asks leave for: to pay with it while the buyer is there, and never without them. */
const ON_SESSION: SetupFutureUsage = "ON_SESSION";
const LONGEST_WAIT_MS = 8_000;

/** Send what the buyer wants done with their order until its outcome is known. */
export function carryOut(
  client: Client,
  orderId: string,
  attempt: Attempt,
  onWait: (code: string) => void,
): Promise<Paid | Unheard> {
  return untilKnown(() => send(client, orderId, attempt), onWait);
}

/** Send the wish that a saved method be forgotten until its outcome is known. */
export function forget(client: Client, id: string, key: string, onWait: () => void): Promise<Forgotten | Unheard> {
  return untilKnown(async () => {
    const { data, error } = await client.mutation(FORGET, { id, key, locale: navigator.language }).toPromise();
    return { payload: data?.detachPaymentMethod, error };
  }, onWait);
}

interface Answer<Payload> {
  readonly payload: Payload | null | undefined;
  readonly error: CombinedError | undefined;
}

/**
 * Send a call, always with its one key, until its outcome is known; `onWait` hears why it takes longer.
 *
 * An answer that is lost, an overloaded server or an unknown outcome is no outcome: the same call follows. Nor is the
 * refusal of a token: an earlier send may have been carried out.
 */
async function untilKnown<Payload extends { readonly errors: readonly ErrorFieldsFragment[] }>(
  send: () => Promise<Answer<Payload>>,
  onWait: (code: string) => void,
): Promise<Payload | Unheard> {
  for (let turn = 0; ; turn += 1) {
    const answer = await send();
    if (answer.error !== undefined && isRefused(answer.error)) return isSignedOut(answer.error) ? "signed-out" : "refused";
    const again = answer.payload?.errors.find((error) => error.retryable);
    if (answer.payload && again === undefined) return answer.payload;
    onWait(again?.code ?? "NO_ANSWER");
    await pause(again === undefined ? undefined : retryAfter(again), turn);
  }
}

async function send(client: Client, orderId: string, attempt: Attempt) {
  const { key } = attempt;
  const locale = navigator.language;
  const returnUrl = `${location.origin}/checkout?order=${encodeURIComponent(orderId)}`;
  if (attempt.act === "give-up") {
    const { data, error } = await client.mutation(GIVE_UP, { paymentId: attempt.paymentId, key, locale }).toPromise();
    return { payload: data?.cancelPayment, error };
  }
  const { paymentMethodId, savedPaymentMethodId = null, expected: expectedAmount = null } = attempt;
  const how = { paymentMethodId, savedPaymentMethodId, returnUrl };
  if (attempt.act === "try-again") {
    const input = { paymentId: attempt.paymentId, expectedAmount, ...how };
    const { data, error } = await client.mutation(TRY_AGAIN, { input, key, locale }).toPromise();
    return { payload: data?.confirmPayment, error };
  }
  const confirm = paymentMethodId !== null || savedPaymentMethodId !== null;
  const setupFutureUsage = attempt.isKept ? ON_SESSION : null;
  const input = { orderId, expectedAmount: attempt.expected, confirm, setupFutureUsage, ...how };
  const { data, error } = await client.mutation(PAY, { input, key, locale }).toPromise();
  return { payload: data?.createPayment, error };
}

function retryAfter(error: ErrorFieldsFragment): number | undefined {
  if (error.__typename === "OperationInProgressError") return error.retryAfterMs ?? undefined;
  if (error.__typename === "ProviderError") return error.inMs ?? undefined;
  return undefined;
}

export function pause(toldMs: number | undefined, turn: number): Promise<void> {
  const ms = Math.min(toldMs ?? 500 * 2 ** turn, LONGEST_WAIT_MS);
  return new Promise((resolve) => setTimeout(resolve, ms));
}
