import type { Client } from "@urql/core";
import type { CheckoutPayMutation, ErrorFieldsFragment, SetupFutureUsage } from "../gql/graphql";
import type { Attempt } from "./attempt";
import { isRefused, isSignedOut } from "./client";
import { GIVE_UP, PAY, TRY_AGAIN } from "./operations";

export type Paid = NonNullable<CheckoutPayMutation["createPayment"]>;

/** What the checkbox asks leave for: to pay with it while the buyer is there, and never without them. */
const ON_SESSION: SetupFutureUsage = "ON_SESSION";
const LONGEST_WAIT_MS = 8_000;

/**
 * Send the attempt until its outcome is known, always with its key; `onWait` hears why it takes longer.
 *
 * An answer that is lost, an overloaded server or an unknown outcome is no outcome: the same call follows. Nor is the
 * refusal of a token: an earlier send may have been carried out.
 */
export async function carryOut(
  client: Client,
  orderId: string,
  attempt: Attempt,
  onWait: (code: string) => void,
): Promise<Paid | "refused" | "signed-out"> {
  for (let turn = 0; ; turn += 1) {
    const answer = await send(client, orderId, attempt);
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
  const { paymentMethodId } = attempt;
  if (attempt.act === "try-again") {
    const input = { paymentId: attempt.paymentId, paymentMethodId: attempt.paymentMethodId, returnUrl };
    const { data, error } = await client.mutation(TRY_AGAIN, { input, key, locale }).toPromise();
    return { payload: data?.confirmPayment, error };
  }
  const confirm = paymentMethodId !== null;
  const setupFutureUsage = attempt.isKept ? ON_SESSION : null;
  const input = { orderId, expectedAmount: attempt.expected, paymentMethodId, confirm, setupFutureUsage, returnUrl };
  const { data, error } = await client.mutation(PAY, { input, key, locale }).toPromise();
  return { payload: data?.createPayment, error };
}

function retryAfter(error: ErrorFieldsFragment): number | undefined {
  if (error.__typename === "OperationInProgressError") return error.retryAfterMs ?? undefined;
  if (error.__typename === "ProviderError") return error.inMs ?? undefined;
  return undefined;
}

function pause(toldMs: number | undefined, turn: number): Promise<void> {
  const ms = Math.min(toldMs ?? 500 * 2 ** turn, LONGEST_WAIT_MS);
  return new Promise((resolve) => setTimeout(resolve, ms));
}
