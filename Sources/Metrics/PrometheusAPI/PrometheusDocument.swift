internal import Bytes
internal import SeriesStore

/// Writes the documents of Prometheus's API.
struct PrometheusDocument {
    private var writer = JSONWriter()
    /// The bytes of one sample, kept for the next.
    private var scratch: [UInt8] = []
    private var warnings: [String] = []
    private var infos: [String] = []

    /// The document around what `data` writes, or around its fault.
    static func answer(
        _ data: (inout PrometheusDocument) throws(PrometheusFault) -> Void
    ) -> PrometheusAPI.Answer {
        var document = PrometheusDocument()
        document.writer.beginObject()
        document.writer.key("status")
        document.writer.string("success")
        document.writer.key("data")
        do throws(PrometheusFault) {
            try data(&document)
        } catch {
            return answer(error)
        }
        document.texts("warnings", document.warnings)
        document.texts("infos", document.infos)
        document.writer.endObject()
        return PrometheusAPI.Answer(status: 200, body: document.writer.bytes)
    }

    private static func answer(_ fault: PrometheusFault) -> PrometheusAPI.Answer {
        var writer = JSONWriter()
        writer.beginObject()
        for (key, value) in [
            ("status", "error"), ("errorType", fault.type), ("error", fault.message),
        ] {
            writer.key(key)
            writer.string(value)
        }
        writer.endObject()
        return PrometheusAPI.Answer(status: fault.status, body: writer.bytes)
    }

    private mutating func texts(_ key: String, _ texts: [String]) {
        if texts.isEmpty { return }
        writer.key(key)
        array(texts) { document, text in document.string(text) }
    }

    // MARK: - Parts

    mutating func string(_ text: String) { writer.string(text) }

    mutating func array<Element>(
        _ elements: [Element], _ write: (inout PrometheusDocument, Element) -> Void
    ) {
        writer.beginArray()
        for element in elements { write(&self, element) }
        writer.endArray()
    }

    /// As many as are wanted; a warning tells when there are more.
    mutating func truncated<Element>(_ elements: [Element], _ limit: Int?) -> [Element] {
        guard let limit, elements.count > limit else { return elements }
        warnings.append("results truncated due to limit")
        return Array(elements[..<limit])
    }

    mutating func write(_ labels: Labels) {
        writer.beginObject()
        for label in labels {
            writer.key(label.name)
            writer.string(label.value)
        }
        writer.endObject()
    }

    mutating func metadata(_ found: [(name: String, all: [PrometheusAPI.Metadata])]) {
        writer.beginObject()
        for (name, all) in found {
            writer.key(name)
            array(all) { document, metadata in
                document.writer.beginObject()
                for (key, value) in [
                    ("type", metadata.type), ("unit", metadata.unit), ("help", metadata.help),
                ] {
                    document.writer.key(key)
                    document.writer.string(value)
                }
                document.writer.endObject()
            }
        }
        writer.endObject()
    }

    /// The version is that of the Prometheus whose API and language this is, by which Grafana decides
    /// what it may ask; the application says who answers.
    mutating func buildInfo(_ version: String) {
        writer.beginObject()
        for (key, value) in [
            ("version", "3.5.0"), ("revision", ""), ("branch", ""), ("buildUser", ""),
            ("buildDate", ""), ("goVersion", ""), ("application", "Widefield \(version)"),
        ] {
            writer.key(key)
            writer.string(value)
        }
        writer.endObject()
    }

    // MARK: - Values

    mutating func write(_ answer: PromQLEngine.Answer, _ notes: SeriesNotes?, limit: Int?) {
        warnings += answer.warnings + (notes?.warnings ?? [])
        infos += answer.infos + (notes?.infos ?? [])
        writer.beginObject()
        writer.key("resultType")
        switch answer.value {
        case .scalar(let time, let number):
            result("scalar")
            sample(time, number)
        case .string(let time, let text):
            result("string")
            writer.beginArray()
            seconds(time)
            writer.string(text)
            writer.endArray()
        case .vector(let series):
            result("vector")
            array(truncated(series, limit)) { document, one in
                document.write(one, isVector: true)
            }
        case .matrix(let series):
            result("matrix")
            array(truncated(series, limit)) { document, one in
                document.write(one, isVector: false)
            }
        }
        writer.endObject()
    }

    private mutating func result(_ type: String) {
        writer.string(type)
        writer.key("result")
    }

    /// A time with a number, which stands in quotes because JSON has no infinity.
    private mutating func sample(_ time: Int64, _ number: Double) {
        scratch.removeAll(keepingCapacity: true)
        scratch.append(UInt8(ascii: "["))
        NumberText.appendSeconds(time, to: &scratch)
        scratch.append(UInt8(ascii: ","))
        scratch.append(UInt8(ascii: "\""))
        NumberText.appendJSON(number, to: &scratch)
        scratch.append(UInt8(ascii: "\""))
        scratch.append(UInt8(ascii: "]"))
        writer.raw(scratch)
    }

    private mutating func seconds(_ time: Int64) {
        scratch.removeAll(keepingCapacity: true)
        NumberText.appendSeconds(time, to: &scratch)
        writer.raw(scratch)
    }

    private mutating func write(_ series: SeriesData, isVector: Bool) {
        let samples = series.samples
        writer.beginObject()
        writer.key("metric")
        write(series.labels)
        let places = 0..<samples.count
        let histograms =
            samples.histograms.isEmpty ? [] : places.filter { samples.histograms[$0] != nil }
        let numbers =
            histograms.isEmpty
            ? Array(places) : places.filter { samples.histograms[$0] == nil }
        if isVector {
            if let place = numbers.first {
                writer.key("value")
                sample(samples.timestamps[place], samples.values[place])
            } else if let place = histograms.first {
                writer.key("histogram")
                histogram(samples, place)
            }
        } else {
            if !numbers.isEmpty {
                writer.key("values")
                array(numbers) { document, place in
                    document.sample(samples.timestamps[place], samples.values[place])
                }
            }
            if !histograms.isEmpty {
                writer.key("histograms")
                array(histograms) { document, place in document.histogram(samples, place) }
            }
        }
        writer.endObject()
    }

    /// The exemplars of a series.
    mutating func write(_ series: SeriesExemplars) {
        writer.beginObject()
        writer.key("seriesLabels")
        write(series.labels)
        writer.key("exemplars")
        array(series.exemplars) { document, exemplar in
            document.writer.beginObject()
            document.writer.key("labels")
            document.write(exemplar.labels)
            document.writer.key("value")
            document.writer.string(NumberText.json(exemplar.value))
            document.writer.key("timestamp")
            document.seconds(exemplar.timestamp)
            document.writer.endObject()
        }
        writer.endObject()
    }

    private mutating func histogram(_ samples: Samples, _ place: Int) {
        guard let stored = samples.histograms[place] else { return }
        let histogram = Histogram(stored)
        writer.beginArray()
        seconds(samples.timestamps[place])
        writer.beginObject()
        writer.key("count")
        writer.string(NumberText.json(histogram.count))
        writer.key("sum")
        writer.string(NumberText.json(histogram.sum))
        let buckets = histogram.ascendingBuckets
        if !buckets.isEmpty {
            writer.key("buckets")
            array(buckets) { document, bucket in document.bucket(bucket) }
        }
        writer.endObject()
        writer.endArray()
    }

    private mutating func bucket(_ bucket: HistogramBucket) {
        writer.beginArray()
        // Which bounds belong to it: only the upper, only the lower, none, both.
        writer.int(
            bucket.includesLower ? (bucket.includesUpper ? 3 : 1) : (bucket.includesUpper ? 0 : 2))
        for value in [bucket.lower, bucket.upper, bucket.count] {
            writer.string(NumberText.json(value))
        }
        writer.endArray()
    }
}
