export { NotAnswered, OtherAttempt, Paygraph, type Options, type PayInput } from './client.js'
export { judge, type Outcome, type Payment } from './outcome.js'
export { MemoryStorage, browserStorage, type Storage } from './storage.js'
