// The buttons of a checkout, with Paygraph's own client. `show` is the page: it is told what to show, and given the way on.

export async function start({ paygraph, orderId, show }) {
  const outcome = await paygraph.resume(orderId) // what was begun before a reload, a crash, or a visit to the bank
  if (outcome !== null) await present({ paygraph, outcome, show })
}

export async function pay({ paygraph, order, paidWith, returnUrl, show }) {
  const { amount, currency } = order.amountDue // what the buyer saw: the server charges what the order owes, or refuses
  const asked = { orderId: order.id, expectedAmount: { amount, currency }, ...paidWith, returnUrl }
  await present({ paygraph, outcome: await paygraph.pay(asked), show })
}

async function present({ paygraph, outcome, show }) {
  switch (outcome.kind) {
    case 'paid':
      show.receipt(outcome.payment)
      return paygraph.delivered(outcome) // it has reached the buyer: the key is forgotten
    case 'declined': // the payment is still open, and the same one is tried again, under a new key
      return show.declined(outcome.customerMessage, async (paidWith, returnUrl) =>
        present({ paygraph, outcome: await paygraph.tryAgain(outcome, paidWith, returnUrl), show }),
      )
    case 'needs-action':
      return show.action(outcome.redirectUrl, outcome.clientSecret) // a page to visit, or a secret for Stripe.js
    case 'failed':
      show.failed(outcome.code)
      return paygraph.delivered(outcome)
    case 'unknown': // the key is kept: never offer to pay in another way; `start` again finds out
      return show.waiting()
  }
}
