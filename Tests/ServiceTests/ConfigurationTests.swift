import Alerting
import Bytes
import Foundation
import Metrics
import Testing

@testable import Service

@Suite struct ConfigurationTests {
    private func configuration(
        _ arguments: [String: String] = [:], file: String? = nil
    ) throws(ConfigurationError) -> Configuration {
        try Configuration(
            arguments: arguments, file: file.map { (path: "wf.json", text: Array($0.utf8)) })
    }

    @Test func `what is not given has its default`() throws {
        let configuration = try configuration()
        #expect(configuration.data == "./data")
        #expect(configuration.listen.description == "127.0.0.1:8080")
        #expect(configuration.logLevel == .info)
        #expect(configuration.threads >= 2)
        #expect(configuration.headRows == 1_000_000)
        #expect(configuration.logFileBytes == 67_108_864)
    }

    @Test func `OTLP has a port of its own beside the main one, or none`() throws {
        #expect(try configuration().otlpHTTP?.description == "127.0.0.1:4318")
        #expect(try configuration(["listen": "[::1]:80"]).otlpHTTP?.description == "[::1]:4318")
        #expect(try configuration(["otlp-http": "127.0.0.1:9"]).otlpHTTP?.port == 9)
        #expect(try configuration(["otlp-http": "off"]).otlpHTTP == nil)
        #expect(try configuration().otlpGRPC?.description == "127.0.0.1:4317")
        #expect(try configuration(["otlp-grpc": "off"]).otlpGRPC == nil)
        #expect {
            try configuration(file: #"{"otlp_http": "on"}"#)
        } throws: {
            "\($0)" == "wf.json: /otlp_http: expected HOST:PORT or 'off', found 'on'"
        }
    }

    @Test func `TLS has a certificate and a key, or there is none`() throws {
        #expect(try configuration().tls == nil)
        let both = try configuration(["tls-certificate": "c"], file: #"{"tls_key": "k"}"#)
        #expect(both.tls == TLSFiles(certificate: "c", key: "k"))
        for name in ["tls-certificate", "tls-key"] {
            #expect {
                try configuration([name: "x"])
            } throws: {
                "\($0)" == "tls-certificate and tls-key are given together or not at all"
            }
        }
    }

    @Test func `a flag goes before the file and the file before the default`() throws {
        let configuration = try configuration(
            ["listen": "127.0.0.1:1"],
            file: #"{"listen": "127.0.0.1:2", "data": "/d", "threads": 3, "log_level": "warn"}"#)
        #expect(configuration.listen.port == 1)
        #expect(configuration.data == "/d")
        #expect(configuration.threads == 3)
        #expect(configuration.logLevel == .warn)
    }

    @Test(arguments: [
        (#"{"lissten": ""}"#, "wf.json: /lissten: there is no such option"),
        (
            #"{"log-level": "info"}"#,
            "wf.json: /log-level: here options are written with '_': log_level"
        ),
        (#"{"log-levl": "info"}"#, "wf.json: /log-levl: there is no such option"),
        (#"{"listen": "8080"}"#, "wf.json: /listen: expected HOST:PORT, found '8080'"),
        (#"{"threads": 0}"#, "wf.json: /threads: expected a number from 1 to 256, found '0'"),
        (
            #"{"head_rows": 999}"#,
            "wf.json: /head_rows: expected a number from 1000 to 4000000, found '999'"
        ),
        (
            #"{"query_cache_bytes": -1}"#,
            "wf.json: /query_cache_bytes: expected a number from 0 to 17179869184, found '-1'"
        ),
        (#"{"data": []}"#, "wf.json: /data: expected a string or a number, found an array"),
        ("[]", "wf.json: expected an object, found an array"),
    ])
    func `a wrong setting is named by its path`(file: String, message: String) {
        #expect {
            try configuration(file: file)
        } throws: {
            "\($0)" == message
        }
    }

    @Test func `a file that is no JSON is told with its line`() {
        #expect {
            try configuration(file: "{\n  \"data\" \"x\"}")
        } throws: {
            "\($0)".hasPrefix("wf.json: ") && "\($0)".hasSuffix("(line 2, column 10)")
        }
    }

    @Test func `metrics stand in the file, and what is wrong with one is told with its place`()
        throws
    {
        let good = try configuration(
            file: """
                {"metrics": [{"name": "queue_depth", "type": "gauge", "value": "depth"},
                             {"name": "jobs_total", "dataset": "jobs", "labels": ["queue"]}]}
                """)
        #expect(good.metrics.map(\.name) == ["queue_depth", "jobs_total"])
        let wrong: [(String, String)] = [
            (#"{"name": "a"}"#, "/metrics/0: name is wrong: the name of a counter"),
            (#"{"type": "gauge"}"#, "/metrics/0: name is missing"),
            (
                #"{"name": "a_total"}, {"name": "a_total"}"#,
                "/metrics/1: a_total has a name of a_total"
            ),
            (
                #"{"name": "traces_span_metrics_calls_total"}"#,
                "/metrics/0: traces_span_metrics_calls_total has a name of"
            ),
        ]
        for (text, message) in wrong {
            #expect {
                try configuration(file: #"{"metrics": [\#(text)]}"#)
            } throws: {
                "\($0)".contains(message)
            }
        }
    }

    @Test func `receivers of remote write may have credentials, in the file alone`() throws {
        let read = try configuration(
            file: """
                {"remote_write": ["http://a/write",
                  {"url": "https://b/push", "bearer_token": "t", "ca_file": "/ca.pem"},
                  {"url": "https://c/push", "user": "ada", "password": "open",
                   "headers": {"X-Scope-OrgID": "shop"}}]}
                """)
        let receivers = read.remoteWrite
        #expect(receivers.map { $0.url.basePath } == ["/write", "/push", "/push"])
        #expect(
            receivers.map { $0.headers["Authorization"] }
                == [nil, "Bearer t", "Basic YWRhOm9wZW4="])
        #expect(receivers[1].authorities == "/ca.pem")
        #expect(receivers[2].headers["X-Scope-OrgID"] == "shop")
        let wrong: [(String, String)] = [
            (#""ftp://a""#, "/remote_write/0: 'ftp://a' is no URL"),
            (#"{"bearer_token": "t"}"#, "/remote_write/0: '' is no URL"),
            (#"{"url": "http://u:p@a"}"#, "without a user"),
            (#"{"url": "http://a", "token": "t"}"#, "/remote_write/0: /token: there is no such"),
            (#"{"url": "http://a", "user": "u"}"#, "user and password"),
            (
                #"{"url": "http://a", "user": "u", "password": "p", "bearer_token": "t"}"#,
                "expected bearer_token, or"
            ),
            (
                #"{"url": "http://a", "bearer_token": "t\r\nHost: b"}"#,
                "/bearer_token: expected a text of one line"
            ),
            (
                #"{"url": "http://a", "headers": {"Host": "b"}}"#,
                "/headers/Host: a header that cannot be set"
            ),
            (
                #"{"url": "http://a", "bearer_token": "t", "headers": {"authorization": "x"}}"#,
                "/headers/authorization: a header that cannot be set"
            ),
        ]
        for (text, message) in wrong {
            #expect {
                try configuration(file: #"{"remote_write": [\#(text)]}"#)
            } throws: {
                "\($0)".contains(message)
            }
        }
    }

    @Test func `the file can define SLOs`() throws {
        let good = try configuration(
            file: #"""
                {"slos": [{"name": "shop", "good": "status < 500", "targetPercent": 99.5,
                           "timeWindow": [{"duration": "1M", "isRolling": false}]}]}
                """#)
        #expect(good.objectives.map(\.target) == [0.995])
        #expect(good.objectives.map(\.period) == [.months(from: 0, 1)])
        let wrong = [
            (#"{"name": "a", "good": "x"}"#, "/slos/0: target is missing"),
            (#"{"name": "a b", "good": "x", "target": 0.9}"#, "/slos/0: name has other characters"),
            (
                #"{"name": "a.b", "good": "x", "target": 0.9}, {"name": "a_b", "good": "x", "target": 0}"#,
                "/slos/1: name is that of another SLO"
            ),
        ]
        for (text, message) in wrong {
            #expect {
                try configuration(file: #"{"slos": [\#(text)]}"#)
            } throws: {
                "\($0)".contains(message)
            }
        }
    }

    @Test func `the schema describes every option and no other`() throws {
        let schema = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../schemas/config.schema.json")
        let document = try JSONValue(parsing: Array(try Data(contentsOf: schema)))
        let described = try #require(document["properties"]?.object).members.map(\.key)
        let options = Configuration.options.map { $0.name.replacing("-", with: "_") }
        #expect(described == options + ["metrics", "slos"])
    }
}

@Suite struct ListenAddressTests {
    @Test(arguments: [
        ("127.0.0.1:80", true), ("localhost:80", true), ("[::1]:80", true), ("127.8.9.1:1", true),
        ("0.0.0.0:80", false), ("[::]:80", false), ("10.0.0.1:80", false),
        ("127.0.0.1.evil.org:80", false), ("127.evil.1.1:80", false),
    ])
    func `only addresses of this machine are loopback`(text: String, isLoopback: Bool) throws {
        let address = try #require(ListenAddress(text))
        #expect(address.isLoopback == isLoopback)
        #expect(address.description == text)
    }

    @Test(arguments: ["", "80", ":80", "a", "a:", "a:65536", "a:-1", "::1:80", "a:b:1"])
    func `what is no address is refused`(text: String) {
        #expect(ListenAddress(text) == nil)
    }
}
