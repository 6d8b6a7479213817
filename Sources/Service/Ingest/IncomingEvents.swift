internal import Bytes
internal import EventStore

/// The events of one request before they are decoded.
struct IncomingEvents: Sendable {
    /// What the body looks like, and with it the answer.
    enum Form: Sendable {
        /// One object of fields; time and sample rate as headers say them.
        case event(time: String?, sampleRate: String?)
        /// An array of events with time, sample rate and data.
        case batch
        /// An object of fields a line; the field that tells the time, if it was named.
        case lines(timeField: String?)
        /// Lines that came as the records of a delivery, by its id and its time.
        case records(requestID: String, receivedAt: Int64)
    }

    let environment: String
    /// As the client wrote it.
    let dataset: String
    let form: Form
    /// Already inflated.
    let body: PaddedBytes
    /// The client's key for the request, if it gave one.
    let key: RequestKey?
    let durability: Durability
    var format = Format.json

    /// How a body is written; lines are always JSON.
    enum Format: Sendable {
        case json, messagePack
    }
}
