internal import Bytes
internal import Host

/// What people defined in one environment: documents of several kinds, each of one dataset.
struct Definitions: Sendable, Equatable {
    /// The raw value is the name in the file.
    enum Kind: String, CaseIterable, Sendable {
        case datasets
        case columns
        case markers
        /// Colours of markers, by the markers' type (`/1/marker_settings`).
        case markerSettings = "marker_settings"
        /// Fields that queries work out (`/1/derived_columns`).
        case derivedColumns = "derived_columns"
        /// Which fields of a dataset play which part (`/1/dataset_definitions`).
        case datasetDefinitions = "dataset_definitions"
        /// Specifications to be run later (`/1/queries`).
        case queries
        /// Texts with names (`/api/queries`).
        case namedQueries = "named_queries"
        /// What is derived from events (`/api/metrics`).
        case metrics
        /// Files of rules (`/api/rules`).
        case rules
        /// Questions that are asked again and again (`/api/triggers`, `/1/triggers`).
        case triggers
        /// Which share of events must be good (`/api/slos`, `/1/slos`).
        case slos
        /// What an SLO's budget must not do (`/1/burn_alerts`).
        case burnAlerts = "burn_alerts"
        /// Who is told of alerts directly (`/api/receivers`).
        case receivers
        /// Who is told of alerts that name them (`/1/recipients`).
        case recipients
    }

    /// One definition, as its routes shape it.
    struct Document: Sendable, Equatable {
        /// Differs from those of all others of the kind and the dataset.
        let id: String
        /// `DatasetName.key` of its dataset, or `__all__`.
        let dataset: String
        var body: JSONObject

        /// As its routes answer it: the id, then what it says.
        var json: JSONValue {
            var object = JSONObject()
            object["id"] = .string(id)
            for member in body.members { object.append(member.key, member.value) }
            return .object(object)
        }

        /// Eleven digits, as Honeycomb's ids have.
        static func newID(_ random: any RandomSource) -> String {
            String(hexadecimal(random.nextUInt64(), digits: 16).suffix(11))
        }
    }

    private var documents: [Kind: [Document]] = [:]

    init() {}

    /// How many documents there are of all kinds.
    var count: Int { documents.values.reduce(0) { $0 + $1.count } }

    /// All documents of a kind, in the order in which they were made.
    func all(_ kind: Kind) -> [Document] { documents[kind, default: []] }

    /// Those of one dataset.
    func all(_ kind: Kind, of dataset: String) -> [Document] {
        all(kind).filter { $0.dataset == dataset }
    }

    func document(_ kind: Kind, _ id: String, of dataset: String) -> Document? {
        all(kind).first { $0.dataset == dataset && $0.id == id }
    }

    /// Puts a document in the place of the one of its id, or at the end.
    mutating func put(_ document: Document, _ kind: Kind) {
        let place = all(kind).firstIndex {
            $0.dataset == document.dataset && $0.id == document.id
        }
        if let place {
            documents[kind]?[place] = document
        } else {
            documents[kind, default: []].append(document)
        }
    }

    /// Removes a document; false when there is none.
    mutating func remove(_ kind: Kind, _ id: String, of dataset: String) -> Bool {
        let count = all(kind).count
        documents[kind]?.removeAll { $0.dataset == dataset && $0.id == id }
        return all(kind).count < count
    }

    /// Removes all that was defined of a dataset; SLOs that count events of others too stay.
    mutating func removeAll(of dataset: String) {
        for kind in Kind.allCases { documents[kind]?.removeAll { $0.dataset == dataset } }
        for slo in all(.slos) where slo.countedDatasets == [dataset] { remove(slo: slo) }
    }
}

// MARK: - File

extension Definitions {
    private static let version: Int64 = 1

    /// All documents as one, as the file has them.
    ///
    /// ```
    /// {"version": 1, "markers": [{"id": "9f86d081884", "dataset": "shop", "body": {…}}], …}
    /// ```
    var document: JSONValue {
        var object = JSONObject()
        object["version"] = .int(Definitions.version)
        for kind in Kind.allCases where !all(kind).isEmpty {
            object[kind.rawValue] = .array(
                all(kind).map {
                    [
                        "id": .string($0.id), "dataset": .string($0.dataset),
                        "body": .object($0.body),
                    ]
                })
        }
        return .object(object)
    }

    /// Reads what `document` gives; throws when it is anything else, or of a later version.
    init(_ document: JSONValue) throws(DefinitionError) {
        guard document["version"]?.integer == Definitions.version else {
            throw DefinitionError(description: "expected version \(Definitions.version)")
        }
        for member in document.object?.members ?? [] where member.key != "version" {
            guard let kind = Kind(rawValue: member.key), let entries = member.value.array else {
                throw DefinitionError(description: "\(member.key): not known")
            }
            for (index, entry) in entries.enumerated() {
                guard let id = entry["id"]?.string, let dataset = entry["dataset"]?.string,
                    let body = entry["body"]?.object
                else {
                    throw DefinitionError(
                        description: "\(member.key)[\(index)]: expected id, dataset and body")
                }
                documents[kind, default: []].append(
                    Document(id: id, dataset: dataset, body: body))
            }
        }
    }
}

/// A definitions file that cannot be used, and why.
struct DefinitionError: Error, CustomStringConvertible {
    let description: String
}
