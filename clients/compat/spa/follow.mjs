// The events of one order over any transport: each once and in order, after every break behind the last one that was seen.
// `subscribe(variables, sink)` begins a subscription and returns what ends it. Returns what ends the following.
export function followOrder({ subscribe, order, after = null, onEvent, onRefused = () => {}, firstPauseMs = 500 }) {
  let [seen, failures, end, timer, isOver] = [after, 0, () => {}, undefined, false]

  function begin() {
    let isRunning = true
    const again = (errors = []) => {
      if (!isRunning || isOver) return
      isRunning = false
      end()
      if (!errors.every(mayPass)) return onRefused(errors)
      timer = setTimeout(begin, Math.random() * Math.min(firstPauseMs * 2 ** failures++, 10_000))
    }
    const next = (event) => {
      if (!isRunning || isOver || (seen !== null && event.sequence <= seen)) return
      failures = 0
      seen = event.sequence
      onEvent(event)
    }
    end = subscribe({ order, after: seen }, { next, error: again, complete: again })
  }

  begin()
  return () => {
    isOver = true
    clearTimeout(timer)
    end()
  }
}

// The server restarts, or the client was too slow, or its token ended: another stream goes on. Anything else is final.
const mayPass = ({ extensions = {} }) => extensions.retryable === true || extensions.reason === 'TOKEN_EXPIRED'
