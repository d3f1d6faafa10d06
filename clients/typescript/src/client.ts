import { follow, stream, type Following, type OrderEvent, type Token } from './events.js'
import {
  judge,
  judgeSetup,
  type Confirmation,
  type Outcome,
  type Payment,
  type Refusal,
  type Setup,
  type SetupOutcome,
} from './outcome.js'
import type { Storage } from './storage.js'
import { Again, NotAnswered, pause, retryAfterMs } from './waiting.js'

const AGAIN = new Set([429, 502, 503, 504])
const LONGEST_ANSWER_MS = 30_000 // the server answers within ten seconds, and a live stream beats every twelve
const FRESH_MS = 2_000 // how old may be what the server knows from Stripe, when we ask

const ERROR = `
  code message retryable requestId
  ... on OperationInProgressError { retryAfterMs } ... on ProviderError { retryAfterMs }
  ... on CardDeclinedError { declineCode customerMessage retry }
  ... on PaymentMethodUnusableError { customerMessage retry }
`
const PAYMENT = `
  id status version amount { amount currency decimal }
  lastError { ${ERROR} }
`
const CONFIRMATION = 'clientSecret nextAction { type redirectUrl }'
const ANSWER = `errors { ${ERROR} } payment { ${PAYMENT} } confirmation { ${CONFIRMATION} }`
const SEND = {
  CREATE_PAYMENT: `mutation Pay($input: CreatePaymentInput!, $key: IdempotencyKey!) {
    answer: createPayment(input: $input, idempotencyKey: $key) { ${ANSWER} }
  }`,
  CREATE_OFF_SESSION_PAYMENT: `mutation PayOffSession($input: CreateOffSessionPaymentInput!, $key: IdempotencyKey!) {
    answer: createOffSessionPayment(input: $input, idempotencyKey: $key) { ${ANSWER} }
  }`,
  CONFIRM_PAYMENT: `mutation TryAgain($input: ConfirmPaymentInput!, $key: IdempotencyKey!) {
    answer: confirmPayment(input: $input, idempotencyKey: $key) { ${ANSWER} }
  }`,
}
const SET_UP = `mutation SetUp($input: CreateSetupIntentInput!, $key: IdempotencyKey!) {
  answer: createSetupIntent(input: $input, idempotencyKey: $key) {
    errors { ${ERROR} } setupIntent { id status paymentMethod { id } lastError { ${ERROR} } } confirmation { ${CONFIRMATION} }
  }
}`
const WHAT_BECAME = `query WhatBecame($key: IdempotencyKey!, $kind: OperationKind!) {
  operation(key: $key, kind: $kind) { state error { ${ERROR} } result { ... on Payment { id } } }
}`
const LOOK = `query Look($id: ID!, $age: Int) { payment(id: $id, maxStalenessMs: $age) { ${PAYMENT} } }`
const GO_ON = `query GoOn($id: ID!) { paymentConfirmation(paymentId: $id) { ${CONFIRMATION} } }`

/** What pays: a method (pm_…), the token of what the payer has entered (ctoken_…), or a method that the customer keeps. */
export type PaidWith = { paymentMethodId: string } | { confirmationTokenId: string } | { savedPaymentMethodId: string }

export type PayInput = PaidWith & {
  orderId: string
  expectedAmount: { amount: number; currency: string }
  captureMethod?: 'AUTOMATIC' | 'MANUAL'
  setupFutureUsage?: 'ON_SESSION' | 'OFF_SESSION'
  returnUrl?: string
  metadata?: Record<string, string>
}

/** Without a method's name the customer's default pays. */
export interface OffSessionInput {
  orderId: string
  expectedAmount: { amount: number; currency: string }
  savedPaymentMethodId?: string
  metadata?: Record<string, string>
}

export interface Options {
  url: string
  token: Token
  storage: Storage
  /** The payer's language, such as pt-BR: outcomes carry their messages in it. A browser sends its own without this. */
  language?: string
  /** How long a call tries before the outcome is unknown. */
  patienceMs?: number
  firstPauseMs?: number
  /** How long a stream of events may be silent before another one is opened. */
  silenceMs?: number
}

interface Attempt {
  orderId: string
  kind: keyof typeof SEND
  variables: { key: string; [name: string]: unknown }
  asked: string | null
}

type Known = [Payment | null, Refusal | null, Confirmation | null]

/** The order has another attempt that was not `delivered`: `resume` it; after a decline, `tryAgain`. */
export class OtherAttempt extends Error {}

/** One order, one attempt, one key: kept before it is sent, sent until it is answered, followed until it is decided. */
export class Paygraph {
  readonly #url: string
  readonly #options: Required<Omit<Options, 'language'>>
  readonly #language: Record<string, string>

  constructor(options: Options) {
    this.#url = options.url.replace(/\/$/, '')
    this.#language = options.language === undefined ? {} : { 'Accept-Language': options.language }
    this.#options = { patienceMs: 60_000, firstPauseMs: 250, silenceMs: 30_000, ...options }
  }

  /** Pay what the order owes, or go on with the attempt that an earlier call, or life, began. */
  async pay(given: PayInput): Promise<Outcome> {
    return this.#begin('CREATE_PAYMENT', given.orderId, { ...given, confirm: true }, JSON.stringify(given))
  }

  /** Pay what the order owes while its customer is away, with a method that they keep: for services.
   *
   * Declined with the advice REAUTHENTICATE_ON_SESSION, the bank wants the customer: they go on with the same payment. */
  async payOffSession(given: OffSessionInput): Promise<Outcome> {
    return this.#begin('CREATE_OFF_SESSION_PAYMENT', given.orderId, given, JSON.stringify(given))
  }

  /** A new attempt after a decline: the same payment with another method or token, under a new key. */
  async tryAgain(declined: Outcome, paidWith: PaidWith | string, returnUrl?: string): Promise<Outcome> {
    const { orderId, key, payment } = declined
    if (payment === null) throw new TypeError('there is no open payment to try again')
    const kept = await this.#kept(orderId)
    if (kept !== null && kept.variables.key !== key) throw new OtherAttempt(`order ${orderId} has a later attempt`)
    const by = typeof paidWith === 'string' ? { paymentMethodId: paidWith } : paidWith
    const input = { paymentId: payment.id, ...by, returnUrl: returnUrl ?? null }
    return this.#settle(await this.#keep(orderId, 'CONFIRM_PAYMENT', { input }, kept?.asked ?? null), true)
  }

  /** After a restart: go on with the attempt that is kept for the order, null if there is none. */
  async resume(orderId: string): Promise<Outcome | null> {
    const kept = await this.#kept(orderId)
    return kept && this.#settle(kept, false)
  }

  /** Begin to keep a payment method without paying, or say how far that is.
   *
   * `name` is the caller's own for it: a second call goes on with the first one's key, until `forgetSetup`. A service
   * names the customer. */
  async setUp(name: string, given: { usage?: 'ON_SESSION' | 'OFF_SESSION'; customerId?: string } = {}): Promise<SetupOutcome> {
    type Kept = { key: string; input: object }
    type Answer = { errors: Refusal[]; setupIntent: Setup | null; confirmation: Confirmation | null }
    const text = await this.#options.storage.get(name)
    const kept: Kept = text === null ? { key: crypto.randomUUID(), input: given } : (JSON.parse(text) as Kept)
    if (text === null) await this.#options.storage.set(name, JSON.stringify(kept))
    const signal = AbortSignal.timeout(this.#options.patienceMs)
    try {
      return await this.#untilAnswered(signal, async () => {
        const { answer } = await this.#post<{ answer: Answer }>(SET_UP, kept, signal)
        const error = answer.errors[0] ?? null
        if (error?.retryable) throw new Again(error.retryAfterMs ?? 0)
        return judgeSetup(name, answer.setupIntent, error, answer.confirmation)
      })
    } catch (error) {
      if (!signal.aborted) throw error
      return { name, kind: 'unknown' }
    }
  }

  /** The outcome of a setup has reached whoever waited for it: forget its key. */
  async forgetSetup(name: string): Promise<void> {
    await this.#options.storage.remove(name)
  }

  /** The events of an order and its payments as they happen, each once, until the signal or the loop ends them.
   *
   * Begins with the newest one, or follows the sequence `after`; goes on behind the last one after every break, also in
   * another process of the server. Throws NotAnswered. */
  events(orderId: string, given: { after?: number; signal?: AbortSignal } = {}): AsyncGenerator<OrderEvent, void> {
    return follow(this.#following(orderId, given.after ?? null, given.signal ?? new AbortController().signal))
  }

  /** The outcome has reached whoever waited for it: forget its key, unless it is still open. */
  async delivered(outcome: Outcome): Promise<void> {
    if (outcome.kind === 'unknown' || outcome.kind === 'needs-action') return
    const kept = await this.#kept(outcome.orderId)
    if (kept?.variables.key === outcome.key) await this.#options.storage.remove(outcome.orderId)
  }

  async #begin(kind: Attempt['kind'], orderId: string, input: object, asked: string): Promise<Outcome> {
    const kept = await this.#kept(orderId)
    if (kept === null) return this.#settle(await this.#keep(orderId, kind, { input }, asked), true)
    if (kept.asked !== asked && kept.asked !== null) throw new OtherAttempt(`order ${orderId} has another attempt`)
    return this.#settle(kept, false)
  }

  async #kept(orderId: string): Promise<Attempt | null> {
    const text = await this.#options.storage.get(orderId)
    return text === null ? null : (JSON.parse(text) as Attempt)
  }

  /** A new attempt, safe in the storage before anything is sent. */
  async #keep(orderId: string, kind: Attempt['kind'], variables: object, asked: string | null): Promise<Attempt> {
    const attempt: Attempt = { orderId, kind, variables: { ...variables, key: crypto.randomUUID() }, asked }
    await this.#options.storage.set(orderId, JSON.stringify(attempt))
    return attempt
  }

  async #settle(attempt: Attempt, isNew: boolean): Promise<Outcome> {
    const { orderId, variables: { key } } = attempt
    const signal = AbortSignal.timeout(this.#options.patienceMs)
    let payment: Payment | null = null
    try {
      let known = isNew ? null : await this.#untilAnswered(signal, () => this.#whatBecame(attempt, signal))
      known ??= await this.#untilAnswered(signal, () => this.#send(attempt, signal))
      payment = known[0]
      let outcome = judge(orderId, key, ...known)
      if (outcome === null && payment !== null) {
        const { id } = payment
        for await (const _ of this.#news(orderId, signal)) {
          payment = await this.#untilAnswered(signal, () => this.#look(id, signal))
          outcome = judge(orderId, key, payment, null, null)
          if (outcome !== null) break
        }
      }
      if (outcome?.kind === 'needs-action' && payment !== null && known[2] === null) {
        const { id } = payment
        const confirmation = await this.#untilAnswered(signal, () => this.#confirmation(id, signal))
        outcome = judge(orderId, key, payment, null, confirmation)
      }
      if (outcome !== null) return outcome
    } catch (error) {
      if (!signal.aborted) throw error
    }
    return { orderId, key, payment, kind: 'unknown' }
  }

  /** What a decided operation ended with; null when the key must be sent (again) to decide it. */
  async #whatBecame(attempt: Attempt, signal: AbortSignal): Promise<Known | null> {
    type Operation = { state: string; error: Refusal | null; result: { id: string } | null }
    const asked = { key: attempt.variables.key, kind: attempt.kind }
    const { operation } = await this.#post<{ operation: Operation | null }>(WHAT_BECAME, asked, signal)
    if (operation === null || !['SUCCEEDED', 'FAILED'].includes(operation.state)) return null
    return [operation.result && (await this.#look(operation.result.id, signal)), operation.error, null]
  }

  async #send(attempt: Attempt, signal: AbortSignal): Promise<Known> {
    type Answer = { errors: Refusal[]; payment: Payment | null; confirmation: Confirmation | null }
    const { key, ...fields } = attempt.variables // kept by an earlier version they are no `input`: the request is the same
    const variables = 'input' in fields ? attempt.variables : { input: fields, key }
    const { answer } = await this.#post<{ answer: Answer }>(SEND[attempt.kind], variables, signal)
    const error = answer.errors[0] ?? null
    if (error?.retryable) throw new Again(error.retryAfterMs ?? 0)
    return [answer.payment, error, answer.confirmation]
  }

  async #look(id: string, signal: AbortSignal): Promise<Payment> {
    const { payment } = await this.#post<{ payment: Payment | null }>(LOOK, { id, age: FRESH_MS }, signal)
    if (payment === null) throw new NotAnswered('NOT_FOUND', "The payment is not this caller's.")
    return payment
  }

  async #confirmation(id: string, signal: AbortSignal): Promise<Confirmation | null> {
    type Answer = { paymentConfirmation: Confirmation | null }
    return (await this.#post<Answer>(GO_ON, { id }, signal)).paymentConfirmation
  }

  /** Yields when there may be news: at the events of a stream, and after a pause where there is no stream. */
  async *#news(orderId: string, signal: AbortSignal): AsyncGenerator<void> {
    let after: number | null = null
    for (let tries = 0; ; tries++) {
      try {
        for await (const { sequence } of stream(this.#following(orderId, after, signal))) {
          after = sequence
          yield
        }
      } catch {
        signal.throwIfAborted()
      }
      await pause(tries, 0, this.#options.firstPauseMs, signal)
      yield
    }
  }

  #following(orderId: string, after: number | null, signal: AbortSignal): Following {
    const { token, silenceMs, firstPauseMs } = this.#options
    return { url: this.#url, token, orderId, after, signal, silenceMs, firstPauseMs }
  }

  async #untilAnswered<T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        return await act()
      } catch (error) {
        if (!(error instanceof Again)) throw error
        await pause(tries, error.afterMs, this.#options.firstPauseMs, signal)
      }
    }
  }

  #fetch(query: string, variables: object, token: string, signal: AbortSignal): Promise<Response> {
    const own = { 'Content-Type': 'application/json', Accept: 'application/json', Authorization: `Bearer ${token}` }
    const headers = { ...this.#language, ...own }
    return fetch(`${this.#url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query, variables }), signal })
  }

  /** The data of one operation, sent once. Throws Again where another try may help, else NotAnswered. */
  async #post<T>(query: string, variables: object, patience: AbortSignal, renew = false): Promise<T> {
    type Body = { data: T; errors?: { message: string; extensions?: { code?: string; reason?: string; retryable?: boolean } }[] }
    const token = await this.#options.token(renew)
    let response: Response | undefined
    let body: Body
    try {
      const signal = AbortSignal.any([patience, AbortSignal.timeout(LONGEST_ANSWER_MS)])
      response = await this.#fetch(query, variables, token, signal)
      if (response.status === 401 && !renew) return this.#post(query, variables, patience, true)
      body = (await response.json()) as Body
    } catch {
      patience.throwIfAborted()
      const status = response?.status ?? 0
      if (status >= 400 && status < 500 && status !== 429) throw new NotAnswered(`HTTP_${status}`, "The answer is not Paygraph's.")
      throw new Again(response ? retryAfterMs(response) : 0) // no answer, half of one, or a proxy's page
    }
    const [error] = body.errors ?? []
    if (error === undefined) return body.data
    const { code, reason, retryable } = error.extensions ?? {}
    if (AGAIN.has(response.status) || retryable) throw new Again(retryAfterMs(response))
    throw new NotAnswered(reason ?? code ?? 'UNKNOWN', error.message)
  }
}
