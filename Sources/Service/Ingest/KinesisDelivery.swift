internal import Bytes

/// The body of a delivery of Amazon Data Firehose.
///
/// ```
/// {"requestId": "ed4acda5-…", "timestamp": 1578090901599, "records": [{"data": "eyJhIjoxfQ=="}]}
/// ```
struct KinesisDelivery {
    /// Empty when the body has none.
    let requestID: String
    /// What the records hold, each ended by a line feed: one line of JSON or several.
    let lines: PaddedBytes

    /// Throws 400 when it is no such body, or the data of a record is no base64.
    init(_ body: PaddedBytes) throws(HTTPRefusal) {
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue(parsing: body.withBytes { Array($0) })
        } catch {
            throw KinesisDelivery.malformed("\(error)")
        }
        guard let records = document["records"]?.array else {
            throw KinesisDelivery.malformed("expected an array records")
        }
        requestID = document["requestId"]?.string ?? ""
        lines = PaddedBytes(capacity: body.count)
        for (index, record) in records.enumerated() {
            guard var text = record["data"]?.string,
                var data = text.withUTF8({ Base64.bytes(of: $0) })
            else {
                throw KinesisDelivery.malformed("expected base64 in data of record \(index)")
            }
            data.append(UInt8(ascii: "\n"))
            data.withUnsafeBytes { lines.append($0) }
        }
    }

    private static func malformed(_ what: String) -> HTTPRefusal {
        HTTPRefusal(.error(400, "Request body is malformed and cannot be read. \(what)"))
    }

    /// What Firehose expects as the answer; `time` in nanoseconds since 1970.
    static func receipt(of requestID: String, at time: Int64, fault: String? = nil) -> JSONObject {
        var receipt = JSONObject()
        receipt["requestId"] = .string(requestID)
        receipt["timestamp"] = .int(time / 1_000_000)
        if let fault { receipt["errorMessage"] = .string(fault) }
        return receipt
    }
}
