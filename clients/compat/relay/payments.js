// What relay-compiler reads; the test uses the artifacts it writes.
import { graphql } from 'relay-runtime'

export const Page = graphql`
  query paymentsPageQuery($count: Int!, $cursor: String) {
    ...payments_list @arguments(count: $count, cursor: $cursor)
  }
`

export const List = graphql`
  fragment payments_list on Query
  @argumentDefinitions(count: { type: "Int", defaultValue: 1 }, cursor: { type: "String" })
  @refetchable(queryName: "paymentsListPaginationQuery") {
    payments(first: $count, after: $cursor) @connection(key: "payments_list_payments") {
      edges {
        node {
          ...payments_row
        }
      }
    }
  }
`

export const Row = graphql`
  fragment payments_row on Payment @refetchable(queryName: "paymentsRowRefetchQuery") {
    id
    status
    amount {
      decimal
      currency
    }
  }
`

export const Follow = graphql`
  subscription followSubscription($order: ID!, $after: Int) {
    orderPaymentUpdated(orderId: $order, afterSequence: $after) {
      id
      sequence
      type
      order {
        id
        paymentStatus
      }
      payment {
        ...payments_row
      }
    }
  }
`
