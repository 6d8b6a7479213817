import Alerting
import Bytes
import Foundation
import Testing

@testable import Service

/// What can be told of the files in `docs/collectors` without a Collector: that they are YAML of
/// settings there are, that their parts fit each other, and that they fit the server.
@Suite struct CollectorConfigurationTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../docs/collectors").standardized

    /// Settings of the components that the files use, with `*` for a name of the user's, as their
    /// documentation has them.
    private static let settings: [String: Set<String>] = [
        "receivers/otlp": [
            "protocols/grpc/endpoint", "protocols/grpc/max_recv_msg_size_mib",
            "protocols/grpc/tls/cert_file", "protocols/grpc/tls/key_file",
            "protocols/http/endpoint", "protocols/http/tls/cert_file",
            "protocols/http/tls/key_file",
        ],
        "processors/memory_limiter": ["check_interval", "limit_mib", "spike_limit_mib"],
        "processors/batch": ["timeout", "send_batch_size", "send_batch_max_size"],
        "extensions/file_storage": ["directory", "create_directory"],
        "exporters/otlp": sending.union(["tls/ca_file"]),
        "exporters/otlphttp": sending.union(["headers/*"]),
    ]

    private static let sending: Set<String> = [
        "endpoint", "compression", "timeout", "retry_on_failure/enabled",
        "retry_on_failure/initial_interval", "retry_on_failure/randomization_factor",
        "retry_on_failure/multiplier", "retry_on_failure/max_interval",
        "retry_on_failure/max_elapsed_time", "sending_queue/enabled", "sending_queue/storage",
        "sending_queue/num_consumers", "sending_queue/queue_size",
    ]

    private static let kinds = ["receivers", "processors", "extensions", "exporters"]

    private static func file(_ name: String) throws -> JSONValue {
        try JSONValue(parsingYAML: Array(Data(contentsOf: folder.appending(path: name))))
    }

    @Test(arguments: ["agent.yaml", "gateway.yaml"])
    func `every setting is one that there is`(_ name: String) throws {
        let file = try Self.file(name)
        #expect(Set(file.keys) == Set(Self.kinds + ["service"]))
        for kind in Self.kinds {
            for component in file.at(kind).keys {
                let type = component.prefix { $0 != "/" }
                let known = try #require(Self.settings["\(kind)/\(type)"], "\(component)")
                let given = file.at(kind).at(component).leaves.map { leaf in
                    known.contains(leaf) ? leaf : "\(leaf.prefix { $0 != "/" })/*"
                }
                #expect(Set(given).subtracting(known) == [], "\(component)")
            }
        }
    }

    @Test(arguments: ["agent.yaml", "gateway.yaml"])
    func `every component is used, and what is used is there`(_ name: String) throws {
        let file = try Self.file(name)
        let pipelines = file.at("service").at("pipelines")
        #expect(Set(pipelines.keys) == ["traces", "logs", "metrics"])
        for kind in ["receivers", "processors", "exporters"] {
            let used = pipelines.keys.map { pipelines.at($0).at(kind).texts }
            #expect(used.allSatisfy { !$0.isEmpty })
            #expect(Set(used.joined()) == Set(file.at(kind).keys), "\(kind)")
        }
        // What guards the memory comes first, what gathers comes last: as their documentation asks.
        for signal in pipelines.keys {
            #expect(pipelines.at(signal).at("processors").texts == ["memory_limiter", "batch"])
        }
        #expect(Set(file.at("service").at("extensions").texts) == Set(file.at("extensions").keys))
        for exporter in file.at("exporters").keys {
            let queue = file.at("exporters").at(exporter).at("sending_queue")
            #expect(
                queue.at("storage").string.map { file.at("extensions").keys.contains($0) } == true)
        }
    }

    @Test(arguments: ["agent.yaml", "gateway.yaml"])
    func `nothing is given up, and what is sent is understood`(_ name: String) throws {
        let file = try Self.file(name)
        for exporter in file.at("exporters").keys.map({ file.at("exporters").at($0) }) {
            #expect(exporter.at("retry_on_failure").at("enabled") == .bool(true))
            #expect(exporter.at("retry_on_failure").at("max_elapsed_time") == .int(0))
            #expect(exporter.at("sending_queue").at("enabled") == .bool(true))
            #expect(ContentEncoding(header: exporter.at("compression").string) != nil)
        }
    }

    @Test func `the agent sends to the gateway, and the gateway to the server`() throws {
        let gateway = try Self.file("gateway.yaml")
        let sent = try #require(
            Self.file("agent.yaml").at("exporters").at("otlp/gateway").at("endpoint").string)
        let taken = try #require(
            gateway.at("receivers").at("otlp").at("protocols").at("grpc").at("endpoint").string)
        #expect(ListenAddress(sent)?.port == ListenAddress(taken)?.port)

        let exporter = gateway.at("exporters").at("otlphttp/widefield")
        let server = try Configuration(arguments: [:])
        let address = try #require(server.otlpHTTP)
        #expect(exporter.at("endpoint").string == "http://\(address)")
        #expect(exporter.at("headers").keys == ["x-honeycomb-team"])
    }
}

extension JSONValue {
    /// The value of a key; null where there is none.
    fileprivate func at(_ key: String) -> JSONValue { object?[key] ?? .null }

    fileprivate var keys: [String] { object?.members.map(\.key) ?? [] }

    fileprivate var texts: [String] { array?.compactMap(\.string) ?? [] }

    /// The path of each value that has none within it.
    fileprivate var leaves: [String] {
        guard let object else { return [""] }
        return object.members.flatMap { member in
            member.value.leaves.map { $0.isEmpty ? member.key : "\(member.key)/\($0)" }
        }
    }
}
