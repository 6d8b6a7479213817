internal import CZstd
internal import Synchronization

/// Contexts of libzstd that calls borrow and give back: making one costs more than a block of 64 KiB.
///
/// As many are kept as calls ever ran at once.
enum ZstdContexts {
    private static let compressing = Mutex<[UInt]>([])
    private static let decompressing = Mutex<[UInt]>([])

    static func withCompressor<Result>(_ body: (OpaquePointer) -> Result) -> Result {
        borrow(compressing, making: ZSTD_createCCtx, body)
    }

    static func withDecompressor<Result>(_ body: (OpaquePointer) -> Result) -> Result {
        borrow(decompressing, making: ZSTD_createDCtx, body)
    }

    private static func borrow<Result>(
        _ spare: borrowing Mutex<[UInt]>, making make: () -> OpaquePointer?,
        _ body: (OpaquePointer) -> Result
    ) -> Result {
        let kept = spare.withLock { $0.popLast() }.flatMap { OpaquePointer(bitPattern: $0) }
        guard let context = kept ?? make() else {
            preconditionFailure("out of memory: a context of zstd")
        }
        defer { spare.withLock { $0.append(UInt(bitPattern: context)) } }
        return body(context)
    }
}
