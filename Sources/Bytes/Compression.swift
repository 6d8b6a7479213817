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
            let size = ZstdContexts.withCompressor { context in
                ZSTD_compressCCtx(
                    context, target.baseAddress, target.count, source.baseAddress, source.count,
                    level)
            }
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
                written = ZstdContexts.withDecompressor { context in
                    ZSTD_decompressDCtx(
                        context, target.baseAddress, size, source.baseAddress, source.count)
                }
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
        _ body: PaddedBytes, limit: Int
    ) throws(CompressionError) -> PaddedBytes {
        guard let stream = ZSTD_createDStream() else { throw .malformed("zstd: out of memory") }
        defer { ZSTD_freeDStream(stream) }
        // A frame may ask for a window of its own; one of 128 MiB is more than any limit here.
        ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 27)
        let output = PaddedBytes(capacity: Swift.min(limit, body.count * 4))
        var position = 0
        var pending = 1
        while position < body.count || pending != 0 {
            let before = (read: position, written: output.count)
            // One byte beyond the limit tells that there is more.
            let room = Swift.min(1 << 20, limit + 1 - output.count)
            output.append(upTo: room) { target in
                body.withBytes { source in
                    var input = ZSTD_inBuffer(
                        src: source.baseAddress, size: source.count, pos: position)
                    var out = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                    pending = ZSTD_decompressStream(stream, &out, &input)
                    position = input.pos
                    return out.pos
                }
            }
            guard ZSTD_isError(pending) == 0 else {
                throw .malformed("zstd: " + String(cString: ZSTD_getErrorName(pending)))
            }
            if output.count > limit { throw .tooLarge(limit: limit) }
            if position == before.read && output.count == before.written {
                throw .malformed("zstd: the body is cut off")
            }
        }
        return output
    }
}

/// gzip (RFC 1952) and zlib (RFC 1950) bodies, through libdeflate.
public enum Deflate {
    public enum Container: Sendable { case gzip, zlib }

    /// Opens a whole body, growing the output up to `limit` bytes.
    public static func decompress(
        _ body: PaddedBytes, as container: Container, limit: Int
    ) throws(CompressionError) -> PaddedBytes {
        guard let decompressor = libdeflate_alloc_decompressor() else {
            throw .malformed("deflate: out of memory")
        }
        defer { libdeflate_free_decompressor(decompressor) }
        let output = PaddedBytes(capacity: Swift.min(limit, body.count * 4))
        var position = 0
        repeat {
            position += try decompressMember(
                decompressor, of: body, from: position, as: container, limit: limit, into: output)
            // gzip may hold several members, one after the other.
        } while container == .gzip && position < body.count
        guard position == body.count else { throw .malformed("deflate: bytes after the end") }
        return output
    }

    /// Appends what one member holds; gives how many bytes of the body it took.
    private static func decompressMember(
        _ decompressor: OpaquePointer, of body: PaddedBytes, from start: Int,
        as container: Container, limit: Int, into output: PaddedBytes
    ) throws(CompressionError) -> Int {
        let roomMax = limit - output.count
        var room = Swift.min(roomMax, Swift.max(4096, (body.count - start) * 4))
        while true {
            var consumed = 0
            var produced = 0
            var code = LIBDEFLATE_SUCCESS
            output.append(upTo: room) { target in
                body.withBytes { source in
                    let open =
                        switch container {
                        case .gzip: libdeflate_gzip_decompress_ex
                        case .zlib: libdeflate_zlib_decompress_ex
                        }
                    code = open(
                        decompressor, source.baseAddress.map { $0 + start },
                        source.count - start, target.baseAddress, room, &consumed, &produced)
                }
                return code == LIBDEFLATE_SUCCESS ? produced : 0
            }
            switch code {
            case LIBDEFLATE_SUCCESS: return consumed
            case LIBDEFLATE_INSUFFICIENT_SPACE:
                guard room < roomMax else { throw .tooLarge(limit: limit) }
                room = Swift.min(roomMax, room * 2)
            default: throw .malformed("deflate: the body is damaged or cut off")
            }
        }
    }
}
