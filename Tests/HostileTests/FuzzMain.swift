/// What libFuzzer calls: `fuzz READER [libFuzzer's options and folders]`.
///
/// Built by `make fuzz` only: the package has this target when `WIDEFIELD_FUZZ` is set. The program's
/// `main` is libFuzzer's own.
nonisolated(unsafe) private var kind = HostileReader.Kind.json
nonisolated(unsafe) private let reader = HostileReader()

/// Takes the reader's name out of what libFuzzer sees.
@_cdecl("LLVMFuzzerInitialize")
public func chooseReader(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
) -> Int32 {
    guard count.pointee > 1, let name = arguments.pointee[1],
        let named = HostileReader.Kind(rawValue: String(cString: name))
    else {
        preconditionFailure(
            "usage: fuzz READER …; readers: \(HostileReader.Kind.allCases.map(\.rawValue))")
    }
    kind = named
    arguments.pointee[1] = arguments.pointee[0]
    arguments.pointee += 1
    count.pointee -= 1
    return 0
}

/// Reads one input.
@_cdecl("LLVMFuzzerTestOneInput")
public func readInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    reader.read(Array(UnsafeBufferPointer(start: bytes, count: count)), as: kind)
    return 0
}
