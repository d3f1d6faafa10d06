package shop.checkout

import com.apollographql.apollo.ApolloClient
import com.apollographql.apollo.api.http.HttpRequest
import com.apollographql.apollo.api.http.HttpResponse
import com.apollographql.apollo.network.http.HttpInterceptor
import com.apollographql.apollo.network.http.HttpInterceptorChain
import com.apollographql.apollo.network.ws.GraphQLWsProtocol
import com.apollographql.apollo.network.ws.WebSocketNetworkTransport

/** `token(renew)` keeps the buyer's token in memory, and with `renew` fetches another one from the shop. */
fun apolloClient(url: String, token: suspend (renew: Boolean) -> String): ApolloClient =
    ApolloClient.Builder()
        .serverUrl(url)
        .addHttpInterceptor(Authorization(token))
        .subscriptionNetworkTransport(
            WebSocketNetworkTransport.Builder()
                .protocol(GraphQLWsProtocol.Factory(connectionPayload = { mapOf("Authorization" to "Bearer ${token(false)}") }))
                .serverUrl(url.replaceFirst("http", "ws"))
                .build(),
        )
        .build()

private class Authorization(private val token: suspend (renew: Boolean) -> String) : HttpInterceptor {
    override suspend fun intercept(request: HttpRequest, chain: HttpInterceptorChain): HttpResponse {
        val response = chain.proceed(request.authorized(token(false)))
        if (response.statusCode != 401) return response
        response.body?.close()
        return chain.proceed(request.authorized(token(true)))
    }

    private fun HttpRequest.authorized(token: String) = newBuilder().addHeader("Authorization", "Bearer $token").build()
}
