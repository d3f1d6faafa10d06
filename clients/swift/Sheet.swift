import Apollo
import ShopGraphQL
import StripePaymentSheet
import UIKit

/// Stripe's sheet asks for the card and confirms; what has become of the payment the server knows, and not the sheet.
@MainActor
final class Sheet {
    let apollo: ApolloClient

    init(apollo: ApolloClient) {
        self.apollo = apollo
    }

    /// `confirmation` is of createPayment without a method and without `confirm`; `customer` of `kept`. Returns the status.
    func open(
        paymentId: String, confirmation: ConfirmationFields, customer: PaymentSheet.CustomerConfiguration?,
        over page: UIViewController
    ) async throws -> String {
        STPAPIClient.shared.publishableKey = confirmation.publishableKey
        var configuration = PaymentSheet.Configuration()
        configuration.customer = customer
        configuration.merchantDisplayName = "Example shop"
        configuration.returnURL = "myapp://paid"
        let sheet = PaymentSheet(
            paymentIntentClientSecret: confirmation.clientSecret ?? "", configuration: configuration)
        await withCheckedContinuation { done in sheet.present(from: page) { _ in done.resume() } }
        // Stripe is asked, unless the payment is final.
        let answer = try await apollo.fetch(
            query: PaymentQuery(id: paymentId, maxStalenessMs: .some(0)), cachePolicy: .networkOnly)
        return answer.data?.payment?.fragments.paymentFields.status.rawValue ?? "UNKNOWN"
    }

    /// What the customer keeps, for the sheet to show. `customerId` is Stripe's (cus_…), from the shop's own server.
    func kept(customerId: String) async throws -> PaymentSheet.CustomerConfiguration? {
        let mutation = CustomerSessionMutation(components: [.init(.mobilePaymentElement)])
        guard let secret = try await apollo.perform(mutation: mutation).data?.createCustomerSession?.clientSecret else {
            return nil
        }
        return .init(id: customerId, customerSessionClientSecret: secret)
    }
}
