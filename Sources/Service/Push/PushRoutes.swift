internal import Bytes
internal import Ingest

/// `/metrics/job/{job}{/label/value}`: a Pushgateway's address, for jobs that end before anybody scrapes
/// them.
///
/// What is pushed becomes events of the dataset `pushed`, and gauges that read the latest of them.
struct PushRoutes: Sendable {
    let pushed: PushedMetrics

    var routes: [Route] {
        PushRoutes.patterns.flatMap { pattern in
            ["PUT", "POST", "DELETE"].map { method in
                Route(method, pattern, .sendEvents, lane: .query, replying: take)
            }
        }
    }

    /// Paths with up to so many labels, and the job as it is or in base64.
    private static let patterns = ["job", "job@base64"].flatMap { job in
        (0...ServiceLimits.pushedLabelsMax).map { count in
            "/metrics/\(job)/{job}" + (0..<count).map { "/{label\($0)}/{value\($0)}" }.joined()
        }
    }

    private func take(_ call: RouteCall, _ reply: @escaping Route.Reply) {
        do throws(HTTPRefusal) {
            let group = try PushRoutes.group(of: call.head.target.path)
            let method = call.head.method
            var samples = ExpositionReader.nothing
            if method != "DELETE" {
                let body = try call.request.openedBody(limit: ServiceLimits.pushedBytesMax)
                samples = try PushRoutes.samples(of: body)
            }
            try pushed.take(
                samples, as: group, in: call.principal.environment,
                replacing: method == "POST" ? .namesakes : .all
            ) { response in
                guard response.status < 300 else { return reply(response) }
                reply(HTTPResponse(status: method == "DELETE" ? 202 : 200))
            }
        } catch {
            reply(error.response)
        }
    }

    private static func samples(of body: PaddedBytes) throws(HTTPRefusal) -> ExpositionReader {
        guard let text = body.withBytes({ String(validating: $0, as: UTF8.self) }) else {
            throw HTTPRefusal(.error(400, "the body is not UTF-8; expected the text format"))
        }
        do throws(ExpositionReader.Fault) {
            return try ExpositionReader(text)
        } catch {
            throw HTTPRefusal(.error(400, "text format parsing error in \(error)"))
        }
    }

    // MARK: - The path

    /// The labels of a group, from what follows `/metrics`: names and values in turn, a value in base64
    /// after a name that ends in `@base64`.
    static func group(of path: [String]) throws(HTTPRefusal) -> [(name: String, value: String)] {
        var group: [(name: String, value: String)] = []
        var rest = path.dropFirst()
        while let name = rest.popFirst(), let text = rest.popFirst() {
            let isEncoded = name.hasSuffix("@base64")
            let label = isEncoded ? String(name.dropLast(7)) : name
            guard let value = isEncoded ? decoded(text) : text else {
                throw HTTPRefusal(.error(400, "\(label): expected base64, found '\(text)'"))
            }
            guard isLabel(label) else {
                throw HTTPRefusal(.error(400, "improper label name '\(label)'"))
            }
            guard !group.contains(where: { $0.name == label }) else {
                throw HTTPRefusal(.error(400, "the label \(label) is there twice"))
            }
            group.append((label, value))
        }
        guard !(group.first?.value ?? "").isEmpty else {
            throw HTTPRefusal(.error(400, "job name is required"))
        }
        return group.filter { !$0.value.isEmpty }
    }

    private static func isLabel(_ name: String) -> Bool {
        let isStart = name.utf8.first.map { !(0x30...0x39).contains($0) } ?? false
        return isStart && !name.hasPrefix("__")
            && name.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) || $0 == 0x5F
            }
    }

    /// Text of base64 as addresses have it, its padding left out or not.
    private static func decoded(_ text: String) -> String? {
        var bytes = text.utf8.map { byte -> UInt8 in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: byte
            }
        }
        while bytes.last == UInt8(ascii: "=") { bytes.removeLast() }
        while bytes.count % 4 != 0 { bytes.append(UInt8(ascii: "=")) }
        return bytes.withUnsafeBufferPointer { Base64.bytes(of: $0) }
            .flatMap { String(validating: $0, as: UTF8.self) }
    }
}
