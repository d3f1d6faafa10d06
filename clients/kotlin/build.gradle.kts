plugins {
    kotlin("android")
    id("com.apollographql.apollo") version "4.3.3"
}

dependencies {
    implementation("com.apollographql.apollo:apollo-runtime:4.3.3")
    implementation("com.stripe:stripe-android:21.29.1")
}

apollo {
    service("shop") {
        packageName.set("shop.graphql")
        srcDir("src/main/graphql") // schema.graphql, from the server's /schema.graphql, and operations.graphql
        mapScalar("MinorUnits", "kotlin.Long", "com.apollographql.apollo.api.LongAdapter") // an Int is too small for it
        mapScalar("DateTime", "kotlin.String", "com.apollographql.apollo.api.StringAdapter")
        mapScalar("CurrencyCode", "kotlin.String", "com.apollographql.apollo.api.StringAdapter")
        mapScalar("IdempotencyKey", "kotlin.String", "com.apollographql.apollo.api.StringAdapter")
    }
}
