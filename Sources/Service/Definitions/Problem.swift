internal import Bytes

/// Why a call of the management API is refused, in the kinds that Honeycomb's clients tell apart.
enum Problem: String, Sendable {
    case notFound = "not-found"
    case conflict
    case unparseable
    case tooLarge = "payload-too-large"
    case invalid = "validation-failed"

    var status: Int {
        switch self {
        case .notFound: 404
        case .conflict: 409
        case .unparseable: 400
        case .tooLarge: 413
        case .invalid: 422
        }
    }

    fileprivate var title: JSONValue {
        switch self {
        case .notFound: "The requested resource cannot be found."
        case .conflict: "The request conflicts with what is there."
        case .unparseable: "The request body could not be parsed."
        case .tooLarge: "The request body is too large."
        case .invalid: "The provided input is invalid."
        }
    }
}

extension HTTPResponse {
    /// A refusal as RFC 7807 has it, with the `error` of all other refusals too.
    ///
    /// - Parameters:
    ///   - field: the member of the body that is wrong, when one is.
    ///   - code: `invalid`, `missing`, `incorrect_type` or `already_exists`.
    static func problem(
        _ problem: Problem, _ message: String, field: String? = nil, code: String = "invalid"
    ) -> HTTPResponse {
        var document = JSONObject()
        document["status"] = .int(Int64(problem.status))
        // The name by which clients know the kind, not a page of ours.
        document["type"] = .string("https://api.honeycomb.io/problems/" + problem.rawValue)
        document["title"] = problem.title
        document["error"] = .string(message)
        document["detail"] = .string(message)
        if let field {
            document["type_detail"] = [
                [
                    "field": .string(field), "code": .string(code),
                    "description": .string(message),
                ]
            ]
        }
        var response = HTTPResponse.error(problem.status, message)
        response.headers["Content-Type"] = "application/problem+json"
        response.body = Array(JSONValue.object(document).text.utf8)
        return response
    }
}
