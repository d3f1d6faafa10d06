import Foundation

/// What the buyer asked for. It is in the store, with its key, before the first byte of it is sent.
struct Attempt: Codable, Equatable {
    var key: String
    let orderId: String
    let amount: Int
    let currency: String
    var method: String
    var paymentId: String?  // set for another try of a payment that was declined
}

/// A file for each order: it survives the end of the app, which the system may bring while the bank's page is open.
struct Attempts {
    let folder: URL

    func of(_ orderId: String) throws -> Attempt? {
        guard FileManager.default.fileExists(atPath: file(orderId).path) else { return nil }
        return try JSONDecoder().decode(Attempt.self, from: Data(contentsOf: file(orderId)))
    }

    func save(_ attempt: Attempt) throws {
        try JSONEncoder().encode(attempt).write(to: file(attempt.orderId), options: .atomic)
    }

    func forget(_ orderId: String) throws {
        try FileManager.default.removeItem(at: file(orderId))
    }

    private func file(_ orderId: String) -> URL {
        folder.appendingPathComponent(orderId).appendingPathExtension("json")
    }
}

struct Payment {
    let id: String
    let status: String
    let customerMessage: String?
}

struct Problem {
    let code: String
    let message: String
    let retryable: Bool
    let customerMessage: String?
}

struct Answer {
    var payment: Payment?
    var problem: Problem?
    var redirectUrl: String?
}

/// The server refused the request as such; repeating it is of no use. Any other error means that no answer came.
struct Refused: Error {
    let message: String
}

protocol Server {
    func send(_ attempt: Attempt) async throws -> Answer
    /// What became of the key; nil when it must be sent, again, to decide it.
    func whatBecame(of attempt: Attempt) async throws -> Answer?
    func look(paymentId: String) async throws -> Answer
}

enum Outcome {
    case paid(paymentId: String)
    case declined(paymentId: String, message: String)
    case needsPayer(paymentId: String, page: String?)
    case failed(code: String)
    case unknown
}

/// Pays an order once: the same key until there is an answer, a new one only for a new attempt.
actor Checkout {
    private let server: Server
    private let attempts: Attempts
    private let patience: TimeInterval
    private let firstPause: TimeInterval

    init(server: Server, attempts: Attempts, patience: TimeInterval = 60, firstPause: TimeInterval = 0.25) {
        self.server = server
        self.attempts = attempts
        self.patience = patience
        self.firstPause = firstPause
    }

    /// Pay, or go on with the attempt that an earlier call, or an earlier life of the app, began.
    func pay(orderId: String, amount: Int, currency: String, method: String) async throws -> Outcome {
        if let kept = try attempts.of(orderId) { return try await settle(kept, isNew: false) }
        let attempt = Attempt(key: UUID().uuidString, orderId: orderId, amount: amount, currency: currency, method: method)
        try attempts.save(attempt)
        return try await settle(attempt, isNew: true)
    }

    /// After a decline: the same payment with another method, under a new key.
    func tryAgain(orderId: String, paymentId: String, method: String) async throws -> Outcome {
        guard var attempt = try attempts.of(orderId) else { throw Refused(message: "nothing was begun for this order") }
        attempt.key = UUID().uuidString
        attempt.method = method
        attempt.paymentId = paymentId
        try attempts.save(attempt)
        return try await settle(attempt, isNew: true)
    }

    /// At the start of the app, and when it is back from the bank: what became of the attempt that was kept.
    func resume(orderId: String) async throws -> Outcome? {
        guard let kept = try attempts.of(orderId) else { return nil }
        return try await settle(kept, isNew: false)
    }

    private func settle(_ attempt: Attempt, isNew: Bool) async throws -> Outcome {
        let end = Date().addingTimeInterval(patience)
        var answer: Answer?
        if !isNew {
            let found = try await untilAnswered(end) { Known(answer: try await self.server.whatBecame(of: attempt)) }
            answer = found?.answer
        }
        if answer == nil { answer = try await untilAnswered(end) { try await self.server.send(attempt) } }
        while let said = answer {
            if let outcome = judge(said) { return outcome }
            guard let paymentId = said.payment?.id, Date() < end else { return .unknown }
            try await pause(firstPause)
            answer = try await untilAnswered(end) { try await self.server.look(paymentId: paymentId) }
        }
        return .unknown
    }

    private struct Known {
        let answer: Answer?
    }

    /// Repeat a request while nobody answers, or the answer says that it may be repeated; nil when patience has ended.
    private func untilAnswered<T>(_ end: Date, _ request: () async throws -> T) async throws -> T? {
        var longest = firstPause
        while true {
            do {
                let answer = try await request()
                if (answer as? Answer)?.problem?.retryable != true { return answer }
            } catch let refused as Refused {
                throw refused
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                // The request, or its answer, was lost: which of the two, only the same key finds out.
            }
            guard Date() < end else { return nil }
            try await pause(longest * Double.random(in: 0.5...1))
            longest = min(longest * 2, 10)
        }
    }

    private func pause(_ seconds: TimeInterval) async throws {
        try await Task.sleep(nanoseconds: UInt64(seconds * 1_000_000_000))
    }

    private func judge(_ answer: Answer) -> Outcome? {
        if let code = answer.problem?.code, code != "CARD_DECLINED", code != "AUTHENTICATION_REQUIRED" {
            return .failed(code: code)
        }
        guard let payment = answer.payment else { return .unknown }
        switch payment.status {
        case "SUCCEEDED", "REQUIRES_CAPTURE":
            return .paid(paymentId: payment.id)
        case "CANCELED":
            return .failed(code: "CANCELED")
        case "REQUIRES_ACTION":
            return .needsPayer(paymentId: payment.id, page: answer.redirectUrl)
        case "REQUIRES_PAYMENT_METHOD", "REQUIRES_CONFIRMATION":
            guard let said = answer.problem?.customerMessage ?? payment.customerMessage else {
                return .needsPayer(paymentId: payment.id, page: answer.redirectUrl)
            }
            return .declined(paymentId: payment.id, message: said)
        default:
            return nil  // INITIATED, PROCESSING, UNKNOWN: it resolves itself
        }
    }
}
