internal import Bytes
internal import Metrics
internal import SeriesStore

/// Makes requests of series and knows what answers mean.
struct RemoteWriteSender: ~Copyable {
    enum Outcome {
        case taken
        /// The same would be refused again.
        case refused(String)
        /// May pass; the receiver may say after how many seconds.
        case failed(String, after: Int?)
    }

    private var client: HTTPClient
    private var version: RemoteWriteRequest.Version

    private let headers: HTTPHeaders

    init(_ receiver: RemoteWriteReceiver, _ version: RemoteWriteRequest.Version) {
        client = HTTPClient(receiver.url, authorities: receiver.authorities)
        headers = receiver.headers
        self.version = version
    }

    /// Whether exemplars and starts are sent.
    var sendsExemplars: Bool { version == .two }

    /// Parts of at most `ServiceLimits.remoteWriteSamples`, each series' samples in their order.
    static func batches(_ series: [RemoteWriteSeries]) -> [[RemoteWriteSeries]] {
        var batches: [[RemoteWriteSeries]] = []
        var room = 0
        for one in series {
            var first = 0
            let samples = one.data.samples
            let cost = 1 + (samples.histograms.first??.positiveBuckets.count ?? 0)
            while first < samples.count {
                if room < cost {
                    batches.append([])
                    room = max(cost, ServiceLimits.remoteWriteSamples)
                }
                let count = min(samples.count - first, room / cost)
                batches[batches.count - 1].append(one[first..<first + count])
                room -= count * cost
                first += count
            }
        }
        return batches
    }

    mutating func send(_ batch: [RemoteWriteSeries]) -> Outcome {
        let body = Snappy.compress(RemoteWriteRequest.encode(batch, version))
        var headers: HTTPHeaders = [
            "Content-Type": version.contentType, "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": version.number, "User-Agent": "widefield",
        ]
        headers["traceparent"] = TraceContext.beginning().traceparent
        for (name, value) in self.headers.fields { headers.add(name, value) }
        let response: HTTPResponse
        do throws(HTTPClientError) {
            response = try client.request("POST", "", headers: headers, body: body)
        } catch {
            return .failed("\(error)", after: nil)
        }
        let reason =
            "status \(response.status): \(String(decoding: response.body.prefix(200), as: UTF8.self))"
        switch response.status {
        case 200..<300:
            // Whoever takes 2.0 says how much it wrote; others took it for something else.
            let knowsTwo = response.headers["X-Prometheus-Remote-Write-Samples-Written"] != nil
            guard version == .two && !knowsTwo else { return .taken }
            version = .one
            return send(batch)
        case 415 where version == .two:
            version = .one
            return send(batch)
        case 429, 500...:
            return .failed(reason, after: response.headers["Retry-After"].flatMap { Int($0) })
        default: return .refused(reason)
        }
    }
}
