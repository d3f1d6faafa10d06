import { Again, NotAnswered, pause, retryAfterMs } from './waiting.js'

const FOLLOW = `subscription Follow($order: ID!, $after: Int) {
  orderPaymentUpdated(orderId: $order, afterSequence: $after) {
    sequence type order { paymentStatus } payment { id status }
  }
}`

/** One change of an order or of one of its payments. The statuses are at least as new as the event. */
export interface OrderEvent {
  sequence: number
  type: string
  order: { paymentStatus: string }
  payment: { id: string; status: string } | null
}

/** The bearer token; with `renew`, another one, because the server takes the last one no longer. */
export type Token = (renew?: boolean) => string | Promise<string>

export interface Following {
  url: string
  token: Token
  orderId: string
  /** The sequence of the last event that was seen; null begins with the newest one. */
  after: number | null
  signal: AbortSignal
  /** The server sends a comment every twelve seconds, so a silence that is longer than this is a dead connection. */
  silenceMs: number
  firstPauseMs: number
}

type Answer = {
  data?: { orderPaymentUpdated: OrderEvent } | null
  errors?: { message: string; extensions?: { code?: string; reason?: string; retryable?: boolean } }[]
}

/** The events of an order, each once and in order, over as many streams as it takes; ends with the signal.
 *
 * An event that comes twice is left out. One that is missing is asked for once more: what the server leaves out twice is
 * not for this caller. Throws NotAnswered where the caller may not follow the order. */
export async function* follow(following: Following): AsyncGenerator<OrderEvent, void> {
  const { signal, firstPauseMs } = following
  let seen = following.after
  let askedAgain: number | null | undefined
  for (let failures = 0; ; failures++) {
    let afterMs = 0
    try {
      let isWhole = true
      for await (const event of stream({ ...following, after: seen })) {
        failures = 0
        if (seen !== null && event.sequence <= seen) continue
        if (seen !== null && event.sequence > seen + 1 && askedAgain !== seen) {
          askedAgain = seen
          isWhole = false
          break
        }
        seen = event.sequence
        yield event
      }
      if (isWhole) return
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof Again)) throw error
      afterMs = error.afterMs
    }
    await pause(failures, afterMs, firstPauseMs, signal).catch(() => undefined)
    if (signal.aborted) return
  }
}

/** The events of one connection. Throws Again when it breaks before its time, and NotAnswered. */
export async function* stream(following: Following): AsyncGenerator<OrderEvent, void> {
  const closed = new AbortController()
  try {
    const response = await open(following, closed)
    if (!response.headers.get('content-type')?.startsWith('text/event-stream')) throw await refusal(response)
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    for (let rest = ''; ; ) {
      const { done, value } = await unlessSilent(following, closed, () => reader.read())
      if (done) break
      const lines = (rest + value).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (line === 'event: complete') return
        if (line.startsWith('data: {')) yield eventOf(JSON.parse(line.slice('data: '.length)) as Answer)
      }
    }
  } finally {
    closed.abort()
  }
  throw new Again() // a stream that ends without `complete` was cut: the server restarts, or a proxy closed it
}

async function open(following: Following, closed: AbortController): Promise<Response> {
  const { url, orderId, after } = following
  const signal = AbortSignal.any([following.signal, closed.signal])
  const send = async (renew: boolean): Promise<Response> => {
    const token = await following.token(renew)
    const headers = { 'Content-Type': 'application/json', Accept: 'text/event-stream', Authorization: `Bearer ${token}` }
    const body = JSON.stringify({ query: FOLLOW, variables: { order: orderId, after } })
    return unlessSilent(following, closed, () => fetch(`${url}/graphql`, { method: 'POST', headers, body, signal }))
  }
  const response = await send(false)
  return response.status === 401 ? send(true) : response
}

/** Wait for the connection. Throws Again when it is lost, or silent for too long. */
async function unlessSilent<T>({ silenceMs }: Following, closed: AbortController, wait: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => closed.abort(), silenceMs)
  try {
    return await wait()
  } catch {
    throw new Again()
  } finally {
    clearTimeout(timer)
  }
}

function eventOf({ data, errors }: Answer): OrderEvent {
  if (errors !== undefined) throw endingOf(200, errors)
  return data!.orderPaymentUpdated
}

async function refusal(response: Response): Promise<Error> {
  const { status } = response
  if (status === 408 || status === 429 || status >= 500) return new Again(retryAfterMs(response))
  const { errors = [] } = (await response.json().catch(() => ({}))) as Answer
  return endingOf(status, errors)
}

/** What errors mean for a stream: a token that ended meanwhile is renewed by the next one. */
function endingOf(status: number, errors: NonNullable<Answer['errors']>): Error {
  const extensions = errors.map((error) => error.extensions ?? {})
  if (status === 200 && extensions.some(({ retryable, reason }) => retryable || reason === 'TOKEN_EXPIRED')) return new Again()
  const [{ reason, code } = {}] = extensions
  return new NotAnswered(reason ?? code ?? `HTTP_${status}`, errors[0]?.message ?? "The answer is not Paygraph's.")
}
