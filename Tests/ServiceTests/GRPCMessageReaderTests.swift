import Bytes
import Testing

@testable import Service

@Suite struct GRPCMessageReaderTests {
    private func read(_ pieces: [[UInt8]], limit: Int = 100) throws -> (PaddedBytes, Bool) {
        var reader = GRPCMessageReader(limit: limit)
        for piece in pieces {
            try piece.withUnsafeBytes { try reader.append($0) }
        }
        return (try reader.whole(), reader.isCompressed)
    }

    private func code(_ bytes: [UInt8], limit: Int = 100) -> RPCCode {
        do {
            _ = try read([bytes], limit: limit)
            return .ok
        } catch { return (error as? GRPCStatus)?.code ?? .internal }
    }

    @Test func `a message is the same however it is cut`() throws {
        for size in 0..<8 {
            let message = (0..<size).map { UInt8($0 + 1) }
            let bytes = [1, 0, 0, 0, UInt8(size)] + message
            for first in 0...bytes.count {
                for second in first...bytes.count {
                    let pieces = [bytes[..<first], bytes[first..<second], bytes[second...]]
                    let (whole, isCompressed) = try read(pieces.map { Array($0) })
                    #expect(whole.withBytes { Array($0) } == message)
                    #expect(isCompressed)
                }
            }
        }
    }

    @Test func `a length is judged before anything is kept`() {
        #expect(code([0, 0, 0, 0, 101], limit: 100) == .resourceExhausted)
        #expect(code([0, 0xFF, 0xFF, 0xFF, 0xFF], limit: 1 << 30) == .resourceExhausted)
        #expect(code([2, 0, 0, 0, 0]) == .internal)
    }

    @Test func `a call has one whole message`() {
        #expect(code([]) == .internal)
        #expect(code([0, 0, 0]) == .internal)
        #expect(code([0, 0, 0, 0, 2, 7]) == .internal)
        #expect(code([0, 0, 0, 0, 2, 7, 7]) == .ok)
        #expect(code([0, 0, 0, 0, 2, 7, 7, 0]) == .unimplemented)
        #expect(code([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) == .unimplemented)
    }
}
