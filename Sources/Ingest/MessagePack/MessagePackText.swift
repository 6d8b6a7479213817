internal import Bytes
internal import Events

/// Values as text: of keys, of what no field can be, and of what is quoted.
enum MessagePackText {
    /// The text of a value that is not made of others: as itself, or as JSON writes it.
    ///
    /// Bytes that are no UTF-8 become base64, a timestamp RFC 3339. Nil for an array, a map and any
    /// other extension.
    static func plain(_ value: MessagePackValue) -> String? {
        switch value {
        case .null: return "null"
        case .bool(let flag): return flag ? "true" : "false"
        case .int(let number): return String(number)
        case .unsigned(let number): return String(number)
        case .double(let number):
            if case .string(let name) = FieldValue(number: number) { return name }
            return JSONValue.double(number).text
        case .text(let text): return String(decoding: text, as: UTF8.self)
        case .bytes(let bytes):
            return SentText.isUTF8(bytes)
                ? String(decoding: bytes, as: UTF8.self) : Base64.text(of: bytes)
        case .ext(let type, let bytes): return MessagePackTimestamp(type: type, bytes)?.text
        case .array, .map: return nil
        }
    }

    private struct Container {
        /// Elements or members not written yet.
        var left: Int
        let isMap: Bool
    }

    /// Reads a value and gives its JSON text; nil when a map in it has a key that is no text.
    ///
    /// A text that is longer than a field's may be is not written to its end. Containers are kept on
    /// a list of their own, each a byte of the text at least, so their depth is bounded.
    static func json(
        _ input: inout MessagePackScanner
    ) throws(MessagePackFault) -> [UInt8]? {
        let start = input.place
        var writer = JSONWriter()
        var open: [Container] = []
        while true {
            switch try input.next() {
            case .array(let count):
                writer.beginArray()
                open.append(Container(left: count, isMap: false))
            case .map(let count):
                writer.beginObject()
                open.append(Container(left: count, isMap: true))
            case let value: write(value, to: &writer)
            }
            close(&open, &writer)
            guard let container = open.last else { return writer.bytes }
            open[open.count - 1].left -= 1
            var isDone = writer.bytes.count > EventLimits.stringBytes
            var isUsable = true
            if container.isMap && !isDone {
                if let name = plain(try input.next()) {
                    writer.key(name)
                } else {
                    isDone = true
                    isUsable = false
                }
            }
            if isDone {
                input.move(to: start)
                try input.skip()
                return isUsable ? writer.bytes : nil
            }
        }
    }

    /// Ends all containers that are full.
    private static func close(_ open: inout [Container], _ writer: inout JSONWriter) {
        while let container = open.last, container.left == 0 {
            if container.isMap { writer.endObject() } else { writer.endArray() }
            open.removeLast()
        }
    }

    private static func write(_ value: MessagePackValue, to writer: inout JSONWriter) {
        switch value {
        case .null: writer.null()
        case .bool(let flag): writer.bool(flag)
        case .int(let number): writer.int(number)
        case .unsigned(let number): writer.raw(Array(String(number).utf8))
        case .double(let number): writer.double(number)
        case .ext(let type, let bytes) where plain(value) == nil:
            writer.beginObject()
            writer.key("ext")
            writer.int(Int(type))
            writer.key("data")
            writer.string(Base64.text(of: bytes))
            writer.endObject()
        case .text, .bytes, .ext, .array, .map: writer.string(plain(value) ?? "")
        }
    }
}
