internal import Alerting
internal import Bytes
internal import EventQuery
internal import EventStore
internal import Host
internal import Metrics
internal import SeriesStore

/// What a server is told: its flags, `WIDEFIELD_…` variables and configuration file, in this order.
struct Configuration: Sendable, Equatable {
    /// The data directory.
    var data: String
    var listen: ListenAddress
    /// Where OTLP over HTTP is served besides; nil for nowhere.
    var otlpHTTP: ListenAddress?
    /// Where OTLP over gRPC is served; nil for nowhere.
    var otlpGRPC: ListenAddress?
    /// What every port proves itself with; nil for no TLS.
    var tls: TLSFiles?
    var logLevel: ServerLog.Level
    /// Threads that read requests, decode bodies and answer queries.
    var threads: Int
    var retention: RetentionRules
    /// How long stored series are kept by tier, in milliseconds; what is not there, for ever.
    var seriesRetention: [Tier: Int64]
    /// Events of an environment at which they are sealed into segments.
    var headRows: Int
    /// Bytes that a file of the log is allocated with.
    var logFileBytes: Int
    /// Bytes that decoded columns, kept for later questions, may take.
    var columnCacheBytes: Int
    /// Bytes that counts of sealed segments, kept for questions asked again, may take.
    var queryCacheBytes: Int

    /// Metrics of all environments, which only the file can name.
    var metrics: [MetricDefinition]
    /// SLOs of all environments, which only the file can name.
    var objectives: [ServiceLevelObjective]
    /// Whether the server keeps its own requests as events.
    var hasSelfTelemetry: Bool
    /// Paths of files of rules.
    var rules: [String]
    /// Seconds between evaluations of groups of rules that say nothing of it.
    var ruleInterval: Int
    /// Seconds without any event after which rules are unobserved.
    var standstill: Int
    /// Who acts then.
    var standstillTier: AlertTier
    /// URLs of Alertmanagers.
    var alertmanagers: [String]
    /// Who series are sent to by remote write; credentials are in the file alone.
    var remoteWrite: [RemoteWriteReceiver]
    var remoteWriteVersion: RemoteWriteRequest.Version
    /// Seconds before what was sent, in which late events change what is sent again.
    var remoteWriteRevisions: Int64
    /// Whose series these are.
    var remoteWriteEnvironment: String
    /// Where people reach the server, for links in what is sent; empty for the address of `listen`.
    var externalURL: String

    /// Every option there is.
    ///
    /// In the configuration file an option's key is its name with `_` for
    /// `-`; `schemas/config.schema.json` describes them.
    static let options: [OptionSpec] = [
        OptionSpec("data", "DIR", help: "where everything is kept", byDefault: "./data"),
        OptionSpec(
            "listen", "HOST:PORT", help: "where HTTP is served", byDefault: "127.0.0.1:8080"),
        OptionSpec(
            "otlp-http", "HOST:PORT|off", help: "where OTLP over HTTP is served besides",
            byDefault: "port 4318 of the host of --listen"),
        OptionSpec(
            "otlp-grpc", "HOST:PORT|off", help: "where OTLP over gRPC is served",
            byDefault: "port 4317 of the host of --listen"),
        OptionSpec(
            "tls-certificate", "FILE", help: "certificate chain (PEM) for TLS on every port"),
        OptionSpec("tls-key", "FILE", help: "the certificate's key (PEM)"),
        OptionSpec(
            "threads", "N", help: "threads for requests and for queries",
            byDefault: "one a processor"),
        OptionSpec(
            "retention", "RULES",
            help: "how long datasets are kept: '*=30d,shop=7d/20GiB'", byDefault: "for ever"),
        OptionSpec(
            "series-retention", "RULES",
            help: "how long stored series are kept: '10s=30d,1m=90d,1h=730d'",
            byDefault: "for ever"),
        OptionSpec(
            "head-rows", "N", help: "events that make a segment", byDefault: "1000000"),
        OptionSpec(
            "log-file-bytes", "N", help: "disk allocated for the log at a time",
            byDefault: "67108864"),
        OptionSpec(
            "column-cache-bytes", "N",
            help: "memory for decoded columns; an eighth of the machine's without it"),
        OptionSpec(
            "query-cache-bytes", "N", help: "memory for what questions counted before",
            byDefault: "67108864"),
        OptionSpec(
            "self-telemetry", "on|off",
            help: "whether the server's own requests are events of the environment _self",
            byDefault: "on"),
        OptionSpec("rules", "FILES", help: "files of rules, with commas between them"),
        OptionSpec(
            "rule-interval", "SECONDS", help: "between evaluations of rules that do not say it",
            byDefault: "60"),
        OptionSpec(
            "standstill", "SECONDS", help: "without any event, after which rules are unobserved",
            byDefault: "120"),
        OptionSpec(
            "standstill-tier", AlertTier.allCases.map(\.rawValue).joined(separator: "|"),
            help: "tier of the alert that nothing arrives", byDefault: "page"),
        OptionSpec(
            "alertmanagers", "URLS", help: "Alertmanagers that are told of alerts, with commas"),
        OptionSpec(
            "remote-write", "URLS", help: "where series are sent by remote write, with commas"),
        OptionSpec(
            "remote-write-version", "1.0|2.0", help: "its protocol", byDefault: "2.0"),
        OptionSpec(
            "remote-write-revisions", "SECONDS",
            help: "how far back late events change what was sent", byDefault: "3600"),
        OptionSpec(
            "remote-write-environment", "NAME", help: "whose series are sent",
            byDefault: "default"),
        OptionSpec(
            "external-url", "URL", help: "where people reach the server, for links in alerts",
            byDefault: "the address of --listen"),
        OptionSpec(
            "log-level", "debug|info|warn|error", help: "how much is told on standard error",
            byDefault: "info"),
    ]

    /// Options that may be lists of strings in the configuration file.
    fileprivate static let lists: Set<String> = ["rules", "alertmanagers"]

    /// Puts the options together.
    ///
    /// `arguments` holds flags and variables by option name; `file` is the text of the
    /// configuration file and its path. Throws `ConfigurationError` naming the place of the first
    /// wrong value.
    init(
        arguments: [String: String], file: (path: String, text: [UInt8])? = nil
    ) throws(ConfigurationError) {
        var settings = Settings(arguments: arguments)
        if let file { try settings.read(file.text, path: file.path) }
        metrics = settings.metrics
        objectives = settings.objectives
        data = try settings.value("data", "a directory") { $0.isEmpty ? nil : $0 } ?? "./data"
        listen =
            try settings.value("listen", "HOST:PORT") { ListenAddress($0) }
            ?? ListenAddress(host: "127.0.0.1", port: 8080)
        otlpHTTP = try settings.otlpAddress("otlp-http", host: listen.host, port: 4318)
        otlpGRPC = try settings.otlpAddress("otlp-grpc", host: listen.host, port: 4317)
        tls = try settings.tlsFiles()
        logLevel =
            try settings.value("log-level", "debug, info, warn or error") {
                ServerLog.Level(rawValue: $0)
            } ?? .info
        retention =
            try settings.value("retention", "DATASET=AGE[/BYTES],… as '*=30d,shop=7d/20GiB'") {
                RetentionRules($0)
            } ?? RetentionRules()
        seriesRetention =
            try settings.value("series-retention", "TIER=AGE,… as '10s=30d,1m=90d,1h=730d'") {
                RetentionRules.tiers($0)
            } ?? [:]
        threads = try settings.count("threads", in: 1...256) ?? max(2, WorkerPool.processors)
        let store = StoreLimits()
        headRows = try settings.count("head-rows", in: 1_000...4_000_000) ?? store.headRows
        logFileBytes =
            try settings.count("log-file-bytes", in: 65_536...1 << 30) ?? store.logFileBytes
        columnCacheBytes =
            try settings.count("column-cache-bytes", in: 0...1 << 40)
            ?? ServiceLimits.columnCacheBytes
        queryCacheBytes =
            try settings.count("query-cache-bytes", in: 0...16 << 30)
            ?? QueryLimits.partialCacheBytes
        hasSelfTelemetry =
            try settings.value("self-telemetry", "'on' or 'off'") {
                ["on": true, "off": false][$0]
            } ?? true
        rules = try settings.list("rules", "FILE,…") { !$0.isEmpty }
        ruleInterval = try settings.count("rule-interval", in: 1...86_400) ?? 60
        standstill = try settings.count("standstill", in: 10...604_800) ?? 120
        standstillTier =
            try settings.value("standstill-tier", "automate, ticket or page") {
                AlertTier(rawValue: $0)
            } ?? .page
        alertmanagers = try settings.list("alertmanagers", "URL,… with http:// or https://") {
            $0.hasPrefix("http://") || $0.hasPrefix("https://")
        }
        remoteWrite = try settings.remoteWrite(
            try settings.list("remote-write", "URL,… with http:// or https://") {
                ServerURL($0) != nil
            })
        remoteWriteVersion =
            try settings.value("remote-write-version", "1.0 or 2.0") {
                RemoteWriteRequest.Version(rawValue: $0)
            } ?? .two
        remoteWriteRevisions =
            try settings.count(
                "remote-write-revisions", in: 0...Int(ServiceLimits.remoteWriteRevisionSecondsMax)
            ).map(Int64.init) ?? ServiceLimits.remoteWriteRevisionSeconds
        remoteWriteEnvironment =
            try settings.value("remote-write-environment", "an environment's name") {
                isEnvironmentName($0) ? $0 : nil
            } ?? AccessControl.openEnvironment
        externalURL =
            try settings.value("external-url", "an http or https URL") {
                $0.hasPrefix("http://") || $0.hasPrefix("https://") ? $0 : nil
            } ?? ""
    }
}

/// Where a certificate chain and its key are, both PEM.
struct TLSFiles: Sendable, Equatable {
    let certificate: String
    let key: String
}

/// A setting that cannot be taken, and where it stands.
struct ConfigurationError: Error, CustomStringConvertible {
    let description: String
}

/// The texts of the options that were given, and where each came from.
private struct Settings {
    private var values: [String: (text: String, place: String)] = [:]
    private(set) var metrics: [MetricDefinition] = []
    /// As the file has them.
    private var receivers: [RemoteWriteReceiver] = []
    private(set) var objectives: [ServiceLevelObjective] = []

    init(arguments: [String: String]) {
        for (name, text) in arguments { values[name] = (text, "--\(name)") }
    }

    /// Adds what the file says of options not given otherwise; every key of it must be known.
    mutating func read(_ text: [UInt8], path: String) throws(ConfigurationError) {
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue(parsing: text)
        } catch {
            throw ConfigurationError(description: "\(path): \(error)")
        }
        guard let object = document.object else {
            throw ConfigurationError(
                description: "\(path): expected an object, found \(document.typeName)")
        }
        for member in object.members {
            let place = "\(path): /\(member.key)"
            if member.key == "metrics" {
                metrics = try Settings.metrics(member.value, place)
                continue
            }
            if member.key == "remote_write", let list = member.value.array {
                receivers = try Settings.receivers(list, place)
                continue
            }
            if member.key == "slos" {
                objectives = try Settings.objectives(member.value, place)
                continue
            }
            let name = member.key.replacing("_", with: "-")
            guard Configuration.options.contains(where: { $0.name == name }) else {
                throw ConfigurationError(description: "\(place): there is no such option")
            }
            guard !member.key.contains("-") else {
                throw ConfigurationError(
                    description: "\(place): here options are written with '_': "
                        + member.key.replacing("-", with: "_"))
            }
            let text: String
            switch member.value {
            case .string(let value): text = value
            case .int(let value): text = String(value)
            case .array(let values)
            where Configuration.lists.contains(name) && values.allSatisfy({ $0.string != nil }):
                text = values.compactMap(\.string).joined(separator: ",")
            default:
                throw ConfigurationError(
                    description: "\(place): expected a string or a number, "
                        + "found \(member.value.typeName)")
            }
            if values[name] == nil { values[name] = (text, place) }
        }
    }

    /// Definitions as a call takes them, each with its name.
    private static func metrics(
        _ list: JSONValue, _ place: String
    ) throws(ConfigurationError) -> [MetricDefinition] {
        guard let entries = list.array else {
            throw ConfigurationError(
                description: "\(place): expected an array, found \(list.typeName)")
        }
        var metrics: [MetricDefinition] = []
        for (index, entry) in entries.enumerated() {
            let place = "\(place)/\(index)"
            let metric: MetricDefinition
            do throws(HTTPRefusal) {
                let body = DefinitionBody(entry.object ?? JSONObject())
                metric = try MetricDefinition(
                    try body.requiredText("name", charactersMax: 255), body)
            } catch {
                throw ConfigurationError(
                    description: "\(place): \(error.response.message ?? "no metric")")
            }
            let names = Set(metric.seriesNames + metric.scrapedNames)
            let others = metrics + BuiltInMetrics.definitions
            if let other = others.first(where: { other in
                !names.isDisjoint(with: other.seriesNames + other.scrapedNames)
            }) {
                throw ConfigurationError(
                    description: "\(place): \(metric.name) has a name of \(other.name)")
            }
            metrics.append(metric)
        }
        return metrics
    }

    private static func receivers(
        _ list: [JSONValue], _ place: String
    ) throws(ConfigurationError) -> [RemoteWriteReceiver] {
        var receivers: [RemoteWriteReceiver] = []
        for (index, entry) in list.enumerated() {
            do throws(ConfigurationError) {
                receivers.append(try RemoteWriteReceiver(entry))
            } catch {
                throw ConfigurationError(description: "\(place)/\(index): \(error)")
            }
        }
        return receivers
    }

    /// Those of a flag, which have no credentials, in the place of those of the file.
    func remoteWrite(_ urls: [String]) throws(ConfigurationError) -> [RemoteWriteReceiver] {
        urls.isEmpty ? receivers : urls.compactMap { ServerURL($0) }.map(RemoteWriteReceiver.init)
    }

    /// The same of SLOs.
    private static func objectives(
        _ list: JSONValue, _ place: String
    ) throws(ConfigurationError) -> [ServiceLevelObjective] {
        guard let entries = list.array else {
            throw ConfigurationError(
                description: "\(place): expected an array, found \(list.typeName)")
        }
        var objectives: [ServiceLevelObjective] = []
        for (index, entry) in entries.enumerated() {
            do throws(HTTPRefusal) {
                let body = try OpenSLO.definition(DefinitionBody(entry.object ?? JSONObject()))
                let id = try body.requiredText("name", charactersMax: 63)
                let objective = try ServiceLevelObjective(id, body)
                if objectives.contains(where: { $0.total.name == objective.total.name }) {
                    throw body.wrong("name", "is that of another SLO")
                }
                objectives.append(objective)
            } catch {
                throw ConfigurationError(
                    description: "\(place)/\(index): \(error.response.message ?? "no SLO")")
            }
        }
        return objectives
    }

    func count(
        _ name: String, in range: ClosedRange<Int>
    ) throws(ConfigurationError) -> Int? {
        try value(name, "a number from \(range.lowerBound) to \(range.upperBound)") {
            Int($0).flatMap { range ~= $0 ? $0 : nil }
        }
    }

    /// Texts with commas between them; none when it is not given.
    func list(
        _ name: String, _ expected: String, _ isGood: (String) -> Bool
    ) throws(ConfigurationError) -> [String] {
        try value(name, expected) { text in
            let parts = text.split(separator: ",", omittingEmptySubsequences: false)
                .map(String.init)
            return parts.allSatisfy(isGood) ? parts : nil
        } ?? []
    }

    /// Where OTLP is served: at `port` of `host` unless it is said; nil for `off`.
    func otlpAddress(
        _ name: String, host: String, port: UInt16
    ) throws(ConfigurationError) -> ListenAddress? {
        let said = try value(name, "HOST:PORT or 'off'") { text -> ListenAddress?? in
            text == "off" ? .some(nil) : ListenAddress(text).map { .some($0) }
        }
        return said ?? ListenAddress(host: host, port: port)
    }

    /// The files of TLS: both or none.
    func tlsFiles() throws(ConfigurationError) -> TLSFiles? {
        let certificate = try value("tls-certificate", "a file") { $0.isEmpty ? nil : $0 }
        let key = try value("tls-key", "a file") { $0.isEmpty ? nil : $0 }
        switch (certificate, key) {
        case (nil, nil): return nil
        case (let certificate?, let key?): return TLSFiles(certificate: certificate, key: key)
        default:
            throw ConfigurationError(
                description: "tls-certificate and tls-key are given together or not at all")
        }
    }

    func value<T>(
        _ name: String, _ expected: String, _ convert: (String) -> T?
    ) throws(ConfigurationError) -> T? {
        guard let (text, place) = values[name] else { return nil }
        guard let value = convert(text) else {
            throw ConfigurationError(
                description: "\(place): expected \(expected), found '\(text)'")
        }
        return value
    }
}
