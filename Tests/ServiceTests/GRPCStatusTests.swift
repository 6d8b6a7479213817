import Bytes
import Testing

@testable import Service

@Suite struct GRPCStatusTests {
    private func trailers(_ status: GRPCStatus) -> [String: String] {
        Dictionary(uniqueKeysWithValues: status.trailers.map { ($0.name, $0.value) })
    }

    @Test func `a call that went well says so and nothing else`() {
        #expect(trailers(.ok) == ["grpc-status": "0"])
    }

    @Test(arguments: [
        ("a%b", "a%25b"), ("tab\t", "tab%09"), ("é", "%C3%A9"), (" ~", " ~"),
        (String(repeating: "x", count: 1000), String(repeating: "x", count: 512)),
    ])
    func `a message is percent-encoded`(message: String, expected: String) {
        #expect(trailers(GRPCStatus(.internal, message))["grpc-message"] == expected)
    }

    @Test(arguments: [
        (401, RPCCode.unauthenticated), (403, .permissionDenied), (404, .unimplemented),
        (405, .unimplemented), (400, .invalidArgument), (413, .resourceExhausted),
        (415, .unimplemented), (429, .resourceExhausted), (500, .internal), (503, .unavailable),
    ])
    func `a refusal's status becomes a code`(status: Int, code: RPCCode) {
        #expect(GRPCStatus(of: .error(status, "no")) == GRPCStatus(code, "no"))
    }

    @Test(arguments: [429, 503])
    func `when to come again is told in bytes`(status: Int) throws {
        let busy = HTTPResponse.busy(status, "later", retryAfterSeconds: 7)
        let fields = trailers(GRPCStatus(of: busy))
        let seconds = try #require(busy.headers["Retry-After"].flatMap { UInt8($0) })
        #expect(7...16 ~= seconds)
        // google.rpc.RetryInfo { retry_delay { seconds } }
        let info: [UInt8] = [0x0A, 0x82, 0x80, 0x80, 0x00, 0x08, seconds]
        let code: UInt8 = status == 429 ? 8 : 14
        #expect(fields["grpc-status"] == String(code))
        let details = try #require(bytes(fields["grpc-status-details-bin"]))
        #expect(Array(details.prefix(9)) == [0x08, code, 0x12, 0x05] + Array("later".utf8))
        #expect(Array(details.suffix(info.count + 2)) == [0x12, UInt8(info.count)] + info)
        #expect(bytes(fields["google.rpc.retryinfo-bin"]) == info)
    }

    @Test func `who sends too much is told so, and when to come again`() {
        let busy = HTTPResponse.overloaded("later")
        #expect(busy.status == 503)
        let fields = trailers(GRPCStatus(of: busy))
        #expect(fields["grpc-status"] == "8")
        #expect(fields["grpc-status-details-bin"] != nil)
        #expect(fields["google.rpc.retryinfo-bin"] != nil)
    }

    private func bytes(_ text: String?) -> [UInt8]? {
        Array((text ?? "=").utf8).withUnsafeBufferPointer { Base64.bytes(of: $0) }
    }

    @Test(arguments: [
        ("1H", Duration.seconds(3600)), ("2M", .seconds(120)), ("3S", .seconds(3)),
        ("4m", .milliseconds(4)), ("5u", .microseconds(5)), ("99999999n", .nanoseconds(99_999_999)),
        ("0m", .zero),
    ])
    func `a timeout has a unit`(text: String, expected: Duration) {
        #expect(GRPCCall.timeout(text) == expected)
    }

    @Test(arguments: ["", "S", "1", "1s", "+1S", "-1S", "123456789S", "1.5S", "1 S", "1é"])
    func `a timeout that is not well-formed is none`(text: String) {
        #expect(GRPCCall.timeout(text) == nil)
    }
}
