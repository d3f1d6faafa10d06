"""The GraphQL documents that the client sends."""

PAYMENT = """
fragment Paid on Payment {
  id status
  lastError { message ... on CardDeclinedError { customerMessage retry } }
}
"""
PROBLEM = """
fragment Problem on UserError {
  code message retryable
  ... on OperationInProgressError { retryAfterMs }
  ... on ProviderError { retryAfterMs }
  ... on CardDeclinedError { customerMessage retry }
  ... on PaymentMethodUnusableError { customerMessage }
}
"""
ANSWER = "errors { ...Problem } payment { ...Paid } confirmation { nextAction { redirectUrl } }"
CREATE = f"""
mutation Pay($input: CreatePaymentInput!, $key: IdempotencyKey!) {{
  done: createPayment(input: $input, idempotencyKey: $key) {{ {ANSWER} }}
}}
{PAYMENT}{PROBLEM}"""
OFF_SESSION = f"""
mutation PayOffSession($input: CreateOffSessionPaymentInput!, $key: IdempotencyKey!) {{
  done: createOffSessionPayment(input: $input, idempotencyKey: $key) {{ {ANSWER} }}
}}
{PAYMENT}{PROBLEM}"""
CANCEL = f"""
mutation GiveUp($input: CancelPaymentInput!, $key: IdempotencyKey!) {{
  done: cancelPayment(input: $input, idempotencyKey: $key) {{ {ANSWER} }}
}}
{PAYMENT}{PROBLEM}"""
CONFIRM = f"""
mutation TryAgain($input: ConfirmPaymentInput!, $key: IdempotencyKey!) {{
  done: confirmPayment(input: $input, idempotencyKey: $key) {{ {ANSWER} }}
}}
{PAYMENT}{PROBLEM}"""
OPERATION = f"""
query WhatBecameOf($key: IdempotencyKey!, $kind: OperationKind!) {{
  operation(key: $key, kind: $kind) {{ state error {{ ...Problem }} result {{ ... on Payment {{ ...Paid }} }} }}
}}
{PAYMENT}{PROBLEM}"""
LOOK = f"query Look($id: ID!) {{ payment(id: $id) {{ ...Paid }} }}{PAYMENT}"
CONFIRMATION = """
query GoOn($id: ID!) { confirmation: paymentConfirmation(paymentId: $id) { nextAction { redirectUrl } } }
"""
FOLLOW = """
subscription Follow($order: ID!, $after: Int) {
  orderPaymentUpdated(orderId: $order, afterSequence: $after) {
    sequence type order { paymentStatus } payment { id status }
  }
}
"""
SET_UP = f"""
mutation SetUp($input: CreateSetupIntentInput!, $key: IdempotencyKey!) {{
  done: createSetupIntent(input: $input, idempotencyKey: $key) {{
    errors {{ ...Problem }}
    setupIntent {{ id status paymentMethod {{ id }} lastError {{ ...Problem }} }}
    confirmation {{ clientSecret nextAction {{ redirectUrl }} }}
  }}
}}
{PROBLEM}"""
MUTATIONS = {
    "CREATE_PAYMENT": CREATE,
    "CREATE_OFF_SESSION_PAYMENT": OFF_SESSION,
    "CONFIRM_PAYMENT": CONFIRM,
    "CANCEL_PAYMENT": CANCEL,
    "CREATE_SETUP_INTENT": SET_UP,
}
