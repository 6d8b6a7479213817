import Bytes
import Events
import Foundation
import Ingest

/// An event read back from a batch, as plain values.
struct DecodedEvent: Equatable {
    var time: Int64
    var rate: UInt32 = 1
    var fields: [String: FieldValue]
}

let arrival: Int64 = 1_800_000_000_000_000_000

/// The package's root, found from this file's place.
let packageRoot = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

extension Decoded {
    /// All events kept, in order.
    func rows() -> [DecodedEvent] {
        batches.flatMap { batch in
            (0..<batch.rows).map { row in
                var fields: [String: FieldValue] = [:]
                for name in batch.names where name != EventBatch.spillName {
                    let value = batch[name]?.value(at: row) ?? .missing
                    if !value.isMissing { fields[name] = value }
                }
                if case .string(let text) = batch[EventBatch.spillName]?.value(at: row) {
                    for field in Spill.fields(text) { fields[field.name] = field.value }
                }
                return DecodedEvent(
                    time: batch.timestamps[row], rate: batch.sampleRates?[row] ?? 1,
                    fields: fields)
            }
        }
    }

    var messages: [String] { rejections.map(\.message) }
}

extension JSONEventDecoder {
    func event(
        _ text: String, time: String? = nil, sampleRate: String? = nil
    ) throws(BodyRefusal) -> Decoded {
        try decodeEvent(
            PaddedBytes(text.utf8), dataset: "shop", receivedAt: arrival, time: time,
            sampleRate: sampleRate)
    }

    func batch(_ text: String) throws(BodyRefusal) -> Decoded {
        try decodeBatch(PaddedBytes(text.utf8), dataset: "shop", receivedAt: arrival)
    }

    func lines(_ text: String, timeField: String? = nil) throws(BodyRefusal) -> Decoded {
        try decodeLines(
            PaddedBytes(text.utf8), dataset: "shop", receivedAt: arrival, timeField: timeField)
    }
}
