import { graphql } from "../gql";

export const ORDER_FIELDS = graphql(`
  fragment OrderFields on Order {
    id
    externalId
    version
    paymentStatus
    total { amount currency exponent formatted(locale: $locale) }
    amountDue { amount currency formatted(locale: $locale) }
    amountPaid { amount formatted(locale: $locale) }
    amountRefunded { amount formatted(locale: $locale) }
  }
`);

export const PAYMENT_FIELDS = graphql(`
  fragment PaymentFields on Payment {
    id
    version
    status
    allowedActions
    setupFutureUsage
    paymentMethod { __typename type ... on CardSnapshot { brand last4 } ... on BankAccountSnapshot { last4 } }
    lastError {
      __typename
      code
      ... on CardDeclinedError { customerMessage(locale: $locale) retry }
      ... on PaymentMethodUnusableError { customerMessage(locale: $locale) retry }
    }
  }
`);

/** What the buyer keeps for later; of a long list the newest, and the default one in any case. */
export const KEPT_METHODS = graphql(`
  fragment KeptMethods on Customer {
    defaultPaymentMethod { ...SavedMethodFields }
    paymentMethods(first: 20) { nodes { ...SavedMethodFields } }
  }
`);

export const SAVED_METHOD_FIELDS = graphql(`
  fragment SavedMethodFields on SavedPaymentMethod {
    id
    isDefault
    expiresSoon
    snapshot {
      __typename
      type
      ... on CardSnapshot { brand last4 expMonth expYear }
      ... on BankAccountSnapshot { bank last4 }
      ... on OtherMethodSnapshot { label }
    }
  }
`);

export const CHECKOUT = graphql(`
  query Checkout($orderId: ID!, $locale: String!) {
    order(id: $orderId) { ...OrderFields payments(first: 1) { nodes { ...PaymentFields } } }
    viewer { customer { ...KeptMethods } }
  }
`);

/** One payment; Stripe is asked first when it may have gone on without us. */
export const PAYMENT = graphql(`
  query CheckoutPayment($id: ID!, $maxStalenessMs: Int, $locale: String!) {
    payment(id: $id, maxStalenessMs: $maxStalenessMs) {
      ...PaymentFields
      order { ...OrderFields }
    }
  }
`);

/** What only the payer may see of a payment that waits for them. */
export const CONFIRMATION = graphql(`
  query CheckoutConfirmation($id: ID!) { paymentConfirmation(paymentId: $id) { ...ConfirmationFields } }
`);

export const CONFIRMATION_FIELDS = graphql(`
  fragment ConfirmationFields on PaymentConfirmation {
    clientSecret
    nextAction {
      type
      redirectUrl
      expiresAt
      amountRemaining { formatted }
      voucher { number entity reference }
      code { data }
      bankTransfer { reference accounts { type accountHolderName iban bic accountNumber routingNumber sortCode } }
    }
  }
`);

export const PAY = graphql(`
  mutation CheckoutPay($input: CreatePaymentInput!, $key: IdempotencyKey!, $locale: String!) {
    createPayment(input: $input, idempotencyKey: $key) {
      replayed
      errors { ...ErrorFields }
      payment { ...PaymentFields order { ...OrderFields } }
      confirmation { ...ConfirmationFields }
    }
  }
`);

export const TRY_AGAIN = graphql(`
  mutation CheckoutTryAgain($input: ConfirmPaymentInput!, $key: IdempotencyKey!, $locale: String!) {
    confirmPayment(input: $input, idempotencyKey: $key) {
      replayed
      errors { ...ErrorFields }
      payment { ...PaymentFields order { ...OrderFields } }
      confirmation { ...ConfirmationFields }
    }
  }
`);

export const GIVE_UP = graphql(`
  mutation CheckoutGiveUp($paymentId: ID!, $key: IdempotencyKey!, $locale: String!) {
    cancelPayment(input: { paymentId: $paymentId, reason: ABANDONED }, idempotencyKey: $key) {
      replayed
      errors { ...ErrorFields }
      payment { ...PaymentFields order { ...OrderFields } }
      confirmation { ...ConfirmationFields }
    }
  }
`);

/** Forget a saved method, here and at Stripe. */
export const FORGET = graphql(`
  mutation CheckoutForget($id: ID!, $key: IdempotencyKey!, $locale: String!) {
    detachPaymentMethod(id: $id, idempotencyKey: $key) {
      replayed
      errors { ...ErrorFields }
      customer { ...KeptMethods }
    }
  }
`);

export const ERROR_FIELDS = graphql(`
  fragment ErrorFields on UserError {
    __typename
    code
    path
    retryable
    ... on OperationInProgressError { retryAfterMs }
    ... on ProviderError { inMs: retryAfterMs }
    ... on CardDeclinedError { customerMessage(locale: $locale) retry }
    ... on PaymentMethodUnusableError { customerMessage(locale: $locale) retry }
  }
`);

export const FOLLOW = graphql(`
  subscription CheckoutFollow($orderId: ID!, $afterSequence: Int, $locale: String!) {
    orderPaymentUpdated(orderId: $orderId, afterSequence: $afterSequence) {
      sequence
      type
      order { ...OrderFields }
      payment { ...PaymentFields }
    }
  }
`);
