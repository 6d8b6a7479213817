internal import CDeflate
internal import CZstd

/// Why a compressed body could not be opened.
public enum CompressionError: Error, Hashable, Sendable {
    /// The bytes are not of the format, or are cut off.
    case malformed(String)
    /// What comes out is larger than the limit, in bytes.
    case tooLarge(limit: Int)
}

/// Zstandard (RFC 8878), through libzstd.
public enum Zstd {
    /// Level 1 is the fastest and wins on columns; 22 is the smallest.
    public static func compress(_ bytes: [UInt8], level: Int32 = 1) -> [UInt8] {
        bytes.withUnsafeBytes { compress($0, level: level) }
    }

    public static func compress(_ source: UnsafeRawBufferPointer, level: Int32 = 1) -> [UInt8] {
        let bound = ZSTD_compressBound(source.count)
        return [UInt8](unsafeUninitializedCapacity: bound) { target, initialized in
            let size = ZSTD_compress(
                target.baseAddress, target.count, source.baseAddress, source.count, level)
            precondition(ZSTD_isError(size) == 0, "BUG: zstd refused a buffer of the bound it gave")
            initialized = size
        }
    }

    /// Opens a block whose size is known; anything but exactly `size` bytes is malformed.
    public static func decompress(
        _ bytes: ArraySlice<UInt8>, size: Int
    ) throws(CompressionError) -> [UInt8] {
        var written = 0
        let result = bytes.withUnsafeBytes { source in
            [UInt8](unsafeUninitializedCapacity: size) { target, initialized in
                written = ZSTD_decompress(
                    target.baseAddress, size, source.baseAddress, source.count)
                initialized = ZSTD_isError(written) == 0 ? written : 0
            }
        }
        guard ZSTD_isError(written) == 0, written == size else {
            throw .malformed("zstd: the block does not hold \(size) bytes")
        }
        return result
    }

    /// Opens a body of unknown size, all its frames, stopping above `limit` bytes.
    public static func decompress(
        _ bytes: [UInt8], limit: Int
    ) throws(CompressionError) -> [UInt8] {
        guard let stream = ZSTD_createDStream() else { throw .malformed("zstd: out of memory") }
        defer { ZSTD_freeDStream(stream) }
        // A frame may ask for a window of its own; one above the limit cannot be needed.
        ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 27)
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: ZSTD_DStreamOutSize())
        var position = 0
        var pending = 1
        while position < bytes.count || pending != 0 {
            let (code, read, written) = bytes.withUnsafeBytes { source in
                chunk.withUnsafeMutableBytes { target in
                    var input = ZSTD_inBuffer(
                        src: source.baseAddress, size: source.count, pos: position)
                    var out = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                    let code = ZSTD_decompressStream(stream, &out, &input)
                    return (code, input.pos, out.pos)
                }
            }
            guard ZSTD_isError(code) == 0 else {
                throw .malformed("zstd: " + String(cString: ZSTD_getErrorName(code)))
            }
            if read == position && written == 0 { throw .malformed("zstd: the body is cut off") }
            guard output.count + written <= limit else { throw .tooLarge(limit: limit) }
            output.append(contentsOf: chunk[..<written])
            position = read
            pending = code
        }
        return output
    }
}

/// gzip (RFC 1952) and zlib (RFC 1950) bodies, through libdeflate.
public enum Deflate {
    public enum Container: Sendable { case gzip, zlib }

    /// Opens a whole body, growing the output up to `limit` bytes.
    public static func decompress(
        _ bytes: [UInt8], as container: Container, limit: Int
    ) throws(CompressionError) -> [UInt8] {
        guard let decompressor = libdeflate_alloc_decompressor() else {
            throw .malformed("deflate: out of memory")
        }
        defer { libdeflate_free_decompressor(decompressor) }
        var output: [UInt8] = []
        var position = 0
        repeat {
            let member = try decompressMember(
                decompressor, bytes[position...], as: container, limit: limit - output.count,
                overall: limit)
            output = output.isEmpty ? member.output : output + member.output
            position += member.consumed
            // gzip may hold several members, one after the other.
        } while container == .gzip && position < bytes.count
        guard position == bytes.count else { throw .malformed("deflate: bytes after the end") }
        return output
    }

    private static func decompressMember(
        _ decompressor: OpaquePointer, _ bytes: ArraySlice<UInt8>, as container: Container,
        limit: Int, overall: Int
    ) throws(CompressionError) -> (output: [UInt8], consumed: Int) {
        var capacity = Swift.min(limit, Swift.max(4096, bytes.count * 4))
        while true {
            var consumed = 0
            var produced = 0
            var code = LIBDEFLATE_SUCCESS
            let output = bytes.withUnsafeBytes { source in
                [UInt8](unsafeUninitializedCapacity: capacity) { target, initialized in
                    switch container {
                    case .gzip:
                        code = libdeflate_gzip_decompress_ex(
                            decompressor, source.baseAddress, source.count, target.baseAddress,
                            capacity, &consumed, &produced)
                    case .zlib:
                        code = libdeflate_zlib_decompress_ex(
                            decompressor, source.baseAddress, source.count, target.baseAddress,
                            capacity, &consumed, &produced)
                    }
                    initialized = code == LIBDEFLATE_SUCCESS ? produced : 0
                }
            }
            switch code {
            case LIBDEFLATE_SUCCESS: return (output, consumed)
            case LIBDEFLATE_INSUFFICIENT_SPACE:
                guard capacity < limit else { throw .tooLarge(limit: overall) }
                capacity = Swift.min(limit, capacity * 2)
            default: throw .malformed("deflate: the body is damaged or cut off")
            }
        }
    }
}
