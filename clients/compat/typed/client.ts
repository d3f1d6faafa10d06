import { graphql } from './generated'
import type { PayMutation, ReadQuery } from './generated/graphql'

export const Pay = graphql(`
  mutation Pay($input: CreatePaymentInput!, $key: IdempotencyKey!) {
    createPayment(input: $input, idempotencyKey: $key) {
      replayed
      errors { code message retryable ... on CardDeclinedError { customerMessage retry } }
      payment { id status amount { amount currency } }
    }
  }
`)

export const Read = graphql(`
  query Read($id: ID!) {
    payment(id: $id) { id status metadata paymentMethod { type ... on CardSnapshot { last4 } } }
  }
`)

export const Follow = graphql(`
  subscription Follow($order: ID!, $after: Int) {
    orderPaymentUpdated(orderId: $order, afterSequence: $after) { sequence payment { status } }
  }
`)

export function customerMessage(data: PayMutation): string | null {
  const [error] = data.createPayment?.errors ?? []
  if (error === undefined) return null
  return error.__typename === 'CardDeclinedError' ? error.customerMessage : error.message
}

export function lastFour(data: ReadQuery): string | undefined {
  const method = data.payment?.paymentMethod
  return method?.__typename === 'CardSnapshot' ? method.last4 : undefined
}
