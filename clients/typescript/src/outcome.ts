export interface Refusal {
  code: string
  message: string
  retryable: boolean
  requestId: string
  retryAfterMs?: number | null
  declineCode?: string | null
  customerMessage?: string
  retry?: string
}

export interface Payment {
  id: string
  status: string
  version: number
  amount: { amount: number; currency: string; decimal: string }
  lastError: Refusal | null
}

/** What only the payer is told, and only by the answers that are about them: it is on no list and in no stream. */
export interface Confirmation {
  clientSecret: string | null
  nextAction: { type: string; redirectUrl: string | null } | null
}

/** What became of a setup, which keeps a method without a payment.
 *
 * - kept: the customer keeps `methodId`, which pays as `savedPaymentMethodId`. Final.
 * - to-set-up: the customer goes on in Stripe.js with `clientSecret`, or visits `redirectUrl`; `customerMessage` is why
 *   the last attempt failed. Then `setUp` again.
 * - failed: it was refused, or canceled at Stripe. Final.
 * - unknown: nobody knows yet; `setUp` again later goes on with the same key.
 */
export type SetupOutcome = { name: string } & (
  | { kind: 'kept'; setupIntentId: string; methodId: string | null }
  | {
      kind: 'to-set-up'
      setupIntentId: string
      clientSecret: string | null
      redirectUrl: string | null
      customerMessage: string | null
    }
  | { kind: 'failed'; code: string; message: string }
  | { kind: 'unknown' }
)

export interface Setup {
  id: string
  status: string
  paymentMethod: { id: string } | null
  lastError: Refusal | null
}

interface Whose {
  orderId: string
  key: string
  payment: Payment | null
}

/** What became of a payment, in the words that a program acts on.
 *
 * - paid: the money was taken, or with `held` is held and waits to be captured. Final.
 * - declined: the bank said no. The payment is still open: `tryAgain` with what `retry` advises.
 * - needs-action: the payer visits `redirectUrl`, or confirms with `clientSecret` in Stripe.js; then `pay` again.
 * - failed: it was refused or given up, and this key took no money. Final.
 * - unknown: nobody knows yet. Do not pay in another way; `pay` again later goes on with the same key.
 */
export type Outcome = Whose &
  (
    | { kind: 'paid'; held: boolean }
    | { kind: 'declined'; customerMessage: string; retry: string; declineCode: string | null }
    | { kind: 'needs-action'; redirectUrl: string | null; clientSecret: string | null }
    | { kind: 'failed'; code: string; message: string; requestId: string | null }
    | { kind: 'unknown' }
  )

const BANK_SAYS = new Set(['CARD_DECLINED', 'AUTHENTICATION_REQUIRED']) // the payment is still open, and may be paid since
const UNDECIDED = new Set(['OUTCOME_UNKNOWN', 'OPERATION_IN_PROGRESS', 'IDEMPOTENCY_KEY_EXPIRED'])

/** The outcome that an answer of the server shows, null while it is not decided. */
export function judge(
  orderId: string,
  key: string,
  payment: Payment | null,
  error: Refusal | null,
  confirmation: Confirmation | null,
): Outcome | null {
  const whose = { orderId, key, payment }
  if (error !== null && UNDECIDED.has(error.code)) return null
  if (error !== null && !BANK_SAYS.has(error.code)) {
    return { ...whose, kind: 'failed', code: error.code, message: error.message, requestId: error.requestId }
  }
  switch (payment?.status) {
    case 'SUCCEEDED':
    case 'REQUIRES_CAPTURE':
      return { ...whose, kind: 'paid', held: payment.status === 'REQUIRES_CAPTURE' }
    case 'CANCELED':
      return { ...whose, kind: 'failed', code: 'CANCELED', message: 'The payment was given up.', requestId: null }
    case 'REQUIRES_PAYMENT_METHOD':
    case 'REQUIRES_CONFIRMATION':
    case 'REQUIRES_ACTION': {
      const said = error ?? payment.lastError
      if (said === null || payment.status === 'REQUIRES_ACTION') {
        const redirectUrl = confirmation?.nextAction?.redirectUrl ?? null
        return { ...whose, kind: 'needs-action', redirectUrl, clientSecret: confirmation?.clientSecret ?? null }
      }
      return {
        ...whose,
        kind: 'declined',
        customerMessage: said.customerMessage ?? said.message,
        retry: said.retry ?? 'USE_ANOTHER_METHOD',
        declineCode: said.declineCode ?? null,
      }
    }
    default:
      return null
  }
}

/** The outcome of a setup that an answer of the server shows. */
export function judgeSetup(
  name: string,
  setup: Setup | null,
  error: Refusal | null,
  confirmation: Confirmation | null,
): SetupOutcome {
  if (error !== null && !UNDECIDED.has(error.code)) {
    return { name, kind: 'failed', code: error.code, message: error.message }
  }
  switch (setup?.status) {
    case 'SUCCEEDED':
      return { name, kind: 'kept', setupIntentId: setup.id, methodId: setup.paymentMethod?.id ?? null }
    case 'CANCELED':
      return { name, kind: 'failed', code: 'CANCELED', message: 'The setup was given up.' }
    case 'REQUIRES_PAYMENT_METHOD':
    case 'REQUIRES_CONFIRMATION':
    case 'REQUIRES_ACTION':
      return {
        name,
        kind: 'to-set-up',
        setupIntentId: setup.id,
        clientSecret: confirmation?.clientSecret ?? null,
        redirectUrl: confirmation?.nextAction?.redirectUrl ?? null,
        customerMessage: setup.lastError?.customerMessage ?? setup.lastError?.message ?? null,
      }
    default:
      return { name, kind: 'unknown' }
  }
}
