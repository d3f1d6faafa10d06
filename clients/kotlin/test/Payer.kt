// A buyer's program: pays one order through the Checkout of docs/clients, over HTTP and a file, and prints what became of it.
package shop.checkout

import java.io.File
import java.io.IOException
import java.net.HttpURLConnection
import java.net.URI
import java.nio.file.Files
import java.nio.file.StandardCopyOption
import java.util.UUID
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext

fun main(given: Array<String>) = runBlocking {
    val (url, token, documents, file, orderId) = given
    val methods = given.drop(5)
    val checkout = Checkout(
        HttpServer(url, token, File(documents).readText()),
        FileAttempts(File(file)),
        newKey = { UUID.randomUUID().toString() },
        patience = 20.seconds,
        firstPause = 10.milliseconds,
    )
    var outcome = checkout.pay(orderId, 10_000, "USD", methods.first())
    println(outcome)
    for (method in methods.drop(1)) {
        outcome = checkout.tryAgain(orderId, outcome as Outcome.Declined, method)
        println(outcome)
    }
}

/** One attempt in a file, written completely or not at all. */
class FileAttempts(private val file: File) : Attempts {
    override fun of(orderId: String): Attempt? {
        if (!file.exists()) return null
        val (key, order, amount, currency, method, payment) = file.readText().split("\n")
        return Attempt(key, order, amount.toLong(), currency, method, payment.ifEmpty { null }).takeIf { order == orderId }
    }

    override fun save(attempt: Attempt) {
        val draft = File("$file.draft")
        val fields = with(attempt) { listOf(key, orderId, amount, currency, method, paymentId.orEmpty()) }
        draft.writeText(fields.joinToString("\n"))
        Files.move(draft.toPath(), file.toPath(), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING)
    }

    override fun forget(orderId: String) {
        file.delete()
    }
}

private operator fun <T> List<T>.component6(): T = this[5]

/** The three requests with what Java has; an app leaves this to Apollo. */
class HttpServer(private val url: String, private val token: String, private val documents: String) : Server {
    override suspend fun send(attempt: Attempt): Answer = with(attempt) {
        val method = "\"paymentMethodId\":\"$method\",\"returnUrl\":\"https://shop.example/paid\""
        if (paymentId != null) {
            return answer("TryAgain", "\"input\":{\"paymentId\":\"$paymentId\",$method},\"key\":\"$key\"", "confirmPayment")
        }
        val expected = "\"expectedAmount\":{\"amount\":$amount,\"currency\":\"$currency\"}"
        answer("Pay", "\"input\":{\"orderId\":\"$orderId\",$expected,$method,\"confirm\":true},\"key\":\"$key\"", "createPayment")
    }

    override suspend fun whatBecameOf(attempt: Attempt): Answer? {
        val kind = if (attempt.paymentId == null) "CREATE_PAYMENT" else "CONFIRM_PAYMENT"
        val operation = ask("WhatBecame", "\"key\":\"${attempt.key}\",\"kind\":\"$kind\"")["operation"] as Map<*, *>?
        if (operation == null || operation["state"] !in setOf("SUCCEEDED", "FAILED")) return null
        return Answer(payment(operation["result"]), problem(operation["error"]), null)
    }

    override suspend fun look(paymentId: String) =
        Answer(payment(ask("Payment", "\"id\":\"$paymentId\",\"maxStalenessMs\":2000")["payment"]), null, null)

    private suspend fun answer(operation: String, variables: String, field: String): Answer {
        val payload = ask(operation, variables)[field] as Map<*, *>
        val action = (payload["confirmation"] as Map<*, *>?)?.get("nextAction") as Map<*, *>?
        return Answer(
            payment(payload["payment"]),
            problem((payload["errors"] as List<*>).firstOrNull()),
            action?.get("redirectUrl") as String?,
        )
    }

    private fun payment(found: Any?): Payment? = (found as Map<*, *>?)?.let {
        Payment(it["id"] as String, it["status"] as String, (it["lastError"] as Map<*, *>?)?.get("customerMessage") as String?)
    }

    private fun problem(found: Any?): Problem? = (found as Map<*, *>?)?.let {
        Problem(it["code"] as String, it["message"] as String, it["retryable"] as Boolean, it["customerMessage"] as String?)
    }

    private suspend fun ask(operation: String, variables: String): Map<*, *> = withContext(Dispatchers.IO) {
        val connection = URI(url).toURL().openConnection() as HttpURLConnection
        connection.requestMethod = "POST"
        connection.doOutput = true
        connection.setRequestProperty("Content-Type", "application/json")
        connection.setRequestProperty("Authorization", "Bearer $token")
        val body = "{\"query\":${quoted(documents)},\"operationName\":\"$operation\",\"variables\":{$variables}}"
        connection.outputStream.use { it.write(body.toByteArray()) }
        if (connection.responseCode == 429 || connection.responseCode >= 500) throw IOException("HTTP ${connection.responseCode}")
        val answer = Json((connection.errorStream ?: connection.inputStream).use { it.readBytes().decodeToString() }).value() as Map<*, *>
        (answer["errors"] as List<*>?)?.let { throw Refused(it.toString()) }
        answer["data"] as Map<*, *>
    }

    private fun quoted(text: String) = "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + "\""
}

/** Reads JSON. */
class Json(private val text: String) {
    private var at = 0

    fun value(): Any? = when (val first = next()) {
        '{' -> buildMap { items('}') { val name = value() as String; next(); put(name, value()) } }
        '[' -> buildList { items(']') { add(value()) } }
        '"' -> string()
        else -> word(first)
    }

    private fun next(): Char { while (text[at].isWhitespace()) at++; return text[at++] }

    private fun items(end: Char, read: () -> Unit) {
        if (next() == end) return
        at--
        do read() while (next() != end)
    }

    private fun string(): String = buildString {
        while (text[at] != '"') {
            val one = text[at++]
            if (one != '\\') append(one)
            else when (val escaped = text[at++]) {
                'n' -> append('\n')
                'u' -> { append(text.substring(at, at + 4).toInt(16).toChar()); at += 4 }
                else -> append(escaped)
            }
        }
        at++
    }

    private fun word(first: Char): Any? {
        val begun = at - 1
        while (at < text.length && text[at] !in ",]} \n") at++
        return when (first) { 't' -> true; 'f' -> false; 'n' -> null; else -> text.substring(begun, at).toDouble() }
    }
}
