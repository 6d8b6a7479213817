internal import CKernels

/// An unsigned integer that kernels of its width cut into planes of bytes and join again.
protocol PlaneInteger: FixedWidthInteger & UnsignedInteger & BitwiseCopyable & Sendable {
    /// Writes the bytes at bit `shift` of `count` values.
    static func cut(
        _ values: UnsafePointer<Self>, _ count: Int, _ shift: UInt32,
        _ plane: UnsafeMutablePointer<UInt8>)
    /// ORs a plane into `count` values at bit `shift`.
    static func join(
        _ plane: UnsafePointer<UInt8>, _ count: Int, _ shift: UInt32,
        _ values: UnsafeMutablePointer<Self>)
}

extension UInt8: PlaneInteger {
    static func cut(
        _ values: UnsafePointer<UInt8>, _ count: Int, _ shift: UInt32,
        _ plane: UnsafeMutablePointer<UInt8>
    ) { plane.update(from: values, count: count) }

    static func join(
        _ plane: UnsafePointer<UInt8>, _ count: Int, _ shift: UInt32,
        _ values: UnsafeMutablePointer<UInt8>
    ) { wf_join8(plane, count, shift, values) }
}

extension UInt16: PlaneInteger {
    static func cut(
        _ values: UnsafePointer<UInt16>, _ count: Int, _ shift: UInt32,
        _ plane: UnsafeMutablePointer<UInt8>
    ) { wf_plane16(values, count, shift, plane) }

    static func join(
        _ plane: UnsafePointer<UInt8>, _ count: Int, _ shift: UInt32,
        _ values: UnsafeMutablePointer<UInt16>
    ) { wf_join16(plane, count, shift, values) }
}

extension UInt32: PlaneInteger {
    static func cut(
        _ values: UnsafePointer<UInt32>, _ count: Int, _ shift: UInt32,
        _ plane: UnsafeMutablePointer<UInt8>
    ) { wf_plane32(values, count, shift, plane) }

    static func join(
        _ plane: UnsafePointer<UInt8>, _ count: Int, _ shift: UInt32,
        _ values: UnsafeMutablePointer<UInt32>
    ) { wf_join32(plane, count, shift, values) }
}

extension UInt64: PlaneInteger {
    static func cut(
        _ values: UnsafePointer<UInt64>, _ count: Int, _ shift: UInt32,
        _ plane: UnsafeMutablePointer<UInt8>
    ) { wf_plane64(values, count, shift, plane) }

    static func join(
        _ plane: UnsafePointer<UInt8>, _ count: Int, _ shift: UInt32,
        _ values: UnsafeMutablePointer<UInt64>
    ) { wf_join64(plane, count, shift, values) }
}
