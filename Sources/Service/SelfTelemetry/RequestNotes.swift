internal import EventQuery
internal import Events
internal import Ingest

extension HTTPResponse {
    /// Tells what was asked.
    mutating func note(_ query: Query) {
        let text = AnsweredRequest.cut(query.text, to: ServiceLimits.selfQueryBytes)
        notes.append(RequestNote("query.text", .string(text)))
    }

    /// Tells what was done for an answer.
    mutating func note(_ meta: AnswerMeta) {
        notes += [
            RequestNote("query.events", .int(Int64(meta.events))),
            RequestNote("query.rows_scanned", .int(Int64(meta.rowsScanned))),
            RequestNote("query.bytes_read", .int(Int64(meta.bytesScanned))),
            RequestNote("query.elapsed_ms", .float(Double(meta.elapsedNanoseconds) / 1e6)),
            RequestNote("query.partial", .bool(meta.isPartial)),
        ]
    }

    /// The same answer, telling what came of a body of events.
    func noting(_ decoded: Decoded) -> HTTPResponse {
        var response = self
        response.notes.append(RequestNote("ingest.events", .int(Int64(decoded.accepted))))
        if !decoded.rejections.isEmpty {
            response.notes.append(
                RequestNote("ingest.rejected", .int(Int64(decoded.rejections.count))))
        }
        return response
    }
}
