"""The GraphQL documents that the client sends."""

PAYMENT = """
fragment Paid on Payment {
  id status nextAction { redirectUrl }
  lastError { message ... on CardDeclinedError { customerMessage retry } }
}
"""
PROBLEM = """
fragment Problem on UserError {
  code message retryable
  ... on OperationInProgressError { retryAfterMs }
  ... on ProviderError { retryAfterMs }
  ... on CardDeclinedError { customerMessage retry }
}
"""
CREATE = f"""
mutation Pay($input: CreatePaymentInput!, $key: IdempotencyKey!) {{
  done: createPayment(input: $input, idempotencyKey: $key) {{ errors {{ ...Problem }} payment {{ ...Paid }} }}
}}
{PAYMENT}{PROBLEM}"""
CONFIRM = f"""
mutation TryAgain($paymentId: ID!, $paymentMethodId: ID!, $returnUrl: String, $key: IdempotencyKey!) {{
  done: confirmPayment(
    paymentId: $paymentId, paymentMethodId: $paymentMethodId, returnUrl: $returnUrl, idempotencyKey: $key
  ) {{ errors {{ ...Problem }} payment {{ ...Paid }} }}
}}
{PAYMENT}{PROBLEM}"""
OPERATION = f"""
query WhatBecameOf($key: IdempotencyKey!, $kind: OperationKind!) {{
  operation(key: $key, kind: $kind) {{ state error {{ ...Problem }} result {{ ... on Payment {{ ...Paid }} }} }}
}}
{PAYMENT}{PROBLEM}"""
LOOK = f"query Look($id: ID!) {{ payment(id: $id) {{ ...Paid }} }}{PAYMENT}"
FOLLOW = """
subscription Follow($id: ID!, $after: Int) {
  paymentUpdated(paymentId: $id, afterSequence: $after) { sequence payment { status } }
}
"""
MUTATIONS = {"CREATE_PAYMENT": CREATE, "CONFIRM_PAYMENT": CONFIRM}
