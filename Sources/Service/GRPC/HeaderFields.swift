internal import CNghttp2

/// Lends header fields in nghttp2's form, which copies them.
func withHeaderFields<Result>(
    _ fields: [(name: String, value: String)],
    _ body: (UnsafePointer<nghttp2_nv>?, Int) -> Result
) -> Result {
    var text: [UInt8] = []
    for field in fields {
        text += field.name.utf8
        text += field.value.utf8
    }
    return text.withUnsafeMutableBufferPointer { text in
        var position = 0
        func lend(_ count: Int) -> UnsafeMutablePointer<UInt8>? {
            defer { position += count }
            return text.baseAddress.map { $0 + position }
        }
        let entries = fields.map { field in
            let (name, value) = (field.name.utf8.count, field.value.utf8.count)
            return nghttp2_nv(
                name: lend(name), value: lend(value), namelen: name, valuelen: value,
                flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue))
        }
        return entries.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
    }
}
