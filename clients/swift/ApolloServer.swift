import Apollo
import ShopGraphQL  // what Apollo iOS generates from operations.graphql

/// The three requests of Checkout by Apollo iOS.
struct ApolloServer: Server {
    let apollo: ApolloClient
    let returnUrl: String

    func send(_ attempt: Attempt) async throws -> Answer {
        if let paymentId = attempt.paymentId {
            let input = ConfirmPaymentInput(
                paymentId: paymentId, paymentMethodId: .some(attempt.method), returnUrl: .some(returnUrl))
            let payload = try await perform(TryAgainMutation(input: input, key: attempt.key)).confirmPayment
            return answer(
                payload?.payment?.fragments.paymentFields, payload?.errors.first?.fragments.problemFields,
                payload?.confirmation?.fragments.confirmationFields)
        }
        let input = CreatePaymentInput(
            orderId: attempt.orderId,
            expectedAmount: MoneyInput(amount: MinorUnits(attempt.amount), currency: attempt.currency),
            paymentMethodId: .some(attempt.method),
            confirm: .some(true),
            returnUrl: .some(returnUrl))
        let payload = try await perform(PayMutation(input: input, key: attempt.key)).createPayment
        return answer(
            payload?.payment?.fragments.paymentFields, payload?.errors.first?.fragments.problemFields,
            payload?.confirmation?.fragments.confirmationFields)
    }

    func whatBecame(of attempt: Attempt) async throws -> Answer? {
        let kind: OperationKind = attempt.paymentId == nil ? .createPayment : .confirmPayment
        let operation = try await fetch(WhatBecameQuery(key: attempt.key, kind: .init(kind))).operation
        guard let operation, ["SUCCEEDED", "FAILED"].contains(operation.state.rawValue) else { return nil }
        return answer(
            operation.result?.asPayment?.fragments.paymentFields, operation.error?.fragments.problemFields, nil)
    }

    func look(paymentId: String) async throws -> Answer {
        // At most two seconds old: Stripe is asked if need be.
        let payment = try await fetch(PaymentQuery(id: paymentId, maxStalenessMs: .some(2000))).payment
        return answer(payment?.fragments.paymentFields, nil, nil)
    }

    private func perform<M: GraphQLMutation>(_ mutation: M) async throws -> M.Data {
        try data(try await apollo.perform(mutation: mutation))
    }

    private func fetch<Q: GraphQLQuery>(_ query: Q) async throws -> Q.Data {
        try data(try await apollo.fetch(query: query, cachePolicy: .networkOnly))
    }

    /// The data of an answer. What `errors` say is for the developer, unless it may be repeated.
    private func data<D>(_ response: GraphQLResponse<D>) throws -> D.Data where D: GraphQLOperation {
        if let error = response.errors?.first {
            if error.extensions?["retryable"] as? Bool == true { throw URLError(.cannotConnectToHost) }
            throw Refused(message: error.message ?? "refused")
        }
        guard let data = response.data else { throw URLError(.badServerResponse) }
        return data
    }

    private func answer(_ payment: PaymentFields?, _ problem: ProblemFields?, _ confirmation: ConfirmationFields?) -> Answer {
        Answer(
            payment: payment.map {
                Payment(
                    id: $0.id, status: $0.status.rawValue,
                    customerMessage: $0.lastError?.asCardDeclinedError?.customerMessage)
            },
            problem: problem.map {
                Problem(
                    code: $0.code.rawValue, message: $0.message, retryable: $0.retryable,
                    customerMessage: $0.asCardDeclinedError?.customerMessage)
            },
            redirectUrl: confirmation?.nextAction?.redirectUrl)
    }
}
