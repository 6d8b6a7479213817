internal import Bytes
internal import Host
internal import SeriesStore

/// Reads series as Prometheus's API answers them: a document of the type `matrix`.
enum MatrixFile {
    /// Bytes of such a file.
    private static let bytesMax = 1 << 28

    /// Reads the series with float samples.
    ///
    /// Throws `HostError`, `JSONError`, or what is wrong with the document.
    static func series(at path: String) throws -> [SeriesData] {
        let bytes = try Machine.real.files.readFile(path, limit: bytesMax)
        let data = try JSONValue(parsing: bytes)["data"]
        guard data?["resultType"]?.string == "matrix", let result = data?["result"]?.array else {
            throw CommandFailure(.failed, "\(path): no answer of the type matrix")
        }
        return try result.map { one in
            guard let metric = one["metric"]?.object, let values = one["values"]?.array else {
                throw CommandFailure(.failed, "\(path): a series without labels or values")
            }
            let labels = Labels(metric.members.map { Label($0.key, $0.value.string ?? "") })
            var samples = Samples()
            for pair in values {
                guard let time = pair.array?.first?.number, let text = pair.array?.last?.string,
                    let value = Double(text)
                else { throw CommandFailure(.failed, "\(path): a sample that is none") }
                samples.append(Int64((time * 1000).rounded()), value)
            }
            return SeriesData(labels: labels, samples: samples)
        }
    }
}
