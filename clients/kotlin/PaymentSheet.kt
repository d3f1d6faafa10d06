package shop.checkout

import androidx.activity.ComponentActivity
import androidx.lifecycle.lifecycleScope
import com.apollographql.apollo.ApolloClient
import com.apollographql.apollo.api.Optional
import com.stripe.android.PaymentConfiguration
import com.stripe.android.paymentsheet.PaymentSheet
import kotlinx.coroutines.launch
import shop.graphql.CustomerSessionMutation
import shop.graphql.PaymentQuery
import shop.graphql.fragment.ConfirmationFields
import shop.graphql.type.CustomerSessionComponent

/** Stripe's sheet asks for the card and confirms; what has become of the payment the server knows, and not the sheet. */
class Sheet(private val activity: ComponentActivity, private val apollo: ApolloClient, private val shown: (String) -> Unit) {
    private var paymentId: String? = null
    private val sheet = PaymentSheet.Builder { _ -> activity.lifecycleScope.launch { look() } }.build(activity)

    /** `confirmation` is of createPayment without a method and without `confirm`; `customer` of `kept`. */
    fun open(paymentId: String, confirmation: ConfirmationFields, customer: PaymentSheet.CustomerConfiguration?) {
        this.paymentId = paymentId
        PaymentConfiguration.init(activity, confirmation.publishableKey!!)
        sheet.presentWithPaymentIntent(
            confirmation.clientSecret!!,
            PaymentSheet.Configuration.Builder("Example shop").customer(customer).build(),
        )
    }

    /** What the customer keeps, for the sheet to show. `customerId` is Stripe's (cus_…), from the shop's own server. */
    suspend fun kept(customerId: String): PaymentSheet.CustomerConfiguration? {
        val mutation = CustomerSessionMutation(listOf(CustomerSessionComponent.MOBILE_PAYMENT_ELEMENT))
        val session = apollo.mutation(mutation).execute().data?.createCustomerSession
        return session?.clientSecret?.let { PaymentSheet.CustomerConfiguration.createWithCustomerSession(customerId, it) }
    }

    private suspend fun look() {
        val query = PaymentQuery(paymentId!!, Optional.present(0)) // Stripe is asked, unless the payment is final
        val payment = apollo.query(query).execute().data?.payment?.paymentFields
        shown(payment?.status?.rawValue ?: "UNKNOWN")
    }
}
