const LONGEST_PAUSE_MS = 8_000

/** The server refused the request as such (a token that is not valid, say). The attempt is kept. */
export class NotAnswered extends Error {
  constructor(readonly code: string, message: string) {
    super(message)
  }
}

/** Nobody answered, or only that it is worth another try, after so many milliseconds. */
export class Again extends Error {
  constructor(readonly afterMs = 0) {
    super()
  }
}

/** Longer and longer, and jittered, so that clients that failed together do not come back together. */
export function pause(tries: number, atLeastMs: number, firstPauseMs: number, signal: AbortSignal): Promise<void> {
  const longest = Math.min(LONGEST_PAUSE_MS, firstPauseMs * 2 ** Math.min(tries, 10))
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason as Error)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, atLeastMs + Math.random() * longest)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}

export function retryAfterMs(response: Response): number {
  const given = response.headers.get('retry-after') ?? ''
  return /^\d+$/.test(given) ? Number(given) * 1_000 : 0 // a date is left to the pause
}
