public import Events

/// What a body held: the events kept, and for each other one why not.
public struct Decoded: Sendable {
    /// The events kept, in the order in which they were sent; none of the batches is empty.
    ///
    /// Of a decoder that shares batches they are in its `SharedBatch` instead.
    public var batches: [EventBatch] = []
    /// Events in the body, kept or not.
    public var events = 0
    /// Events not kept, ascending by index.
    public var rejections: [Rejection] = []

    public init() {}

    public var accepted: Int { events - rejections.count }
}

/// An event that was not kept, and why; its neighbours are not affected.
public struct Rejection: Hashable, Sendable {
    /// The event's place in the body, from 0.
    public let index: Int
    /// The line of the body on which the event stands, from 1; 0 where lines mean nothing.
    public let line: Int
    public let message: String
}

/// A body of which nothing is kept, and where it goes wrong.
public struct BodyRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Reason: Hashable, Sendable {
        /// No byte was sent.
        case empty
        /// Not of the format.
        case malformed
        /// Of the format, but more events than `IngestLimits.eventsPerBody`.
        case tooManyEvents
        /// Too large to be one batch with other bodies: to be decoded by itself.
        case notShared
    }

    public let reason: Reason
    /// What is wrong, without the place: `expected a comma or "}"`.
    public let message: String
    /// Bytes before the place.
    public let offset: Int
    /// From 1; 0 where lines mean nothing.
    public let line: Int
    /// Characters (Unicode scalars) from the start of the line, from 1; 0 where lines mean nothing.
    public let column: Int

    public var description: String {
        line > 0 ? "\(message) at line \(line), column \(column)" : "\(message) at byte \(offset)"
    }

    /// Of a body that is no text.
    init(_ reason: Reason, _ message: String, atByte offset: Int) {
        self.reason = reason
        self.message = message
        self.offset = offset
        line = 0
        column = 0
    }

    init(_ reason: Reason, _ message: String, in body: UnsafeBufferPointer<UInt8>, at offset: Int) {
        self.reason = reason
        self.message = message
        self.offset = offset
        var line = 1
        var column = 1
        for byte in body.prefix(offset) {
            if byte == 0x0A {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        self.line = line
        self.column = column
    }
}
