struct JSONWriter {
    var bytes: [UInt8] = []
    mutating func beginObject() { bytes.append(0x7B) }
    mutating func endObject() { bytes.append(0x7D) }
    mutating func write(key: String) { write(key); bytes.append(0x3A) }
    mutating func write(_ s: String) { bytes += Array("\"\(s)\"".utf8) }
}
