/** What the offline Stripe of a demo with SANDBOX_FAULTS has really done, and how it is made to misbehave. */
export const WITH_LEVERS = { SANDBOX_FAULTS: "1" };

export interface Refund {
  readonly id: string;
  readonly amount: number;
  readonly status: string;
}

export async function refundsAtStripe(base: string): Promise<readonly Refund[]> {
  const books = (await (await fetch(`${base}/_sandbox/books`)).json()) as { refunds: readonly Refund[] };
  return books.refunds;
}

/** Put a fault in force; the function that is returned takes it away again. */
export async function breakStripe(base: string, fault: object): Promise<() => Promise<void>> {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(`${base}/_sandbox/faults`, { method: "POST", headers, body: JSON.stringify(fault) });
  const { id } = (await answer.json()) as { id: number };
  return async () => void (await fetch(`${base}/_sandbox/faults/${id}`, { method: "DELETE" }));
}
