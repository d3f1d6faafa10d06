package shop.checkout

import com.apollographql.apollo.ApolloClient
import com.apollographql.apollo.api.ApolloResponse
import com.apollographql.apollo.api.Operation
import com.apollographql.apollo.api.Optional
import com.apollographql.apollo.exception.ApolloException
import java.io.IOException
import shop.graphql.PayMutation
import shop.graphql.PaymentQuery
import shop.graphql.TryAgainMutation
import shop.graphql.WhatBecameQuery
import shop.graphql.fragment.ConfirmationFields
import shop.graphql.fragment.PaymentFields
import shop.graphql.fragment.ProblemFields
import shop.graphql.type.ConfirmPaymentInput
import shop.graphql.type.CreatePaymentInput
import shop.graphql.type.MoneyInput
import shop.graphql.type.OperationKind

/** The three requests of Checkout by Apollo Kotlin, with the classes that it generates from operations.graphql. */
class ApolloServer(private val apollo: ApolloClient, private val returnUrl: String) : Server {
    override suspend fun send(attempt: Attempt): Answer {
        if (attempt.paymentId != null) {
            val input = ConfirmPaymentInput(
                paymentId = attempt.paymentId,
                paymentMethodId = Optional.present(attempt.method),
                returnUrl = Optional.present(returnUrl),
            )
            val payload = data(apollo.mutation(TryAgainMutation(input, attempt.key)).execute()).confirmPayment!!
            return answer(payload.payment?.paymentFields, payload.errors.firstOrNull()?.problemFields, payload.confirmation?.confirmationFields)
        }
        val input = CreatePaymentInput(
            orderId = attempt.orderId,
            expectedAmount = MoneyInput(attempt.amount, attempt.currency),
            paymentMethodId = Optional.present(attempt.method),
            confirm = Optional.present(true),
            returnUrl = Optional.present(returnUrl),
        )
        val payload = data(apollo.mutation(PayMutation(input, attempt.key)).execute()).createPayment!!
        return answer(payload.payment?.paymentFields, payload.errors.firstOrNull()?.problemFields, payload.confirmation?.confirmationFields)
    }

    override suspend fun whatBecameOf(attempt: Attempt): Answer? {
        val kind = if (attempt.paymentId == null) OperationKind.CREATE_PAYMENT else OperationKind.CONFIRM_PAYMENT
        val operation = data(apollo.query(WhatBecameQuery(attempt.key, kind)).execute()).operation
        if (operation == null || operation.state.rawValue !in setOf("SUCCEEDED", "FAILED")) return null
        return answer(operation.result?.onPayment?.paymentFields, operation.error?.problemFields, null)
    }

    override suspend fun look(paymentId: String): Answer {
        val query = PaymentQuery(paymentId, Optional.present(2_000)) // at most two seconds old: Stripe is asked if need be
        return answer(data(apollo.query(query).execute()).payment?.paymentFields, null, null)
    }

    /** The data of an answer. What `errors` say is for the developer, unless it may be repeated. */
    private fun <D : Operation.Data> data(response: ApolloResponse<D>): D {
        response.exception?.let { throw asIOException(it) }
        val error = response.errors?.firstOrNull() ?: return response.data ?: throw IOException("half an answer")
        if (error.extensions?.get("retryable") == true) throw IOException(error.message)
        throw Refused(error.message)
    }

    private fun asIOException(exception: ApolloException) = IOException(exception) // no answer, half of one, a proxy's page

    private fun answer(payment: PaymentFields?, problem: ProblemFields?, confirmation: ConfirmationFields?) = Answer(
        payment?.let { Payment(it.id, it.status.rawValue, it.lastError?.onCardDeclinedError?.customerMessage) },
        problem?.let { Problem(it.code.rawValue, it.message, it.retryable, it.onCardDeclinedError?.customerMessage) },
        confirmation?.nextAction?.redirectUrl,
    )
}
