internal import CNghttp2

// What nghttp2 calls while it reads and writes, on the connection's thread. The context is the
// connection, which outlives its session.

/// A session of nghttp2 that calls the connection; nil without memory.
func makeGRPCSession(for connection: GRPCConnection) -> OpaquePointer? {
    var callbacks: OpaquePointer?
    guard nghttp2_session_callbacks_new(&callbacks) == 0 else { return nil }
    defer { nghttp2_session_callbacks_del(callbacks) }
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, beginHeaders)
    nghttp2_session_callbacks_set_on_header_callback(callbacks, takeHeader)
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, takeData)
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, endFrame)
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, frameSent)
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, closeStream)
    var session: OpaquePointer?
    let context = Unmanaged.passUnretained(connection).toOpaque()
    guard nghttp2_session_server_new(&session, callbacks, context) == 0 else { return nil }
    return session
}

private typealias Frame = UnsafePointer<nghttp2_frame>?

private func connection(_ context: UnsafeMutableRawPointer?) -> GRPCConnection? {
    context.map { Unmanaged<GRPCConnection>.fromOpaque($0).takeUnretainedValue() }
}

extension UnsafePointer<nghttp2_frame> {
    /// It holds the header fields that begin a call, not those at its end.
    fileprivate var beginsCall: Bool {
        pointee.hd.type == UInt8(NGHTTP2_HEADERS.rawValue)
            && pointee.headers.cat == NGHTTP2_HCAT_REQUEST
    }

    fileprivate var endsStream: Bool {
        pointee.hd.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
    }
}

private func beginHeaders(
    session: OpaquePointer?, frame: Frame, context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let connection = connection(context), let frame, frame.beginsCall else { return 0 }
    connection.callBegan(frame.pointee.hd.stream_id)
    return 0
}

private func takeHeader(
    session: OpaquePointer?, frame: Frame, name: UnsafePointer<UInt8>?, nameCount: Int,
    value: UnsafePointer<UInt8>?, valueCount: Int, flags: UInt8, context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let connection = connection(context), let frame, frame.beginsCall,
        let call = connection.calls[frame.pointee.hd.stream_id]
    else { return 0 }
    call.addField(
        String(decoding: UnsafeBufferPointer(start: name, count: nameCount), as: UTF8.self),
        String(decoding: UnsafeBufferPointer(start: value, count: valueCount), as: UTF8.self))
    return 0
}

private func takeData(
    session: OpaquePointer?, flags: UInt8, stream: Int32, bytes: UnsafePointer<UInt8>?, count: Int,
    context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let connection = connection(context), let call = connection.calls[stream] else {
        return 0
    }
    connection.received(UnsafeRawBufferPointer(start: bytes, count: count), for: call)
    return 0
}

private func endFrame(
    session: OpaquePointer?, frame: Frame, context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let connection = connection(context), let frame else { return 0 }
    let type = frame.pointee.hd.type
    if type == UInt8(NGHTTP2_SETTINGS.rawValue) { connection.hasSettings = true }
    guard type == UInt8(NGHTTP2_HEADERS.rawValue) || type == UInt8(NGHTTP2_DATA.rawValue),
        let call = connection.calls[frame.pointee.hd.stream_id]
    else { return 0 }
    if frame.beginsCall { connection.headEnded(call) }
    if frame.endsStream { connection.requestEnded(call) }
    return 0
}

/// An answer sent to its end before the request's end lets the client stop (RFC 9113, §8.1).
private func frameSent(
    session: OpaquePointer?, frame: Frame, context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let connection = connection(context), let frame,
        frame.pointee.hd.type == UInt8(NGHTTP2_HEADERS.rawValue), frame.endsStream
    else { return 0 }
    let stream = frame.pointee.hd.stream_id
    if nghttp2_session_get_stream_remote_close(session, stream) == 0 { connection.reset(stream) }
    return 0
}

private func closeStream(
    session: OpaquePointer?, stream: Int32, code: UInt32, context: UnsafeMutableRawPointer?
) -> Int32 {
    connection(context)?.callEnded(stream)
    return 0
}

/// Gives nghttp2 the message of an answer, and after it the trailers.
func readGRPCAnswer(
    session: OpaquePointer?, stream: Int32, buffer: UnsafeMutablePointer<UInt8>?, room: Int,
    flags: UnsafeMutablePointer<UInt32>?, source: UnsafeMutablePointer<nghttp2_data_source>?,
    context: UnsafeMutableRawPointer?
) -> Int {
    guard let call = connection(context)?.calls[stream], var answer = call.answer, let flags else {
        return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
    }
    let count = min(room, answer.bytes.count - answer.sent)
    answer.bytes.withUnsafeBytes { bytes in
        UnsafeMutableRawBufferPointer(start: buffer, count: count)
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[answer.sent...].prefix(count)))
    }
    answer.sent += count
    call.answer = answer
    if answer.sent == answer.bytes.count {
        flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
        let code = withHeaderFields(answer.status.trailers) {
            nghttp2_submit_trailer(session, stream, $0, $1)
        }
        if code != 0 { return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue) }
    }
    return count
}
