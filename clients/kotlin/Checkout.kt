package shop.checkout

import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeMark
import kotlin.time.TimeSource
import kotlinx.coroutines.delay

/** What the buyer asked for. It is in the store, with its key, before the first byte of it is sent. */
data class Attempt(
    val key: String,
    val orderId: String,
    val amount: Long,
    val currency: String,
    val method: String,
    val paymentId: String? = null, // set for another try of a payment that was declined
)

/** Survives the death of the app, which the system may end while the bank's page is open. `save` returns once it would. */
interface Attempts {
    fun of(orderId: String): Attempt?
    fun save(attempt: Attempt)
    fun forget(orderId: String)
}

data class Payment(val id: String, val status: String, val customerMessage: String?)

data class Problem(val code: String, val message: String, val retryable: Boolean, val customerMessage: String?)

data class Answer(val payment: Payment?, val problem: Problem?, val redirectUrl: String?)

/** The three requests. Each throws IOException when no answer came, and Refused when the server refused the request as such. */
interface Server {
    suspend fun send(attempt: Attempt): Answer
    suspend fun whatBecameOf(attempt: Attempt): Answer? // null: the key must be sent, again, to decide it
    suspend fun look(paymentId: String): Answer
}

class Refused(message: String) : Exception(message)

sealed interface Outcome {
    data class Paid(val paymentId: String) : Outcome
    data class Declined(val paymentId: String, val message: String) : Outcome
    data class NeedsPayer(val paymentId: String, val page: String?) : Outcome
    data class Failed(val code: String) : Outcome
    data object Unknown : Outcome
}

/** Pays an order once: the same key until there is an answer, a new one only for a new attempt. */
class Checkout(
    private val server: Server,
    private val attempts: Attempts,
    private val newKey: () -> String,
    private val patience: Duration = 60.seconds,
    private val firstPause: Duration = 250.milliseconds,
) {
    /** Pay, or go on with the attempt that an earlier call, or an earlier life of the app, began. */
    suspend fun pay(orderId: String, amount: Long, currency: String, method: String): Outcome {
        attempts.of(orderId)?.let { return settle(it, isNew = false) }
        val attempt = Attempt(newKey(), orderId, amount, currency, method)
        attempts.save(attempt)
        return settle(attempt, isNew = true)
    }

    /** After a decline: the same payment with another method, under a new key. */
    suspend fun tryAgain(orderId: String, declined: Outcome.Declined, method: String): Outcome {
        val before = checkNotNull(attempts.of(orderId)) { "nothing was begun for this order" }
        val attempt = before.copy(key = newKey(), method = method, paymentId = declined.paymentId)
        attempts.save(attempt)
        return settle(attempt, isNew = true)
    }

    /** At the start of the app, and when it is back from the bank: what became of the attempt that was kept. */
    suspend fun resume(orderId: String): Outcome? = attempts.of(orderId)?.let { settle(it, isNew = false) }

    private suspend fun settle(attempt: Attempt, isNew: Boolean): Outcome {
        val end = TimeSource.Monotonic.markNow() + patience
        var answer = if (isNew) null else untilAnswered(end) { Known(server.whatBecameOf(attempt)) }?.answer
        answer = answer ?: untilAnswered(end) { server.send(attempt) } ?: return Outcome.Unknown
        while (true) {
            judge(answer!!)?.let { return it }
            val paymentId = answer.payment?.id ?: return Outcome.Unknown
            delay(firstPause)
            if (end.hasPassedNow()) return Outcome.Unknown
            answer = untilAnswered(end) { server.look(paymentId) } ?: return Outcome.Unknown
        }
    }

    private class Known(val answer: Answer?)

    /** Repeat a request while nobody answers, or the answer says that it may be repeated; null when patience has ended. */
    private suspend fun <T : Any> untilAnswered(end: TimeMark, request: suspend () -> T): T? {
        var pause = firstPause
        while (true) {
            try {
                val answer = request()
                if ((answer as? Answer)?.problem?.retryable != true) return answer
            } catch (_: java.io.IOException) {
                // The request, or its answer, was lost: which of the two, only the same key finds out.
            }
            if (end.hasPassedNow()) return null
            delay(pause * (0.5 + Random.nextDouble() / 2))
            pause = minOf(pause * 2, 10.seconds)
        }
    }

    private fun judge(answer: Answer): Outcome? {
        val (payment, problem, page) = answer
        if (problem != null && problem.code !in BY_THE_BANK) return Outcome.Failed(problem.code)
        return when (payment?.status) {
            "SUCCEEDED", "REQUIRES_CAPTURE" -> Outcome.Paid(payment.id)
            "CANCELED" -> Outcome.Failed("CANCELED")
            "REQUIRES_ACTION" -> Outcome.NeedsPayer(payment.id, page)
            "REQUIRES_PAYMENT_METHOD", "REQUIRES_CONFIRMATION" -> {
                val said = problem?.customerMessage ?: payment.customerMessage
                if (said == null) Outcome.NeedsPayer(payment.id, page) else Outcome.Declined(payment.id, said)
            }
            else -> null // INITIATED, PROCESSING, UNKNOWN: it resolves itself
        }
    }

    private companion object {
        val BY_THE_BANK = setOf("CARD_DECLINED", "AUTHENTICATION_REQUIRED")
    }
}
