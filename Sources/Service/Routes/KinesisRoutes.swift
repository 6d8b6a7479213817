internal import Bytes
internal import EventStore
internal import Events
internal import Host

/// `/1/kinesis_events`: where Amazon Data Firehose delivers, records of lines of JSON in base64.
///
/// Firehose sends a delivery again, under the same id, until it is answered 200 with that id: the id is
/// the request's key, so a repeat stores nothing.
struct KinesisRoutes: Sendable {
    let pipeline: Pipeline

    var routes: [Route] {
        [
            Route("POST", "/1/kinesis_events/{dataset}", .sendEvents, lane: .ingest) {
                call, reply in
                take(call) { response in
                    reply(response.status == 200 ? response : told(call.head, response))
                }
            }.refusing(told)
        ]
    }

    private static let idHeader = "X-Amz-Firehose-Request-Id"

    /// A refusal as Firehose logs it; its headers, as `Retry-After`, stay.
    private func told(_ head: HTTPRequestHead, _ refusal: HTTPResponse) -> HTTPResponse {
        var answer = HTTPResponse.json(
            .object(
                KinesisDelivery.receipt(
                    of: head.headers[KinesisRoutes.idHeader] ?? "",
                    at: pipeline.intake.clock.wallNanoseconds(), fault: refusal.message ?? "refused"
                )),
            status: refusal.status)
        for field in refusal.headers.fields where field.name != "Content-Type" {
            answer.headers.add(field.name, field.value)
        }
        answer.closesConnection = refusal.closesConnection
        return answer
    }

    private func take(_ call: RouteCall, _ reply: @escaping Route.Reply) {
        do throws(HTTPRefusal) {
            pipeline.take(try incoming(call), reply: reply)
        } catch {
            reply(error.response)
        }
    }

    private func incoming(_ call: RouteCall) throws(HTTPRefusal) -> IncomingEvents {
        let dataset = call.parameters[0]
        if let fault = DatasetDirectory.fault(in: dataset) { throw HTTPRefusal(.error(400, fault)) }
        let delivery = try KinesisDelivery(try call.request.openedBody())
        let id = call.head.headers[KinesisRoutes.idHeader] ?? delivery.requestID
        guard (1...ServiceLimits.idempotencyKeyBytesMax).contains(id.utf8.count) else {
            throw HTTPRefusal(.error(400, "expected a requestId"))
        }
        let key = RequestKey(
            "firehose " + id, call.request.body, meaning: "kinesis\n\(DatasetName.key(dataset))",
            answerType: IngestAnswer.json)
        return IncomingEvents(
            environment: call.principal.environment, dataset: dataset,
            form: .records(requestID: id, receivedAt: pipeline.intake.clock.wallNanoseconds()),
            body: delivery.lines, key: key, durability: .synced)
    }
}
